"""Operations learned from data: what is learned, the rows, the files and bad input."""

import csv

import numpy as np
import pytest

from training.studies.sum_or_product import __main__ as learn_operations
from training.engine import workdir as results
from training.studies.sum_or_product.__main__ import MODELS, TARGETS, Runs, compare, draw_rows, learn

SEED = 40  # no seed that a setting was chosen by


@pytest.fixture(scope="module")
def learned():
    return {name: learn(name, "learned", [SEED], steps=1500) for name in ("x1+x2", "x1*x2")}


def test_the_targets_are_what_they_are_called():
    for name, target in TARGETS.items():
        x = draw_rows(SEED, 1, 50, target.variables)
        values = {f"x{i + 1}": x[:, i] for i in range(target.variables)}
        np.testing.assert_allclose(target.function(x), eval(name, values), rtol=1e-6)


def test_rows():
    rows = [draw_rows(SEED, stream, 100, 3) for stream in range(1, 5)]
    assert len({r.tobytes() for r in rows}) == 4
    for r in rows[:3]:
        assert 0.1 <= r.min() < 0.2 and 2.9 < r.max() <= 3
    assert 3 <= rows[3].min() < 3.1 and 5.9 < rows[3].max() <= 6
    assert np.any(draw_rows(SEED + 1, 1, 100, 3) != rows[0])


@pytest.mark.parametrize("target, alpha", [("x1+x2", 0), ("x1*x2", 1)])
def test_the_operation_is_learned(learned, target, alpha):
    runs = learned[target]
    assert runs.alphas[0, 0, 0] == 0.5 and runs.alphas[0, -1, 0] == pytest.approx(alpha, abs=0.02)
    assert runs.success.tolist() == [True]
    assert runs.inside[0] < 0.01 and runs.validation[0] < 0.01
    assert runs.parameters == 4 and runs.steps[0] == 0 and runs.steps[-1] == 1500
    assert runs.alphas.shape == (1, len(runs.steps), 1)


@pytest.mark.parametrize("target, model", [("x1*x2", "sums only"), ("x1+x2", "products only")])
def test_a_fixed_operation_fails_on_the_other(target, model):
    runs = learn(target, model, [SEED], steps=1000)
    assert runs.inside[0] > 0.1 and not runs.success[0]
    assert runs.alphas[0, -1, 0] == (model == "products only")


def test_an_mlp_fits_inside_and_fails_outside():
    runs = learn("x1*x2", "MLP of 32", [SEED], steps=1500)
    assert runs.inside[0] < 0.05 and runs.outside[0] > 10 * runs.inside[0] and not runs.success[0]
    assert runs.alphas.shape[2] == 0


def test_seeds_of_one_call_do_not_touch_each_other():
    """The second seed of a call is what it would have been alone, optimizer and schedule too."""
    both = learn("x1+x2", "MLP of 4", [SEED, SEED + 1], steps=50)
    alone = learn("x1+x2", "MLP of 4", [SEED + 1], steps=50)
    for field in ("validation", "inside", "outside"):
        first, second = getattr(both, field)
        assert second == getattr(alone, field)[0] != first


def test_units_that_can_be_exchanged_are_sorted():
    history = np.array([[0.5, 0.5, 0.5], [0.1, 0.9, 0.2]])
    expected = [[0.5, 0.5, 0.5], [0.9, 0.1, 0.2]]
    np.testing.assert_array_equal(learn_operations._sorted(history, 2), expected)


def test_text():
    runs = Runs(
        steps=np.array([0, 10]),
        alphas=np.array([[[0.5], [0.98]], [[0.5], [1.0]]]),
        validation=np.array([0.1, 0.1]),
        inside=np.array([0.001, 0.003]),
        outside=np.array([0.005, 0.015]),
        parameters=4,
    )
    _, line = learn_operations.to_text({("x1*x2", "learned"): runs}).splitlines()
    assert " ".join(line.split()) == "x1*x2 learned 4 0.2 ± 0.14 1 ± 0.71 1/2 0.990 ± 0.014"


def test_the_command(command, tmp_path):
    words = ["--operation_targets=x1+x2*x3", "--operation_seeds=2", "--operation_steps=20"]
    outcome = command(learn_operations, *words)
    assert outcome.exit_code == 0
    lines = outcome.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:6]] == ["x1+x2*x3"] * 5
    assert lines[1].split()[1:3] == ["learned", "14"] and lines[1].count("±") == 5
    folder = tmp_path / "runs" / "learn-operations"
    assert lines[-1] == "written to runs/learn-operations/: config.json, runs.csv, alphas.png"
    assert (folder / "alphas.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert results.Workdir(folder).read("config.json")["steps"] == 20
    with open(folder / "runs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["model"], row["seed"]) for row in rows] == [
        (model, seed)
        for model in MODELS
        if model != "learned, start=forms"
        for seed in ("100", "101")
    ]
    assert all(len(row["alphas"].split()) == (0 if "MLP" in row["model"] else 3) for row in rows)
    command(learn_operations, *words[:2], "--operation_steps=30").assert_failed(
        "another configuration (steps: 20 there, 30 here)"
    )


@pytest.mark.parametrize(
    "words, exit_code, message",
    [
        (["--operation_targets=x1-x2"], 1, "targets must be one of ['x1+x2', "),
        (["--operation_targets="], 1, "targets must be at least one, and each once"),
        (["--operation_targets=x1+x2,x1+x2"], 1, "targets must be at least one, and each once"),
        (["--operation_seeds=0"], 2, "--operation_seeds=0"),
        (["--first_operation_seed=-1"], 2, "--first_operation_seed=-1"),
        (["--operation_steps=0"], 2, "--operation_steps=0"),
        (["--workdir=run[1]"], 1, "workdir must not contain any of"),
        (["stray"], 2, "unexpected argument 'stray'"),
    ],
)
def test_bad_flags(command, tmp_path, words, exit_code, message):
    command(learn_operations, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change, message",
    [
        ({"target": "x1-x2"}, r"^target must be one of \['x1\+x2', .* got 'x1-x2'$"),
        ({"model": "transformer"}, r"^model must be one of \['learned', .* got 'transformer'$"),
        ({"seeds": []}, r"^seeds must be integers >= 0, at least one, each once, got \[\]$"),
        ({"seeds": [1, 1]}, r"^seeds must be .* got \[1, 1\]$"),
        ({"seeds": [0, -1]}, r"^seeds must be .* got \[0, -1\]$"),
        ({"steps": 0}, r"^steps must be an integer >= 1, got 0$"),
    ],
)
def test_bad_arguments(change, message, tmp_path):
    arguments = {"target": "x1+x2", "model": "learned", "seeds": [0], **change}
    with pytest.raises(ValueError, match=message):
        learn(**arguments)
    if "seeds" in change or "steps" in change:
        with pytest.raises(ValueError, match=message):
            compare(["x1+x2"], ["learned"], workdir=tmp_path / "run", **{"seeds": [0], **change})
        assert not (tmp_path / "run").exists()
