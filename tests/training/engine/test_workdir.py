"""The files of a run: whose folder it is, what is written, and what damage does to it."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.engine.workdir import METRICS, Workdir, num_parameters

ROOT = Path(__file__).parents[3]
CONFIG = {"network": "mlp", "epochs": 2, "network_args": {"hidden_sizes": (4, 3)}}


def row(epoch: int) -> dict[str, float]:
    values = np.random.default_rng(epoch).uniform(size=len(METRICS)) / 3
    return {**dict(zip(METRICS, values.tolist(), strict=True)), "epoch": epoch}


def contents(folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_new_or_empty_folder_is_claimed(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new", "deep/er"):
        run = Workdir(tmp_path / name)
        run.claim(CONFIG, resume=False)
        held = json.loads((run.path / "config.json").read_text())
        assert held == {**CONFIG, "network_args": {"hidden_sizes": [4, 3]}}
        assert sorted(os.listdir(run.path)) == ["config.json", "manifest.json"]


def test_resume_begins_where_there_is_nothing(tmp_path):
    Workdir(tmp_path / "run").claim(CONFIG, resume=True)
    assert (tmp_path / "run" / "config.json").exists()


def test_the_same_configuration_wants_resume(tmp_path):
    run = Workdir(tmp_path)
    run.claim(CONFIG, resume=False)
    before = contents(tmp_path)
    with pytest.raises(
        ValueError, match="of this configuration already: continue it with --resume"
    ):
        run.claim(CONFIG, resume=False)
    run.claim(CONFIG, resume=True)  # a tuple there is a list here, and the same
    assert contents(tmp_path) == before


@pytest.mark.parametrize("resume", [False, True])
def test_another_configuration_is_refused_with_what_differs(tmp_path, resume):
    run = Workdir(tmp_path)
    run.claim(CONFIG, resume=False)
    before = contents(tmp_path)
    other = {"network": "mlp", "epochs": 3, "seed": 1, "network_args": {"hidden_sizes": (4,)}}
    with pytest.raises(ValueError, match="holds a run of another configuration") as raised:
        run.claim(other, resume)
    message = str(raised.value)
    assert "epochs: 2 there, 3 here" in message
    assert "seed: 'none' there, 1 here" in message
    assert "network_args: {'hidden_sizes': [4, 3]} there, {'hidden_sizes': [4]} here" in message
    assert "network:" not in message
    assert contents(tmp_path) == before


@pytest.mark.parametrize("resume", [False, True])
def test_folders_of_another_origin_are_refused(tmp_path, resume):
    (tmp_path / "thesis.tex").write_text("words")
    with pytest.raises(ValueError, match="exists and holds no run: give a new or empty folder"):
        Workdir(tmp_path).claim(CONFIG, resume)
    with pytest.raises(ValueError, match="exists and holds no run: give a new or empty folder"):
        Workdir(tmp_path / "thesis.tex").claim(CONFIG, resume)
    assert contents(tmp_path) == {"thesis.tex": b"words"}


@pytest.mark.parametrize("resume", [False, True])
def test_a_lost_configuration_is_named(tmp_path, resume):
    run = Workdir(tmp_path)
    run.claim(CONFIG, resume=False)
    run.write("result.json", {})
    (tmp_path / "config.json").unlink()
    with pytest.raises(ValueError, match="config.json is lost: give another --workdir"):
        run.claim(CONFIG, resume)


def test_where_things_are_may_change(tmp_path):
    """The folder of the data is kept for who goes on, and is no part of what a run is."""
    run = Workdir(tmp_path)
    run.claim({**CONFIG, "data_dir": "here"}, resume=False)
    run.claim({**CONFIG, "data_dir": "there"}, resume=True)
    run.claim(CONFIG, resume=True)
    assert run.read("config.json")["data_dir"] == "here"


def test_the_configuration_of_a_run_is_checked(tmp_path):
    config = {"network": "mlp", "network_args": {}, "dataset": "d", "data_sha256": "0"}
    config |= {"num_classes": 2, "image_shape": [2, 2, 1]}
    run = Workdir(tmp_path)
    run.write("config.json", config)
    assert run.read_config() == config
    for key in config:
        run.write("config.json", {k: v for k, v in config.items() if k != key})
        with pytest.raises(ValueError, match=f"or of an earlier version: it lacks its {key}"):
            run.read_config()
    for reserved in ("num_classes", "name"):
        run.write("config.json", config | {"network_args": {reserved: 1}})
        with pytest.raises(ValueError, match=f"network_args must not hold {reserved}, got "):
            run.read_config()


def test_the_epoch_of_the_newest_checkpoint(tmp_path):
    run = Workdir(tmp_path)
    assert run.newest_epoch() == 0
    save(run, [10, 20, 30])
    assert run.newest_epoch() == 3


def test_a_run_killed_at_its_first_file_can_begin_again(tmp_path):
    def crash(source, target):
        if str(target).endswith("config.json"):
            raise OSError(errno.EIO, "gone")
        os.rename(source, target)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError, match="gone"):
        patch.setattr(os, "replace", crash)
        Workdir(tmp_path).claim(CONFIG, resume=False)
    assert sorted(os.listdir(tmp_path)) == [".config.json.new", "manifest.json"]
    run = Workdir(tmp_path)
    run.claim(CONFIG, resume=True)
    run.clean()
    assert sorted(os.listdir(tmp_path)) == ["config.json", "manifest.json"]


def test_a_folder_that_cannot_be_written(tmp_path):
    """Below a file; file permissions would not stop a superuser."""
    (tmp_path / "file").write_text("")
    with pytest.raises(
        OSError, match=r"workdir .*file.runs.7 cannot be written \(Not a directory\)"
    ):
        Workdir(tmp_path / "file" / "runs" / "7").claim(CONFIG, resume=False)
    assert contents(tmp_path) == {"file": b""}


def test_a_crash_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    run = Workdir(tmp_path)
    run.write("result.json", {"test_accuracy": 0.5})

    def crash(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(OSError, match="cannot be written .No space left on device.: give another"):
        run.write("result.json", {"test_accuracy": 0.75})
    assert run.read("result.json") == {"test_accuracy": 0.5}


@pytest.mark.parametrize(
    "damage", [b"", b'{"network": "m', b"\xff\xfe", b"[]", b"7", b'"mlp"', b"null"]
)
def test_damaged_json(tmp_path, damage):
    """Also where it still parses."""
    run = Workdir(tmp_path)
    run.claim(CONFIG, resume=False)
    (tmp_path / "config.json").write_bytes(damage)
    before = contents(tmp_path)
    for attempt in (lambda: run.read("config.json"), lambda: run.claim(CONFIG, resume=True)):
        with pytest.raises(ValueError, match="config.json is damaged: it is not what was written"):
            attempt()
    assert contents(tmp_path) == before


def test_json_that_is_no_object(tmp_path):
    run = Workdir(tmp_path)
    for text in ("7", '{"network": "m', "[" * 100_000):
        run.write_text("result.json", text)
        with pytest.raises(ValueError, match="result.json cannot be read"):
            run.read("result.json")


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"files": {}, "sha256": "0"}'])
def test_a_damaged_or_lost_manifest(tmp_path, damage):
    run = Workdir(tmp_path)
    run.claim(CONFIG, resume=False)
    manifest = tmp_path / "manifest.json"
    text = manifest.read_text()
    for spoiled in (damage, text.replace("config.json", "c0nfig.json").encode()):
        manifest.write_bytes(spoiled)
        with pytest.raises(ValueError, match="manifest.json is damaged"):
            run.claim(CONFIG, resume=True)
    manifest.unlink()
    with pytest.raises(ValueError, match="manifest.json is lost, or .* of an earlier version"):
        run.claim(CONFIG, resume=True)
    manifest.write_text(text)
    run.claim(CONFIG, resume=True)


def test_a_file_is_that_of_before_or_of_after_a_crash(tmp_path, monkeypatch):
    """However often the writing is interrupted, and never one of long ago."""
    run = Workdir(tmp_path)
    for value in (1, 2):
        run.write("result.json", {"value": value})
    old = (tmp_path / "result.json").read_bytes()

    def crash(source, target):
        if str(target).endswith("result.json"):
            raise OSError(errno.EIO, "gone")
        os.rename(source, target)

    for value in (3, 4):
        with monkeypatch.context() as patch, pytest.raises(OSError, match="gone"):
            patch.setattr(os, "replace", crash)
            run.write("result.json", {"value": value})
        assert run.read("result.json") == {"value": 2}
    for value in (5, 6):
        run.write("result.json", {"value": value})
    (tmp_path / "result.json").write_bytes(old)
    with pytest.raises(ValueError, match="is damaged"):
        run.read("result.json")


def test_what_is_written_is_synchronised_before_it_counts(tmp_path, monkeypatch):
    """A file before it takes its place, its name after; a checkpoint before the manifest has it."""
    happened = []

    def fsync(descriptor):
        happened.append(("sync", os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))))

    def replace(source, target):
        happened.append(("replace", os.path.basename(target)))
        os.rename(source, target)

    run = Workdir(tmp_path / "run")
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    run.write("result.json", {})
    own = [("sync", ".result.json.new"), ("replace", "result.json"), ("sync", "run")]
    listed = [("sync", ".manifest.json.new"), ("replace", "manifest.json"), ("sync", "run")]
    assert happened == listed + own
    happened.clear()
    save(run, [10])
    parts = ["ckpt-1.data-00000-of-00001", "ckpt-1.index", "checkpoints"]
    assert happened == [("sync", part) for part in parts] + listed


def test_one_at_a_time(tmp_path):
    refused = pytest.raises(ValueError, match="is in use, by a command that runs now")
    with Workdir(tmp_path).alone(), refused:
        Workdir(tmp_path).alone().__enter__()
    with Workdir(tmp_path).alone():
        pass
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("words")
    with pytest.raises(ValueError, match="exists and holds no run"):
        Workdir(tmp_path / "other").alone().__enter__()
    assert os.listdir(tmp_path / "other") == ["thesis.tex"]


@pytest.mark.slow
def test_the_lock_of_a_killed_owner_is_free(tmp_path):
    code = "from weirdonetworks.commands.folder import Folder; import sys, time\n"
    code += "with Folder(sys.argv[1]).alone(): print(1, flush=True); time.sleep(60)"
    words = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT) as process:
        process.stdout.readline()
        with pytest.raises(ValueError, match="is in use"):
            Workdir(tmp_path).alone().__enter__()
        process.kill()
    with Workdir(tmp_path).alone():
        pass


def test_missing_json(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match="has no config.json: give the folder of a run"):
            Workdir(folder).read("config.json")
    (tmp_path / "config.json").mkdir()
    with pytest.raises(ValueError, match="config.json cannot be read"):
        Workdir(tmp_path).read("config.json")


def test_metrics_come_back_to_the_bit(tmp_path):
    run = Workdir(tmp_path)
    rows = [row(epoch) for epoch in (1, 2, 3)]
    run.write_metrics(rows)
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,train_accuracy,validation_accuracy,learning_rate,seconds"
    assert len(lines) == 4
    assert run.read_metrics(3) == rows
    assert [type(r["epoch"]) for r in run.read_metrics(3)] == [int] * 3


def test_rows_of_epochs_that_were_not_saved_are_dropped(tmp_path):
    run = Workdir(tmp_path)
    run.write_metrics([row(1), row(2), row(3)])
    assert run.read_metrics(2) == [row(1), row(2)]
    run.write_metrics([row(1)])
    assert run.read_metrics(0) == []
    assert Workdir(tmp_path / "new").read_metrics(0) == []


def test_missing_rows_and_missing_checkpoints(tmp_path):
    run = Workdir(tmp_path)
    with pytest.raises(ValueError, match="metrics.csv cannot be read .*No such file"):
        run.read_metrics(1)
    run.write_metrics([row(1), row(2)])
    with pytest.raises(ValueError, match="has 2 rows, but the newest checkpoint is of epoch 3"):
        run.read_metrics(3)
    with pytest.raises(ValueError, match="has 2 rows, but the newest checkpoint is missing"):
        run.read_metrics(0)


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "epoch,loss\n1,0.5\n",
        ",".join(METRICS) + "\n1,0.5\n",
        ",".join(METRICS) + "\n1,2,3,4,5,fast\n",
        ",".join(METRICS) + "\n1,2,3,4,5,\n",
    ],
)
def test_damaged_metrics(tmp_path, damage):
    run = Workdir(tmp_path)
    run.write_text("metrics.csv", damage)
    with pytest.raises(ValueError, match=r"metrics\.csv (cannot be read|has 0 rows)"):
        run.read_metrics(1)
    run.write_metrics([row(1)])
    with open(tmp_path / "metrics.csv", "a") as file:
        file.write("2,0,0,0,0,0\n")
    with pytest.raises(ValueError, match="metrics.csv is damaged: it is not what was written"):
        run.read_metrics(1)


class Net(snt.Module):
    def __init__(self, size: int = 1000):
        super().__init__()
        self.w = tf.Variable(tf.zeros([size]))


def save(run: Workdir, values) -> tf.train.Checkpoint:
    """Saves a checkpoint for each value, as the epochs 1, 2, ..."""
    net = Net()
    checkpoint = tf.train.Checkpoint(network=net)
    for epoch, value in enumerate(values, start=1):
        net.w.assign(tf.fill([1000], float(value)))
        path = run.save(checkpoint, epoch)
        assert path == str(run.path / "checkpoints" / f"ckpt-{epoch}")
    return checkpoint


def restored(run: Workdir, net: Net | None = None, everything: bool = True):
    net = net or Net()
    return run.restore(tf.train.Checkpoint(network=net), everything), float(net.w[0])


@pytest.mark.parametrize("name", ["run", "läufe, zwei (2)"])
def test_the_newest_checkpoint_is_restored_and_two_are_kept(tmp_path, name):
    run = Workdir(tmp_path / name)
    assert restored(run) == (0, 0)
    save(run, [10, 20, 30])
    assert restored(run) == (3, 30)
    kept = sorted(path.stem for path in (run.path / "checkpoints").glob("*.index"))
    assert kept == ["ckpt-2", "ckpt-3"]


@pytest.mark.parametrize("name", ["run[1]", "run*", "run?", "run\\1"])
def test_paths_that_tensorflow_takes_for_patterns(tmp_path, name):
    """It would write a checkpoint there, and not find it again."""
    with pytest.raises(ValueError, match=r"workdir must not contain any of \* \? \[ "):
        Workdir(tmp_path / name)


def test_a_folder_may_be_moved_and_named_relatively(tmp_path, monkeypatch):
    save(Workdir(tmp_path / "here"), [10])
    (tmp_path / "here").rename(tmp_path / "there")
    monkeypatch.chdir(tmp_path)
    assert restored(Workdir("there")) == (1, 10)


def test_after_a_restore_saving_goes_on(tmp_path):
    run = Workdir(tmp_path)
    save(run, [10, 20])
    net = Net()
    checkpoint = tf.train.Checkpoint(network=net)
    run.restore(checkpoint)
    net.w.assign(tf.fill([1000], 30.0))
    run.save(checkpoint, 3)
    assert restored(run) == (3, 30)
    assert {p.stem for p in (tmp_path / "checkpoints").glob("*.index")} == {"ckpt-2", "ckpt-3"}


def test_a_checkpoint_that_was_never_finished_is_no_checkpoint(tmp_path):
    """What a kill leaves while one is written: parts, but no entry in the manifest."""
    run = Workdir(tmp_path)
    save(run, [10, 20])
    folder = tmp_path / "checkpoints"
    (folder / "ckpt-3_temp").mkdir()
    (folder / "ckpt-3.data-00000-of-00001").write_bytes(b"half")
    (folder / "ckpt-3.index").write_bytes(b"half")
    assert restored(run) == (2, 20)
    (tmp_path / ".metrics.csv.new").write_text("half")
    run.clean()
    assert not list(folder.glob("ckpt-3*")) and not (tmp_path / ".metrics.csv.new").exists()
    assert restored(run) == (2, 20)


def test_only_checkpoints_of_its_own_are_deleted(tmp_path):
    """Whatever a list of TensorFlow's says."""
    other = Workdir(tmp_path / "other")
    save(other, [10])
    run = Workdir(tmp_path / "run")
    save(run, [10, 20])
    outside = 'all_model_checkpoint_paths: "../../other/checkpoints/ckpt-1"'
    (run.path / "checkpoints" / "checkpoint").write_text(outside + "\n")
    save(run, [10, 20, 30])
    assert restored(other) == (1, 10)


