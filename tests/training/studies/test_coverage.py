"""Errors beside the truth: a trial, fits that are made up, and what the tables say of them."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from training.experiments import runner
from training.fitting.laws import random_laws
from training.studies.coverage import trial as one
from training.studies.coverage.__main__ import NOISES, STUDY
from training.studies.coverage.report import report
from weirdonetworks.regression import Law


def test_the_study_has_2000_laws_of_all_kinds_of_noise():
    cells = STUDY.all_cells(STUDY.axes)
    assert len(cells) * len(STUDY.seeds) >= 2000 and NOISES == random_laws.NOISES
    assert {"terms": 3, "rows": 12, "noise": "mixed"} not in cells
    for cell in cells:  # none is refused
        random_laws.draw(*cell.values(), np.random.default_rng(0))


@pytest.mark.slow
def test_a_trial(tmp_path):
    axes = {"terms": [1], "rows": [30], "noise": ["proportional"]}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[0, 1], workers=0)["runs"]
    for _, row in found.iterrows():
        assert row["claim"] in ("consistent", "approximate") and row["found_terms"] == 1
        z = np.array(row["z"].split(), float)
        assert len(z) == row["columns"] + 1 == row["real"] + row["fractions"] + 1
        assert row["largest_z"] == pytest.approx(np.max(np.abs(z)), rel=1e-3)
        assert row["seconds"] > 0 and row["formula"].startswith("y = ")


def test_a_fit_that_raises_is_a_row(monkeypatch):
    class Breaks:
        def fit(self, x, y):
            raise np.linalg.LinAlgError("no\nconvergence")

    monkeypatch.setattr(one, "PosynomialRegressor", Breaks)
    row = one.trial({"terms": 2, "rows": 30, "noise": "mixed"}, 0, None)
    assert row["claim"] == "error" and row["error"] == "LinAlgError: no convergence"
    assert "z" not in row and not row["right_terms"]


def fit(exponents, coefficients, exponent_errors, coefficient_errors, power=1):
    names = ("a", "b")
    found = Law(names, "y", tuple(map(tuple, exponents)), np.array(coefficients), power)
    return SimpleNamespace(
        law_=found,
        exponent_errors_=np.array(exponent_errors),
        coefficient_errors_=np.array(coefficient_errors),
    )


def law(exponents, coefficients, fractions):
    return SimpleNamespace(
        exponents=np.array(exponents, float),
        coefficients=np.array(coefficients, float),
        fractions=np.array(fractions),
    )


def test_errors_are_those_of_the_terms_that_belong_together():
    true = law([[2, 0.61], [-1, 0]], [3.0, 5.0], [[True, False], [True, True]])
    half, two = Fraction(1, 2), Fraction(2)
    own = fit(
        [[half, 0.1], [two, Fraction(3, 5)]], [5.5, 2.7],
        [[0.5, 0.05], [0.2, 0.004]], [0.5, 0.3],
    )  # fmt: skip
    row = one.compared(own, true)
    expected = [0, -2.5, 3, 2, np.log(0.9) * 9, np.log(1.1) * 11]
    np.testing.assert_allclose([float(z) for z in row.pop("z").split()], expected, rtol=1e-3)
    assert row.pop("largest_z") == pytest.approx(3)
    assert row == {
        "real": 1, "real_told": 1, "fractions": 3, "fractions_told": 1, "fractions_wrong": 1,
    }  # fmt: skip


def test_a_power_of_one_term_is_told_explicitly():
    """y^2 = 9 a^3 is y = 3 a^1.5, with half the errors."""
    true = law([[1.4, 0]], [3.0], [[False, True]])
    own = fit([[3.0, Fraction(0)]], [9.0], [[0.1, 0.1]], [1.8], power=2)
    assert one.compared(own, true)["z"] == "2 0 0"


def test_a_constant_of_the_other_sign_is_far_away():
    true = law([[1, 0], [0, 1]], [3.0, 5.0], [[True, True], [True, True]])
    exponents = [[Fraction(1), Fraction(0)], [Fraction(0), Fraction(1)]]
    own = fit(exponents, [-3.0, 5.0], np.ones((2, 2)), [0.3, 0.5])
    assert one.compared(own, true)["z"] == "0 0 0 0 -20 0"


def runs():
    empty = {"terms": 1, "rows": 12, "noise": "mixed", "seed": 0, "right_terms": True, "z": "0 1"}
    empty |= {"claim": "consistent", "right_noise": True, "seconds": 1.0, "real": 1}
    empty |= {"real_told": 0, "fractions": 2, "fractions_told": 1, "fractions_wrong": 0}
    missing = dict.fromkeys([key for key in empty if key.startswith(("real", "fractions", "z"))])
    return pd.DataFrame([
        empty | {"z": "-2.5 0.1 3.5 -0.2"},
        empty | {"real_told": 1, "right_noise": False},
        empty | {"claim": "approximate", "rows": 30, "z": "6 -7"},
        empty | {"claim": "approximate", "rows": 30, "terms": 2, "right_terms": False} | missing,
        empty | {"claim": "error", "noise": "absolute", "right_terms": False,
                 "right_noise": False} | missing,
    ])  # fmt: skip


def test_the_tables():
    found = report({"runs": runs()})
    claims = found.tables["claims"].set_index("% of status")
    told = ["laws", "wrong terms", "numbers", "z > 2", "z > 3", "z > 5", "real told as fraction",
            "fractions told", "fractions told wrongly"]  # fmt: skip
    assert claims.loc["consistent", told].tolist() == [
        "2", "0.0", "6", "33.33", "16.67", "0.00", "50.0", "50.0", "0.0",
    ]  # fmt: skip
    assert claims.loc["approximate", told].tolist() == [
        "2", "50.0", "2", "100.00", "100.00", "100.00", "0.0", "50.0", "0.0",
    ]  # fmt: skip
    assert claims.loc["exact", "laws"] == "0" and claims.loc["error", "laws"] == "1"
    assert claims.loc["consistent: aim", "z > 2"] == "<= 7"
    assert found.tables["single_term"].to_numpy().tolist() == [
        ["mixed", "100 of 2", "0 of 1", "67 of 3"],
        ["absolute", "0 of 1", "", "0 of 1"],
        ["all", "67 of 3", "0 of 1", "50 of 4"],
    ]
    assert found.tables["right_noise"].to_numpy().tolist() == [
        ["mixed", "100 of 1", "0 of 1", "50 of 2"],
        ["all", "100 of 1", "0 of 1", "50 of 2"],
        ["aim", "", "", ">= 80"],
    ]


def test_the_picture():
    left, right = report({"runs": runs()}).figures["quantiles"].axes
    lines = {line.get_label(): list(line.get_ydata()) for line in left.lines}
    assert lines["consistent"] == [0.1, 0.2, 1, 2.5, 3.5] and lines["approximate"] == [6, 7]
    assert {line.get_label() for line in right.lines} == {"normal", "mixed"}


def test_bad_input(command, tmp_path):
    from training.studies.coverage import __main__ as module

    told = "noise=none: value should be one of <absolute|proportional|log-normal|mixed>"
    command(module, "--only=noise=none").assert_failed(told, exit_code=1)
    assert not any(tmp_path.iterdir())
