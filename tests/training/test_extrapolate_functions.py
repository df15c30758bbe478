"""Extrapolation of functions: intervals, errors, training, the files, resume and bad input."""

import csv
import math

import numpy as np
import pytest

from training.studies.extrapolation import __main__ as extrapolate_functions
from training.engine import workdir as results
from training.studies.extrapolation.__main__ import (
    ALL,
    FUNCTIONS,
    MODELS,
    PENALTIES,
    Variant,
    draw_rows,
    extrapolate,
    held,
    relative_errors,
    to_text,
    variants,
)
from weirdonetworks.nets import UniversalRegressor

SEED = 40  # no seed that a setting was chosen by
GRID = extrapolate_functions._GRID
TINY = {
    "functions": ["2x"],
    "models": ["posynomial, 4 terms", "posynomial, 1 term"],
    "seeds": [1, 2],
    "steps": 3,
}


def _rows(path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_functions_are_what_they_are_called():
    x = np.linspace(1, 10, 20)
    expected = {"2x": 2 * x, "x^2": x * x, "1/x": 1 / x, "sin x": np.sin(x)}
    for name, function in FUNCTIONS.items():
        np.testing.assert_allclose(function.formula(x), expected[name])
        assert function.positive == (expected[name].min() > 0)


def test_rows():
    rows = draw_rows(SEED)
    assert rows.shape == (256, 1) and 1 <= rows.min() < 1.2 and 9.8 < rows.max() <= 10
    assert np.any(draw_rows(SEED + 1) != rows)


def test_the_grid_holds_the_ends_of_all_intervals():
    for end in (1e-6, 0.01, 1, 10, 1000, 1e7):
        assert np.min(np.abs(GRID / end - 1)) < 1e-6


def test_relative_errors():
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(relative_errors(FUNCTIONS["2x"], x, np.array([2.2, 4])), [0.1, 0])
    sine = relative_errors(FUNCTIONS["sin x"], np.array([np.pi]), np.array([0.25]))
    np.testing.assert_allclose(sine, 0.25)


@pytest.mark.parametrize(
    "bad, interval",
    [
        ([], (0.1, 1000)),
        ([0.1], (0.5, 1000)),
        ([0.1, 100, 1000], (0.5, 20)),
        ([0.5], (1, 1000)),
        ([20], (0.1, 10)),
        ([1], None),
        ([5], None),
        ([10], None),
    ],
)
def test_where_errors_hold(bad, interval):
    x = np.array([0.1, 0.5, 1, 5, 10, 20, 100, 1000])
    for value in (0.02, math.nan, math.inf):
        low, high = held(x, np.where(np.isin(x, bad), value, 0.01))
        assert (low, high) == interval if interval else math.isnan(low) and math.isnan(high)


def test_score():
    network = UniversalRegressor()
    network(np.ones((1, 1), np.float32))
    errors = np.where((GRID > 0.3) & (GRID < 30), 0.001, 0.5)
    row = extrapolate_functions.score(network, errors)
    assert (row["inside"], row["near"], row["goal"]) == (0.001, 0.001, 0.5)
    assert (row["low"], row["high"]) == pytest.approx((0.3, 30), rel=0.03)
    assert row["covers_goal"] == 0 and row["parameters"] == 76
    covered = (GRID > 0.0099) & (GRID < 1001)
    assert extrapolate_functions.score(network, np.where(covered, 0, 1))["covers_goal"] == 1
    assert extrapolate_functions.score(network, np.where(GRID > 0.015, 0, 1))["covers_goal"] == 0
    near = np.where((GRID > 10.1) & (GRID < 15), 0.3, 0)
    assert extrapolate_functions.score(network, near)["near"] == 0.3
    assert extrapolate_functions.score(network, near)["inside"] == 0


def test_the_penalties_make_the_regressor_extrapolate():
    """The claim, at the default settings but for fewer steps, and its negative control."""
    trainer = extrapolate_functions._Trainer(UniversalRegressor, 3000, 0.03)
    rows = {
        penalty: extrapolate_functions.score(
            trainer.network, trainer.fit(FUNCTIONS["2x"], SEED, penalty, 0.1)
        )
        for penalty in (ALL, "none")
    }
    assert rows[ALL]["covers_goal"] == 1 and rows[ALL]["goal"] < 1e-3
    assert rows["none"]["covers_goal"] == 0 and rows["none"]["inside"] < 0.01
    again = extrapolate_functions.score(
        trainer.network, trainer.fit(FUNCTIONS["2x"], SEED, ALL, 0.1)
    )
    assert again == rows[ALL]  # nothing of the run between is left


def test_plain_weight_decay_is_of_weights_and_not_of_biases():
    trainer = extrapolate_functions._Trainer(UniversalRegressor, 300, 0.03)
    trainer.fit(FUNCTIONS["2x"], SEED, "weights", 1e3)
    net = trainer.network
    linears = (net.exponent, net.digits, net.sign)
    assert max(float(np.abs(linear.w).max()) for linear in linears) < 0.01
    assert min(float(np.abs(linear.b).max()) for linear in linears) > 0.1


def test_an_mlp_learns_and_knows_its_form():
    trainer = extrapolate_functions._Trainer(lambda: MODELS["MLP on logs"].make(True), 500, 0.01)
    errors = trainer.fit(FUNCTIONS["1/x"], SEED, "none", 0)
    row = extrapolate_functions.score(trainer.network, errors)
    assert row["inside"] < 0.2 < row["goal"] and np.all(np.isfinite(errors))
    x = np.float32(np.linspace(1, 10, 50))[:, None]
    assert np.min(trainer.network(x)) > 0
    assert trainer.network.log_output and not MODELS["MLP on logs"].make(False).log_output


def test_variants():
    rows = variants()
    assert len(set(rows)) == len(rows) == 75
    assert {row.terms for row in rows if row.features == "log"} == {1, 2, 4, 8, 16}
    assert {row.penalty for row in rows} == set(PENALTIES)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("tiny") / "run"
    chosen = [Variant("log", 1, ALL, 0.1), Variant("log", 1, "none", 0.0)]
    return workdir, chosen, extrapolate(workdir=workdir, ablation=chosen, **TINY)


def test_the_files_of_a_run(tiny):
    workdir, chosen, (runs, ablated) = tiny
    keys = [("2x", model, seed) for model in TINY["models"] for seed in (1, 2)]
    assert [(row["function"], row["model"], row["seed"]) for row in runs] == keys
    assert [(row["penalty"], row["seed"]) for row in ablated] == [
        (variant.penalty, seed) for variant in chosen for seed in (1, 2)
    ]
    assert len({row["inside"] for row in [*runs, *ablated]}) == 8
    written = _rows(workdir / "runs.csv")
    assert [float(row["inside"]) for row in written] == [row["inside"] for row in runs]
    curves = _rows(workdir / "curves.csv")
    assert len(curves) == 4 and len(curves[0]) == 3 + 131
    assert len(_rows(workdir / "ablation.csv")) == 4
    assert (workdir / "errors.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    table = (workdir / "table.md").read_text()
    assert table == to_text(runs) + "\n" + to_text(ablated)
    config = results.Workdir(workdir).read("config.json")
    assert config["steps"] == 3 and [m["make"] for m in config["models"]] == list(MODELS)


def test_an_interrupted_run_goes_on(tiny, tmp_path, monkeypatch):
    workdir, chosen, expected = tiny
    fit, count = extrapolate_functions._Trainer.fit, []

    def interrupted(self, *args):
        count.append(args)
        if len(count) == 4:
            raise KeyboardInterrupt
        return fit(self, *args)

    monkeypatch.setattr(extrapolate_functions._Trainer, "fit", interrupted)
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        extrapolate(workdir=run, ablation=chosen, **TINY)
    assert len(_rows(run / "runs.csv")) == 3  # the row of a model that was half done, too
    outcome = extrapolate(workdir=run, ablation=chosen, **TINY)
    assert len(count) == 9  # 8 runs, one of them twice
    assert [repr(row) for row in outcome[0]] == [repr(row) for row in expected[0]]
    assert [repr(row) for row in outcome[1]] == [repr(row) for row in expected[1]]
    extrapolate(workdir=run, ablation=chosen, **TINY)
    assert len(count) == 9
    for name in ("runs.csv", "ablation.csv", "table.md"):
        assert (run / name).read_text() == (workdir / name).read_text()


def test_a_run_without_its_curve_is_made_again(tmp_path):
    settings = {**TINY, "models": ["posynomial, 1 term"]}
    extrapolate(workdir=tmp_path / "run", **settings)
    text = (tmp_path / "run" / "runs.csv").read_text()
    (tmp_path / "run" / "curves.csv").unlink()
    extrapolate(workdir=tmp_path / "run", **settings)
    assert (tmp_path / "run" / "runs.csv").read_text() == text
    assert len(_rows(tmp_path / "run" / "curves.csv")) == 2


def test_text():
    def row(seed, low, high, covers):
        errors = {"inside": 0.001 * seed, "near": 0.02, "goal": 0.5}
        ends = {"low": low, "high": high, "covers_goal": covers}
        return {"function": "2x", "model": "m", "seed": seed, "parameters": 9} | errors | ends

    nothing = {**row(3, math.nan, math.nan, 0), "model": "n"}
    lines = to_text([row(1, 0.001, 2e4, 1), row(3, 0.5, 20.0, 0), nothing]).splitlines()
    assert lines[2] == "| 2x | m | 9 | 0.2 | 2 | 50 | [0.5, 20] | 2/2 | 1/2 |"
    assert lines[3] == "| 2x | n | 9 | 0.3 | 2 | 50 | none | 0/1 | 0/1 |"
    assert {line.count("|") for line in lines} == {10}


def test_the_command(command, tmp_path, monkeypatch):
    monkeypatch.setattr(extrapolate_functions, "variants", lambda: [Variant("log", 1, ALL, 0.1)])
    few = {name: MODELS[name] for name in ("posynomial, 4 terms", "posynomial, 1 term")}
    monkeypatch.setattr(extrapolate_functions, "MODELS", few)
    words = ["--functions=sin x,2x", "--function_seeds=2", "--function_steps=2"]
    outcome = command(extrapolate_functions, *words)
    assert outcome.exit_code == 0
    lines = outcome.stdout.splitlines()
    assert sum(line.startswith("| sin x") for line in lines) == 2
    assert "| log | 1 | digits, spread, sign | 0.1 |" in outcome.stdout
    assert lines[-1] == (
        "written to runs/extrapolate-functions/: config.json, runs.csv, curves.csv, ablation.csv, "
        "table.md, errors.png"
    )
    rows = _rows(tmp_path / "runs" / "extrapolate-functions" / "runs.csv")
    assert {row["seed"] for row in rows} == {"100", "101"} and len(rows) == 8
    command(extrapolate_functions, *words[:2], "--function_steps=3").assert_failed(
        "another configuration (steps: 2 there, 3 here)"
    )
    (tmp_path / "runs" / "extrapolate-functions" / "runs.csv").write_text("function,model\n1,2\n")
    command(extrapolate_functions, *words).assert_failed("runs.csv cannot be read", "--workdir")


@pytest.mark.parametrize(
    "words, exit_code, message",
    [
        (["--functions=cos x"], 1, "functions must be one of ['2x', "),
        (["--functions="], 1, "functions must be at least one, and each once"),
        (["--functions=2x,2x"], 1, "functions must be at least one, and each once"),
        (["--function_seeds=0"], 2, "--function_seeds=0"),
        (["--first_function_seed=-1"], 2, "--first_function_seed=-1"),
        (["--function_steps=0"], 2, "--function_steps=0"),
        (["--workdir=run[1]"], 1, "workdir must not contain any of"),
        (["stray"], 2, "unexpected argument 'stray'"),
    ],
)
def test_bad_flags(command, tmp_path, words, exit_code, message):
    command(extrapolate_functions, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change, message",
    [
        ({"functions": ["cos x"]}, r"^functions must be one of \['2x', .* got 'cos x'$"),
        ({"models": ["tree"]}, r"^models must be one of \['universal', .* got 'tree'$"),
        ({"models": []}, r"^models must be at least one, and each once, got \[\]$"),
        ({"seeds": []}, r"^seeds must be integers >= 0, at least one, each once, got \[\]$"),
        ({"seeds": [1, 1]}, r"^seeds must be .* got \[1, 1\]$"),
        ({"seeds": [-1]}, r"^seeds must be .* got \[-1\]$"),
        ({"steps": 0}, r"^steps must be an integer >= 1, got 0$"),
        ({"seeds": ["a"]}, r"^seeds must be .* got \['a'\]$"),
        ({"seeds": [1.5]}, r"^seeds must be .* got \[1.5\]$"),
        (
            {"ablation": [Variant("log", 1, "ridge", 0.1)]},
            "^ablation penalty must be one of .* got 'ridge'$",
        ),
        (
            {"ablation": [Variant("exp", 1, "none", 0)]},
            "^ablation features must be one of .* got 'exp'$",
        ),
    ],
)
def test_bad_arguments(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        extrapolate(workdir=tmp_path / "run", **{**TINY, **change})
    assert not (tmp_path / "run").exists()
