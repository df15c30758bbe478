"""Scoring a finished run again, upright and turned, and what is no run."""

import csv
import json
import shutil

import numpy as np
import pytest

from training import evaluate as command_module
from training.engine import ANGLES, load_run
from training.engine.evaluation import evaluate
from training.engine.workdir import Workdir


@pytest.fixture
def copy(small_run, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(small_run.workdir, workdir)
    return workdir


@pytest.mark.slow
def test_the_same_accuracy_as_after_training(small_run, mnist_5k):
    result = json.loads((small_run.workdir / "result.json").read_text())
    scores = evaluate(small_run.workdir, mnist_5k)
    assert scores == {"test_accuracy": result["test_accuracy"], "epochs": 2, "of": 2}


@pytest.mark.slow
def test_the_network_of_a_run(small_run):
    run = load_run(small_run.workdir)
    assert type(run.network).__name__ == "MLP" and run.network.hidden_sizes == (16,)
    assert run.config == json.loads((small_run.workdir / "config.json").read_text())


@pytest.mark.slow
def test_the_newest_checkpoint_counts(copy, mnist_5k, command, forget):
    accuracy = evaluate(copy, mnist_5k)["test_accuracy"]
    forget(copy, "checkpoints/ckpt-2", "result.json")
    scores = evaluate(copy, mnist_5k)
    assert scores["test_accuracy"] < accuracy
    assert (scores["epochs"], scores["of"]) == (1, 2)
    outcome = command(command_module, f"--workdir={copy}")
    assert outcome.exit_code == 0 and outcome.stderr == (
        "unfinished: epoch 1 of 2 (go on with: "
        f"python -m training.train --resume --workdir={copy})\n"
    )


@pytest.mark.slow
def test_means_over_shifts(copy, mnist_5k, command):
    outcome = command(command_module, f"--workdir={copy}", "--shifts=2")
    shifted = load_run(copy, mnist_5k).over_shifts(2)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout.splitlines()[1:] == [
        f"over shifts    {100 * shifted.evaluate():.2f} %, the mean of 25"
    ]
    assert shifted.evaluate() != evaluate(copy, mnist_5k)["test_accuracy"]


@pytest.mark.slow
def test_rotations(copy, command):
    """The means that are printed are those of the file."""
    outcome = command(command_module, f"--workdir={copy}", "--rotations")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    with open(copy / "rotations.csv", newline="") as file:
        rows = [(int(row["degrees"]), float(row["accuracy"])) for row in csv.DictReader(file)]
    assert tuple(angle for angle, _ in rows) == ANGLES
    accuracies = np.array([accuracy for _, accuracy in rows])
    result = json.loads((copy / "result.json").read_text())
    assert outcome.stdout.splitlines() == [
        f"test accuracy  {100 * result['test_accuracy']:.2f} %",
        f"24 angles      {100 * accuracies.mean():.2f} % on average, "
        f"{100 * accuracies.min():.2f} % at worst",
        f"written to     {copy}/rotations.csv, rotations.png",
    ]
    # A plain MLP knows upright digits: 5 and 350 degrees are almost upright, 185 is not.
    assert accuracies.mean() < result["test_accuracy"] - 0.2
    assert min(accuracies[0], accuracies[-1]) > accuracies[ANGLES.index(185)] + 0.2
    assert (copy / "rotations.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.slow
def test_scores_at_some_angles(copy, mnist_5k):
    scores = evaluate(copy, mnist_5k, angles=(0, 90))
    upright, turned = scores["accuracy_by_angle"]
    assert upright == scores["test_accuracy"] > turned
    assert scores["rotated_accuracy"] == pytest.approx((upright + turned) / 2)
    assert scores["worst_rotated_accuracy"] == turned


def change(workdir, **entries):
    files = Workdir(workdir)
    config = {**files.read("config.json"), **entries}
    files.write("config.json", {k: value for k, value in config.items() if value is not None})


def lose_checkpoints(workdir):
    shutil.rmtree(workdir / "checkpoints")


def truncate(path):
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "has no config.json: give the folder of a run"),
        (lambda d: (d / "config.json").unlink(), "has no config.json: give the folder of a run"),
        (lambda d: truncate(d / "config.json"), "config.json is damaged"),
        (lambda d: (d / "config.json").write_text("3"), "config.json is damaged"),
        (
            lambda d: change(d, network=None),
            "of no run, or of an earlier version: it lacks its network",
        ),
        (lambda d: change(d, network_args=3), "it lacks its network_args"),
        (lambda d: change(d, dataset=None), "it lacks its dataset"),
        (lambda d: change(d, data_sha256=None), "an earlier version: it lacks its data_sha256"),
        (lambda d: change(d, data_sha256="1"), "mnist_5k, got mnist_5k, whose contents differ"),
        (lambda d: change(d, network="resnet"), "name must be one of ['mlp', "),
        (lambda d: change(d, network_args={"rank": 2}), "an argument of mlp must be one of"),
        (lambda d: change(d, dataset="cifar"), "name must be one of mnist_5k, "),
        (lambda d: change(d, network_args={"hidden_sizes": [17]}), "is of another network"),
        (lambda d: change(d, network="quadratic_mlp", network_args={}), "is of another network"),
        (lose_checkpoints, "has lost the checkpoint of its result"),
    ],
)
def test_what_is_no_run(copy, command, damage, message):
    damage(copy)
    outcome = command(command_module, f"--workdir={copy}")
    outcome.assert_failed(message)


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        ([], 1, "workdir must be given: --workdir=FOLDER of a run"),
        (["--workdir="], 2, "--workdir=: must be a path, got an empty one"),
        (["--workdir=nowhere"], 1, "workdir nowhere has no config.json"),
        (["--workdir=nowhere", "stray"], 2, "unexpected argument 'stray'"),
        (["--workdir=nowhere", "--rotate"], 2, "Unknown command line flag 'rotate'"),
    ],
)
def test_bad_flags(command, tmp_path, words, exit_code, message):
    command(command_module, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())
