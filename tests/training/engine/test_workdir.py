"""The files of a run: whose folder it is, what is written, and what damage does to it."""

import errno
import json
import os

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.engine.workdir import METRICS, Workdir, num_parameters

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
        assert os.listdir(run.path) == ["config.json"]


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


def test_the_epoch_of_the_newest_checkpoint(tmp_path):
    run = Workdir(tmp_path)
    assert run.newest_epoch() == 0
    save(run, [10, 20, 30])
    assert run.newest_epoch() == 3


def test_a_run_killed_at_its_first_file_can_begin_again(tmp_path):
    (tmp_path / ".config.json.new").write_text('{"netw')
    Workdir(tmp_path).claim(CONFIG, resume=True)
    assert os.listdir(tmp_path) == ["config.json"]


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
    (tmp_path / "config.json").write_bytes(damage)
    run = Workdir(tmp_path)
    for attempt in (lambda: run.read("config.json"), lambda: run.claim(CONFIG, resume=True)):
        with pytest.raises(ValueError, match="config.json cannot be read"):
            attempt()
    assert contents(tmp_path) == {"config.json": damage}


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
    (tmp_path / "metrics.csv").write_text(damage)
    with pytest.raises(ValueError, match=r"metrics\.csv (cannot be read|has 0 rows)"):
        Workdir(tmp_path).read_metrics(1)


class Net(snt.Module):
    def __init__(self, size: int = 1000):
        super().__init__()
        self.w = tf.Variable(tf.zeros([size]))


def save(run: Workdir, values) -> tf.train.Checkpoint:
    """Saves a checkpoint for each value, as the epochs 1, 2, ..."""
    net = Net()
    checkpoint = tf.train.Checkpoint(network=net)
    manager = run.checkpoints(checkpoint)
    for epoch, value in enumerate(values, start=1):
        net.w.assign(tf.fill([1000], float(value)))
        path = run.save(manager, epoch)
        assert path == str(run.path / "checkpoints" / f"ckpt-{epoch}")
    return checkpoint


def restored(run: Workdir, net: Net | None = None, everything: bool = True):
    net = net or Net()
    path = run.restore(tf.train.Checkpoint(network=net), everything)
    return path and os.path.basename(path), float(net.w[0])


@pytest.mark.parametrize("name", ["run", "läufe, zwei (2)"])
def test_the_newest_checkpoint_is_restored_and_two_are_kept(tmp_path, name):
    run = Workdir(tmp_path / name)
    assert restored(run) == (None, 0)
    save(run, [10, 20, 30])
    assert restored(run) == ("ckpt-3", 30)
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
    assert restored(Workdir("there")) == ("ckpt-1", 10)


def test_after_a_restore_saving_goes_on(tmp_path):
    run = Workdir(tmp_path)
    save(run, [10, 20])
    net = Net()
    checkpoint = tf.train.Checkpoint(network=net)
    run.restore(checkpoint)
    net.w.assign(tf.fill([1000], 30.0))
    run.save(run.checkpoints(checkpoint), 3)
    assert restored(run) == ("ckpt-3", 30)
    assert {p.stem for p in (tmp_path / "checkpoints").glob("*.index")} == {"ckpt-2", "ckpt-3"}


def test_a_checkpoint_that_was_never_finished_is_no_checkpoint(tmp_path):
    """What a kill leaves while one is written: parts, but no entry in the list."""
    run = Workdir(tmp_path)
    save(run, [10, 20])
    folder = tmp_path / "checkpoints"
    (folder / "ckpt-3_temp").mkdir()
    (folder / "ckpt-3.data-00000-of-00001").write_bytes(b"half")
    (folder / "ckpt-3.index").write_bytes(b"half")
    assert restored(run) == ("ckpt-2", 20)


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


@pytest.mark.parametrize("damage", [damage_data, flip_a_bit, lose_data, damage_index, empty_index])
@pytest.mark.parametrize("everything", [True, False])
def test_damaged_checkpoints(tmp_path, damage, everything):
    run = Workdir(tmp_path)
    save(run, [10, 20])
    damage(tmp_path / "checkpoints")
    with pytest.raises(ValueError, match=r"checkpoint .*ckpt-2 is damaged .*: delete it") as raised:
        restored(run, everything=everything)
    assert "\n" not in str(raised.value)
    for part in (tmp_path / "checkpoints").glob("ckpt-2.*"):  # as the message says
        part.unlink()
    assert restored(run, everything=everything) == ("ckpt-1", 10)


@pytest.mark.parametrize("damage", [b"", b"nonsense\n", b"\xff\xfe\x00"])
def test_a_damaged_list_of_checkpoints_is_not_taken_for_a_new_run(tmp_path, damage, capfd):
    run = Workdir(tmp_path)
    save(run, [10, 20])
    (tmp_path / "checkpoints" / "checkpoint").write_bytes(damage)
    with pytest.raises(ValueError, match="is damaged or its checkpoints are lost"):
        restored(run)
    assert capfd.readouterr() == ("", "")


def test_lost_checkpoints_are_not_taken_for_a_new_run(tmp_path):
    run = Workdir(tmp_path)
    save(run, [10, 20])
    for path in (tmp_path / "checkpoints").glob("ckpt-*"):
        path.unlink()
    with pytest.raises(ValueError, match="is damaged or its checkpoints are lost"):
        restored(run)


def test_checkpoints_of_another_network(tmp_path):
    run = Workdir(tmp_path)
    save(run, [10])
    with pytest.raises(ValueError, match="damaged or of another network"):
        restored(run, Net(size=7))
    more = Net()
    more.extra = tf.Variable(0.0)
    for everything in (True, False):
        with pytest.raises(ValueError, match="damaged or of another network"):
            restored(run, more, everything)


def test_a_checkpoint_that_cannot_be_written(tmp_path):
    (tmp_path / "checkpoints").write_text("in the way")
    with pytest.raises(OSError, match="cannot be written .*: make room there and continue"):
        save(Workdir(tmp_path), [10])


def test_num_parameters():
    network = wn.create_network("mlp", hidden_sizes=(5,), dropout=0.5)
    network(tf.zeros([1, 28, 28, 1]))
    assert num_parameters(network) == 784 * 5 + 5 + 5 * 10 + 10
