"""Extrapolation of functions: intervals, errors, training, the cells and the tables."""

import math

import numpy as np
import pandas as pd
import pytest

from training.experiments import runner
from training.studies.extrapolation import trial as extrapolation
from training.studies.extrapolation.__main__ import ALL, STUDY
from training.studies.extrapolation.report import report
from training.studies.extrapolation.trial import (
    FUNCTIONS,
    GRID,
    MODELS,
    PENALISED,
    RATE,
    draw_rows,
    held,
    learn,
    new_trainer,
    relative_errors,
    score,
)
from weirdonetworks.nets import UniversalRegressor

SEED = 40  # no seed that a setting was chosen by


def test_the_axes_are_the_functions_models_and_penalties():
    assert STUDY.axes["function"] == tuple(FUNCTIONS) and STUDY.axes["model"] == tuple(MODELS)
    words = {word for penalty in STUDY.axes["penalty"] for word in penalty.split("+")}
    assert words == {"none", *PENALISED}
    assert {MODELS[model].penalty for model in MODELS} <= set(STUDY.axes["penalty"])


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
    row = score(network, errors)
    assert (row["inside"], row["near"], row["goal"]) == (0.001, 0.001, 0.5)
    assert (row["low"], row["high"]) == pytest.approx((0.3, 30), rel=0.03)
    assert row["covers_goal"] == 0 and row["parameters"] == 76
    covered = (GRID > 0.0099) & (GRID < 1001)
    assert score(network, np.where(covered, 0, 1))["covers_goal"] == 1
    assert score(network, np.where(GRID > 0.015, 0, 1))["covers_goal"] == 0
    near = score(network, np.where((GRID > 10.1) & (GRID < 15), 0.3, 0))
    assert (near["near"], near["inside"]) == (0.3, 0)


@pytest.mark.slow
def test_the_penalties_make_the_regressor_extrapolate():
    """The claim, at the default settings but for fewer steps, and its negative control."""
    steps = 3000
    trainer = new_trainer(UniversalRegressor, steps, RATE)

    def scored(penalty: str) -> dict:
        errors = learn(trainer, FUNCTIONS["2x"], SEED, steps, penalty, 0.1)
        return score(trainer.network, errors)

    found = {penalty: scored(penalty) for penalty in (ALL, "none")}
    assert found[ALL]["covers_goal"] == 1 and found[ALL]["goal"] < 1e-3
    assert found["none"]["covers_goal"] == 0 and found["none"]["inside"] < 0.01
    assert scored(ALL) == found[ALL]  # nothing of the run between is left


@pytest.mark.slow
def test_plain_weight_decay_is_of_weights_and_not_of_biases():
    trainer = new_trainer(UniversalRegressor, 300, RATE)
    learn(trainer, FUNCTIONS["2x"], SEED, 300, "weights", 1e3)
    net = trainer.network
    linears = (net.exponent, net.digits, net.sign)
    assert max(float(np.abs(linear.w).max()) for linear in linears) < 0.01
    assert min(float(np.abs(linear.b).max()) for linear in linears) > 0.1


@pytest.mark.slow
def test_an_mlp_learns_and_knows_its_form():
    trainer = new_trainer(lambda: MODELS["MLP on logs"].make(True), 500, 0.01)
    errors = learn(trainer, FUNCTIONS["1/x"], SEED, 500)
    row = score(trainer.network, errors)
    assert row["inside"] < 0.2 < row["goal"] and np.all(np.isfinite(errors))
    x = np.float32(np.linspace(1, 10, 50))[:, None]
    assert np.min(trainer.network(x)) > 0
    assert trainer.network.log_output and not MODELS["MLP on logs"].make(False).log_output


def test_the_cells():
    cells = STUDY.all_cells(STUDY.axes)
    compared = [cell for cell in cells if cell["part"] == "comparison"]
    ablated = [cell for cell in cells if cell["part"] == "ablation"]
    assert (len(compared), len(ablated)) == (4 * 7, 75)
    assert len({tuple(cell.items()) for cell in cells}) == len(cells) == 4 * 7 + 75
    assert {cell["terms"] for cell in ablated if cell["features"] == "log"} == {1, 2, 4, 8, 16}
    assert {cell["terms"] for cell in ablated if cell["features"] != "log"} == {4}
    assert {cell["penalty"] for cell in ablated} == set(STUDY.axes["penalty"])
    only = STUDY.chosen({"part": ["comparison"], "function": ["2x"]})
    assert [cell["model"] for cell in STUDY.all_cells(only)] == list(MODELS)


@pytest.mark.slow
def test_both_parts_of_the_study(tmp_path):
    models = ["posynomial (4 terms)", "posynomial (1 term)"]
    axes = {
        **{axis: list(values) for axis, values in STUDY.axes.items()},
        **{"function": ["2x"], "model": models, "features": ["log"], "terms": [1]},
        **{"penalty": ["none", ALL], "strength": [0.0, 0.1]},
    }
    settings = {"steps": 3}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[1, 2], settings=settings, workers=0)
    keys = [("2x", model, seed) for model in models for seed in (1, 2)]
    for name in ("runs", "curves"):
        assert list(found[name][["function", "model", "seed"]].itertuples(index=False)) == keys
    ablated = found["ablation"]
    assert list(ablated["penalty"]) == ["none", "none", ALL, ALL]
    assert len({*found["runs"]["inside"], *ablated["inside"]}) == 8
    assert len([name for name in found["curves"] if name[0].isdigit()]) == 131
    shown = report(found)
    assert [len(shown.tables[name]) for name in ("intervals", "errors", "ablation")] == [2, 2, 2]
    assert set(shown.figures) == {"errors"}


def test_a_part_alone_has_its_own_tables(monkeypatch):
    monkeypatch.setattr(extrapolation, "learn", lambda *_: np.zeros(len(GRID)))
    cell = {"part": "ablation", "features": "log", "terms": 4, "penalty": ALL, "strength": 0.1}
    found = extrapolation.trial(cell, 0, None, steps=1)
    shown = report({"ablation": pd.DataFrame([{**cell, **found["ablation"][0]}])})
    assert list(shown.tables) == ["ablation"] and not shown.figures


def test_the_tables():
    def row(seed, low, high, covers, model="m"):
        errors = {"inside": 0.001 * seed, "near": 0.02, "goal": 0.5}
        ends = {"low": low, "high": high, "covers_goal": covers}
        return {"function": "2x", "model": model, "seed": seed, "parameters": 9} | errors | ends

    rows = [row(1, 0.001, 2e4, 1), row(3, 0.5, 20.0, 0), row(3, math.nan, math.nan, 0, "n")]
    curves = pd.DataFrame([{**r, "1": 0.1} for r in rows])[["function", "model", "seed", "1"]]
    tables = report({"runs": pd.DataFrame(rows), "curves": curves}).tables
    found, none = tables["errors"].itertuples(index=False)
    assert found == ("2x", "m", 9, "0.2", "2", "50", "[0.5, 20]", "2/2", "1/2")
    assert none == ("2x", "n", 9, "0.3", "2", "50", "none", "0/1", "0/1")
    expected = [("m", 9, "[0.5, 20] (1/2)"), ("n", 9, "none (0/1)")]
    assert list(tables["intervals"].itertuples(index=False)) == expected
