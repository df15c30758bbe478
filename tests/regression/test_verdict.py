"""The verdict on a fit, where the tests of the regressors do not tell its conditions apart."""

from fractions import Fraction

import numpy as np
import pytest

from weirdonetworks.regression import fitting, verdict


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
    found, evidence = verdict.judge(model, fitting.Data(u, y, relative=False), 0.01)
    assert found == expected, evidence
    assert ("too few" in evidence["reason"]) is (rows == 14)
