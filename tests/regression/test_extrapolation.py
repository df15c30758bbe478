"""Extrapolation: inside, how far outside, and in words."""

import numpy as np
import pytest

from weirdonetworks.regression.extrapolation import extrapolation

LOW, HIGH, NAMES = [0.1, 1.0], [5.0, 1000.0], ["m1", "r"]


def test_inside_and_outside():
    x = [[1, 10], [5, 1000], [0.1, 1], [16, 10], [0.05, 10], [10, 1e5], [1, 0.999]]
    found = extrapolation(x, LOW, HIGH, NAMES)
    assert found.inside.tolist() == [True, True, True, False, False, False, False]
    np.testing.assert_allclose(
        found.decades, [0, 0, 0, np.log10(3.2), np.log10(2), 2, np.log10(1 / 0.999)], rtol=1e-9
    )
    assert found.feature == (None, None, None, "m1", "m1", "r", "r")
    assert found.statements[0] == "inside"
    assert found.statements[3] == (
        "m1 = 16 is beyond its largest training value 5 by a factor of 3.2"
    )
    assert found.statements[4] == (
        "m1 = 0.05 is beyond its smallest training value 0.1 by a factor of 2"
    )
    assert found.statements[5] == (
        "r = 1e+05 is beyond its largest training value 1000 by a factor of 100, and 1 more outside"
    )
    assert "by a factor of 1.001" in found.statements[6]


def test_training_rows_are_inside_and_the_next_number_is_not():
    x = np.exp(np.random.default_rng(0).normal(scale=9, size=(500, 3)))
    low, high = x.min(axis=0), x.max(axis=0)
    assert extrapolation(x, low, high, list("abc")).inside.all()
    for bound, side in ((high, np.inf), (low, 0)):
        for i in range(3):
            row = x[:1].copy()
            row[0, i] = np.nextafter(bound[i], side)
            found = extrapolation(row, low, high, list("abc"))
            assert not found.inside[0] and found.feature == ("abc"[i],)
            assert found.decades[0] < 1e-12 and "abc"[i] in found.statements[0]


def test_scale_does_not_matter():
    """Changing units moves neither rows nor box: the factors are the same."""
    rng = np.random.default_rng(1)
    x, scale = np.exp(rng.normal(scale=3, size=(50, 2))), np.array([1e-20, 1e12])
    one = extrapolation(x, LOW, HIGH, NAMES)
    two = extrapolation(x * scale, LOW * scale, HIGH * scale, NAMES)
    assert 0 < one.inside.sum() < 50
    np.testing.assert_allclose(one.decades, two.decades, atol=1e-12)
    assert one.feature == two.feature


def test_numbers_of_every_size():
    found = extrapolation([[1e308], [5e-324], [1e-200]], [1e-200], [1e-200], ["x"])
    assert found.inside.tolist() == [False, False, True]
    assert np.all(np.isfinite(found.decades)) and found.decades[0] == pytest.approx(508)
    assert "1e+508" in found.statements[0]
    assert extrapolation(np.ones([0, 1]), [1], [1], ["x"]).statements == ()


@pytest.mark.parametrize(
    ("x", "low", "high", "message"),
    [
        ([[1.0]], LOW, HIGH, r"X must be \[rows, 2\], got shape \(1, 1\)"),
        ([1.0, 2.0], LOW, HIGH, r"X must be \[rows, 2\]"),
        ([[1.0, -3.0]], LOW, HIGH, "X must be finite and > 0, got -3.0"),
        ([[1.0, np.nan]], LOW, HIGH, "X must be finite and > 0, got nan"),
        ([[1.0, 1.0]], [0.0, 1.0], HIGH, "low and high must be 2 values each with 0 < low <= high"),
        ([[1.0, 1.0]], [9.0, 1.0], HIGH, "0 < low <= high"),
        ([[1.0, 1.0]], [9.0], HIGH, "2 values each"),
        ([[1.0, 1.0]], LOW, [5.0, np.inf], "high must be finite"),
        ([[1.0, 1.0]], [np.nan, 1.0], HIGH, "0 < low <= high"),
    ],
)
def test_bad_arguments(x, low, high, message):
    with pytest.raises(ValueError, match=message):
        extrapolation(x, low, high, NAMES)