def damage_data(folder):
    path = folder / "ckpt-2.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[:100])


def flip_a_bit(folder):
    path = folder / "ckpt-2.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)


def lose_data(folder):
    (folder / "ckpt-2.data-00000-of-00001").unlink()


def damage_index(folder):
    path = folder / "ckpt-2.index"
    path.write_bytes(path.read_bytes()[:50])


def empty_index(folder):
    (folder / "ckpt-2.index").write_bytes(b"")


DAMAGES = [damage_data, flip_a_bit, lose_data, damage_index, empty_index]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("everything", [True, False])
def test_a_damaged_checkpoint_is_told_and_the_one_before_restored(
    tmp_path, damage, everything, capfd
):
    run = Workdir(tmp_path)
    save(run, [10, 20])
    damage(tmp_path / "checkpoints")
    assert restored(run, everything=everything) == (1, 10)
    told = capfd.readouterr().err
    assert re.fullmatch(
        rf"checkpoints/ckpt-2\.\S+ is (damaged|lost) in {tmp_path}: back to epoch 1\n", told
    )


def test_lost_checkpoints_are_not_taken_for_a_new_run(tmp_path):
    run = Workdir(tmp_path)
    save(run, [10, 20])
    for path in (tmp_path / "checkpoints").glob("ckpt-*"):
        path.unlink()
    with pytest.raises(ValueError, match="has no whole checkpoint .*ckpt-2.* is lost, .*ckpt-1"):
        restored(run)


def test_checkpoints_of_another_network(tmp_path):
    run = Workdir(tmp_path)
    save(run, [10])
    with pytest.raises(ValueError, match="is of another network"):
        restored(run, Net(size=7))
    more = Net()
    more.extra = tf.Variable(0.0)
    for everything in (True, False):
        with pytest.raises(ValueError, match="is of another network"):
            restored(run, more, everything)


def test_a_checkpoint_that_cannot_be_written(tmp_path):
    (tmp_path / "checkpoints").write_text("in the way")
    with pytest.raises(OSError, match="cannot be written .*: make room there and continue"):
        save(Workdir(tmp_path), [10])


def test_num_parameters():
    network = wn.create_network("mlp", hidden_sizes=(5,), dropout=0.5)
    network(tf.zeros([1, 28, 28, 1]))
    assert num_parameters(network) == 784 * 5 + 5 + 5 * 10 + 10
