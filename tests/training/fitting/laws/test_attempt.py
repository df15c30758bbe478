"""A fit of a law: what the estimator is given, and what the row says of it."""

import functools
import math

import numpy as np
import pytest
import sympy

from tests.training.fitting.laws import stand_in
from training.fitting.laws.attempt import COLUMNS, attempt, relative_error, rounded
from training.fitting.laws.classify import classify
from training.fitting.laws.sample import sample
from training.fitting.laws.table import get


def test_a_law_that_is_found():
    row = attempt("I.12.2", 0.0, 3, 200, stand_in.Monomial)
    assert tuple(row) == COLUMNS
    seconds, error, formula = (row.pop(k) for k in ("seconds", "relative_error", "formula"))
    assert row == {
        "law": "I.12.2",
        "class": "monomial",
        "noise": 0.0,
        "seed": 3,
        "solved": True,
        "same_terms": True,
        "claim": "exact",
        "terms": 1,
        "power": "1",
        "error": "",
    }
    assert 0 < seconds < 10 and error < 1e-12
    assert formula.startswith("F = 0.0795775*")  # 1 / 4 pi


def test_a_law_that_is_not():
    row = attempt("I.13.4", 0.0, 0, 200, stand_in.Monomial)
    assert (row["solved"], row["same_terms"], row["claim"]) == (False, False, "approximate")
    assert row["relative_error"] > 0.01


def test_a_fit_that_is_refused():
    row = attempt("I.12.1", 0.01, 0, 20, stand_in.Refuses)
    assert tuple(row) == COLUMNS
    assert (row["claim"], row["solved"], row["same_terms"]) == ("error", False, False)
    assert row["error"] == "ValueError: X must be something else, got this"
    assert row["formula"] == row["terms"] == row["relative_error"] == ""


def test_a_fault_is_not_a_result():
    with pytest.raises(KeyError, match="a fault"):
        attempt("I.12.1", 0.0, 0, 20, stand_in.Breaks)


def test_an_unknown_law():
    with pytest.raises(ValueError, match="name must be one of"):
        attempt("I.0.0", 0.0, 0, 20, stand_in.Monomial)


class Recorder(stand_in.Monomial):
    """Remembers what it was given."""

    def __init__(self, calls):
        self.calls = calls

    def fit(self, *arguments, **named):
        self.calls.append(("fit", arguments, named))
        return super().fit(*arguments)

    def predict(self, x):
        self.calls.append(("predict", (x,), {}))
        return super().predict(x)


def test_the_fit_is_blind():
    """It gets the noisy sample with the variables' names, and nothing else."""
    calls = []
    attempt("I.13.4", 0.1, 2, 50, functools.partial(Recorder, calls))
    (_, (x, y), named), *_ = calls
    expected = sample(get("I.13.4"), 50, 0.1, 2)
    assert named == {} and list(x.columns) == ["m", "v", "u", "w"]
    np.testing.assert_array_equal(x, expected.x)
    np.testing.assert_array_equal(y, expected.y)
    # It is validated on other rows.
    (validation,) = [arguments[0] for name, arguments, _ in calls[1:] if len(arguments[0]) == 50][
        -1:
    ]
    assert not np.any(np.isin(validation, x))


def test_relative_error():
    clean = np.array([3.0, 4.0])
    assert relative_error(clean + [0.3, 0.4], clean) == pytest.approx(0.1)
    assert math.isnan(relative_error(np.array([3.0, np.nan]), clean))
    assert math.isnan(relative_error(np.array([3.0, np.inf]), clean))


def test_floats_are_rounded_for_the_reader():
    x = sympy.Symbol("x")
    assert str(rounded(1.23456789 * x ** sympy.Rational(1, 2))) == "1.23457*sqrt(x)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "noise", "claim"),
    [
        ("I.47.23", 0.0, "exact"),
        ("II.37.1", 0.01, "consistent"),
        ("I.10.7", 0.0, "exact"),
    ],
)
def test_the_regression_of_the_package_finds_laws(law, noise, claim):
    row = attempt(law, noise, 0, 1000)
    assert row["solved"] and row["claim"] == claim and row["relative_error"] < 0.002, row
    assert int(row["terms"]) == classify(get(law)).terms
    assert row["power"] == str(classify(get(law)).power)


@pytest.mark.slow
def test_the_regression_of_the_package_does_not_claim_a_law_outside():
    row = attempt("I.6.2a", 0.0, 0, 1000)
    assert not row["solved"] and row["claim"] in ("consistent", "approximate")
