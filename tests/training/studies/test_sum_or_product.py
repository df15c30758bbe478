"""Operations learned from data: what is learned, the rows, the tables."""

import numpy as np
import pandas as pd
import pytest

from training.experiments import runner
from training.studies.sum_or_product.__main__ import STUDY
from training.studies.sum_or_product.report import report
from training.studies.sum_or_product.trial import MODELS, TARGETS, draw_rows, sort_units, trial

SEED = 40  # no seed that a setting was chosen by


def _trial(target: str, model: str, seed: int = SEED, steps: int = 50) -> dict:
    return trial({"target": target, "model": model}, seed, None, steps=steps)


def _without_seconds(found: dict) -> dict:
    return {**found["runs"][0], "seconds": None}


def test_the_axes_are_the_targets_and_the_models():
    assert STUDY.axes == {"target": tuple(TARGETS), "model": tuple(MODELS)}


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


@pytest.mark.slow
def test_the_operation_is_learned(tmp_path):
    axes = {"target": ["x1+x2", "x1*x2"], "model": ["learned"]}
    found = runner.run(
        STUDY, tmp_path, axes=axes, seeds=[SEED], settings={"steps": 1500}, workers=0
    )
    for (_, run), (_, orders), alpha in zip(
        found["runs"].iterrows(), found["alphas"].iterrows(), (0, 1), strict=True
    ):
        assert orders["0"] == 0.5 and orders["1500"] == pytest.approx(alpha, abs=0.02)
        assert run["success"] == 1 and run["outside_error"] < 0.01
        assert run["inside_error"] < 0.01 and run["validation_error"] < 0.01
        assert run["parameters"] == 4
    shown = report(found).tables["errors"]
    assert list(shown["found"]) == ["1/1", "1/1"] and list(shown["numbers"]) == [4, 4]


@pytest.mark.slow
@pytest.mark.parametrize("target, model", [("x1*x2", "sums only"), ("x1+x2", "products only")])
def test_a_fixed_operation_fails_on_the_other(target, model):
    found = _trial(target, model, steps=1000)
    assert found["runs"][0]["inside_error"] > 0.1 and found["runs"][0]["success"] == 0
    assert found["alphas"] == []  # nothing is learned
    network = MODELS[model].make(TARGETS[target])
    network(np.ones([1, 2], np.float32))
    assert network.alphas == (model == "products only")


@pytest.mark.slow
def test_an_mlp_fits_inside_and_fails_outside():
    found = _trial("x1*x2", "MLP of 32", steps=1500)
    (row,) = found["runs"]
    assert row["inside_error"] < 0.05 and row["outside_error"] > 10 * row["inside_error"]
    assert row["success"] == 0 and found["alphas"] == []


@pytest.mark.slow
def test_seeds_do_not_touch_each_other():
    """A trial is what it is after others of its process, too, with optimizer and schedule."""
    first, other, again = (_trial("x1+x2", "MLP of 4", SEED + i) for i in (0, 1, 0))
    assert _without_seconds(again) == _without_seconds(first)
    for key in ("validation_error", "inside_error", "outside_error"):
        assert first["runs"][0][key] != other["runs"][0][key]


def test_units_that_can_be_exchanged_are_sorted():
    history = np.array([[0.5, 0.5, 0.5], [0.1, 0.9, 0.2]])
    expected = [[0.5, 0.5, 0.5], [0.9, 0.1, 0.2]]
    np.testing.assert_array_equal(sort_units(history, 2), expected)


@pytest.mark.slow
def test_two_layers_have_an_order_a_unit():
    rows = _trial("x1+x2*x3", "learned", steps=2)["alphas"]
    assert [(row["layer"], row["unit"]) for row in rows] == [(1, 1), (1, 2), (2, 1)]
    assert [key for key in rows[0] if key.isdecimal()] == ["0", "1", "2"]


def test_the_table():
    key = {"target": "x1*x2", "model": "learned", "parameters": 4}
    runs = pd.DataFrame(
        {**key, "inside_error": inside, "outside_error": 5 * inside, "success": success}
        for inside, success in ((0.001, 1), (0.003, 0))
    )
    alphas = pd.DataFrame(
        {"target": "x1*x2", "model": "learned", "layer": 1, "unit": 1, "0": 0.5, "10": alpha}
        for alpha in (0.98, 1.0)
    )
    (row,) = report({"runs": runs, "alphas": alphas}).tables["errors"].itertuples(index=False)
    assert row == ("x1*x2", "learned", 4, "0.2 ± 0.14", "1 ± 0.71", "1/2", "0.990 ± 0.014")
