"""The verdict on a fit, where the tests of the regressors do not tell its conditions apart."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from weirdonetworks.regression import fitting, verdict
from weirdonetworks.regression.diagnostics import Finding


@pytest.mark.parametrize(("rows", "expected"), [(14, "approximate"), (60, "consistent")])
def test_a_law_needs_three_rows_for_each_of_its_numbers(rows, expected):
    """Fourteen rows are enough for the tests of two constants, not to choose four exponents."""
    rng = np.random.default_rng(0)
    u = rng.uniform(-1, 1, (rows, 2))
    one, zero = Fraction(1), Fraction(0)
    model = fitting.Model(
        np.ones(2), np.eye(2), one, (np.zeros((2, 0)),) * 2, ((one, zero), (zero, one))
    )
    y = model.predict(u) * (1 + 0.01 * rng.normal(size=rows))
    found, evidence = verdict.judge(_found(model, fitting.Data(u, y, relative=False)))
    assert found == expected, evidence
    assert ("too few" in evidence["reason"]) is (rows == 14)


def _found(model, data, **changes) -> SimpleNamespace:
    """What a search says of a fit that nothing speaks against, but for the changes."""
    usual = {
        "validation_error": 0.01,
        "validation_p_value": 1.0,
        "gain": 1.0,
        "chi_square": None,
        "chi_p_value": 1.0,
        "examination": Finding(0.5, "y"),
        "structure": Finding(0.5, "polynomial"),
        "effective_rows": 10.0,
        "limit": None,
        "freed": SimpleNamespace(odds=np.full(model.a.shape, 1e6)),
    }
    return SimpleNamespace(model=model, data=data, **(usual | changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "no structure"),
        ({"examination": Finding(1e-3, "y")}, "the residuals' size goes with y"),
        ({"examination": Finding(1e-3, 0)}, "the residuals' size goes with column 0"),
        ({"examination": Finding(1e-3, "skewness")}, "not symmetric"),
        ({"examination": Finding(1.0, None)}, "too few to examine the noise"),
        ({"validation_p_value": 1e-5}, "held out are predicted worse"),
        ({"gain": 1e-4}, "a further term explains more"),
        ({"structure": Finding(1e-3, "neighbours")}, "depend on X (neighbours test"),
        ({"structure": Finding(1e-3, "neighbours"), "limit": 8}, "limit of terms, 8, was reached"),
        ({"gain": 1e-4, "limit": 8}, "limit of terms, 8, was reached"),
        ({"effective_rows": 1.2}, "a few rows hold the law"),
        ({"chi_p_value": 1e-4}, "larger than the errors of y"),
        ({"freed": SimpleNamespace(odds=np.array([[1.0, np.inf]]))}, "do not tell whether"),
    ],
)
def test_one_thing_against_a_law_is_enough(changes, reason):
    rng = np.random.default_rng(0)
    u = rng.uniform(-1, 1, (100, 2))
    half = Fraction(1, 2)
    model = fitting.Model(
        np.ones(1), np.array([[1.0, 0.5]]), Fraction(1), (np.zeros((2, 0)),), ((Fraction(1), half),)
    )
    data = fitting.Data(u, model.predict(u) + 0.01 * rng.normal(size=100), relative=False)
    status, evidence = verdict.judge(_found(model, data, **changes))
    assert (status == "consistent") is (not changes)
    assert reason in evidence["reason"]
    assert verdict.judge(_found(model, data), outliers=20)[0] == "approximate"
    assert verdict.judge(_found(model, data), outliers=3)[0] == "consistent"


@pytest.mark.parametrize(
    ("terms", "unknown", "expected"),
    [(8, 0, "exact"), (8, 1, "approximate"), (7, 1, "exact"), (7, 0, "exact")],
)
def test_many_terms_are_exact_with_fractions_alone(terms, unknown, expected):
    """Free exponents, as many as of eight terms, come to rounding near what they are not."""
    u = np.random.default_rng(0).uniform(-1, 1, (100, 1))
    exponents = [Fraction(k, 2) for k in range(terms)]
    known = tuple((a if k >= unknown else None,) for k, a in enumerate(exponents))
    bases = (np.eye(1),) * unknown + (np.zeros((1, 0)),) * (terms - unknown)
    model = fitting.Model(
        np.ones(terms), np.array(exponents, float)[:, None], Fraction(1), bases, known
    )
    data = fitting.Data(u, model.predict(u), relative=False)
    status, evidence = verdict.judge(_found(model, data))
    assert status == expected, evidence
    assert ("fit anything smooth" in evidence["reason"]) is (expected == "approximate")
