"""Rounding: a fraction where the data support it, and a float where they do not."""

from fractions import Fraction

import numpy as np
import pytest

from weirdonetworks.regression import fitting, rounding
from weirdonetworks.regression.fitting import Data

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.9, 1.1, 1),
        (-2.1, -1.9, -2),
        (-0.2, 0.1, 0),
        (0.45, 0.55, HALF),
        (0.3, 0.4, THIRD),
        (0.65, 0.68, 2 * THIRD),
        (-1.55, -1.45, -3 * HALF),
        (0.6, 2.6, 2),
        (0.414, 0.415, None),
        (0.19, 0.21, Fraction(1, 5)),
    ],
)
def test_simplest_fraction_in_the_interval(low, high, expected):
    """The smallest denominator first, then the nearest to the middle."""
    assert rounding.simplest(low, high, 6) == expected


@pytest.mark.slow
def test_simplest_fraction_by_search():
    """The same by looking at all fractions, for arbitrary intervals."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        low = rng.uniform(-3, 3)
        high = low + 10 ** rng.uniform(-4, 0)
        every = {Fraction(n, d) for d in range(1, 7) for n in range(-30 * d, 30 * d)}
        inside = [f for f in every if low <= f <= high]
        best = min(
            inside, key=lambda f: (f.denominator, abs(f - Fraction((low + high) / 2))), default=None
        )
        assert rounding.simplest(low, high, 6) == best


@pytest.mark.parametrize(
    ("exponent", "error", "expected"),
    [
        (1.999, 0.001, 2),
        (0.5002, 1e-4, HALF),
        (0.33335, 1e-4, THIRD),
        (2.0, 0.0, 2),
        (2.003, 0.001, 2),
        (2.004, 0.001, None),
        (0.5, 0.3, None),
        (0.2, 0.005, Fraction(1, 5)),
        (0.2, 0.02, None),
        (0.41421356, 1e-9, None),
        (1.0, np.inf, None),
        (1.0, np.nan, None),
    ],
)
def test_fractions_that_errors_support(exponent, error, expected):
    assert rounding.supported(exponent, error, 6) == expected


@pytest.mark.parametrize("error", [1e-2, 1e-3, 1e-4, 1e-5])
def test_arbitrary_reals_are_rarely_taken_for_fractions(error):
    """No interval is so wide that it holds a fraction more often than every second time.

    In a negative control, without that rule, wide intervals nearly always hold one.
    """
    rng = np.random.default_rng(1)
    exponents = rng.uniform(-3, 3, 2000)
    held = np.mean([rounding.supported(a, error, 6) is not None for a in exponents])
    # Of fractions with denominators up to 6 there are 12 in [0, 1).
    width = 2 * (rounding.WIDTH * error + 1e-6)
    assert held <= min(12 * width, 0.5) + 0.035
    if error == 1e-2:
        half = rounding.WIDTH * error
        found = [rounding.simplest(a - half, a + half, 6) is not None for a in exponents]
        assert np.mean(found) > 0.6


@pytest.mark.parametrize("denominator", [1, 2, 3, 4, 6])
def test_fractions_are_found_within_their_errors(denominator):
    """As often as a normal deviate lies within 3.5 of 0."""
    rng = np.random.default_rng(2)
    truth = [Fraction(int(n), denominator) for n in rng.integers(-12, 13, 500)]
    found = [rounding.supported(float(f) + 1e-4 * rng.normal(), 1e-4, 6) for f in truth]
    assert sum(a == b for a, b in zip(truth, found, strict=True)) >= 495


def _fitted(exponents, noise, basis=None, seed=0, rows=200):
    rng = np.random.default_rng(seed)
    n = len(exponents)
    u = rng.uniform(-1, 1, (rows, n))
    data = Data(u, 2 * np.exp(u @ exponents) + noise * rng.normal(size=rows), False)
    model = fitting.monomial(np.array(exponents, float), 2.0, np.eye(n) if basis is None else basis)
    return fitting.fit(model, data), data


def test_rounds_what_is_supported_and_leaves_the_rest():
    model, data = _fitted([0.5, -1, 0.4142, 1 / 3], 0.002)
    rounded = rounding.round_exponents(model, data, 6)
    assert rounded.known == ((HALF, -1, None, THIRD),)
    np.testing.assert_array_equal(rounded.a[0, [0, 1, 3]], [0.5, -1, 1 / 3])
    assert rounded.a[0, 2] == pytest.approx(0.4142, abs=0.002) and rounded.a[0, 2] != 0.4142
    assert rounded.num_parameters == 2
    assert rounding.unknown(rounded) == [(0, 2)]


def test_noise_hides_fractions():
    """With errors of 0.1, 1/3 and 1/4 are not to be told apart, and neither is claimed."""
    model, data = _fitted([1 / 3, 1], 0.8)
    rounded = rounding.round_exponents(model, data, 6)
    assert rounded.known[0][0] is None


def test_finest_fraction_is_asked_for():
    model, data = _fitted([1 / 3, 1], 1e-4)
    assert rounding.round_exponents(model, data, 2).known == ((None, 1),)


def test_fixing_what_does_not_fit_is_refused():
    """A fraction far from the fit is not taken, however it is proposed."""
    model, data = _fitted([0.5, -1], 0.002)
    assert rounding._fixed(model, [(0.0, 0, 0, Fraction(1))], data) is None
    assert rounding._fixed(model, [(0.0, 0, 0, HALF)], data) is not None


def test_fixes_an_exponent():
    model, _ = _fitted([0.52, -1], 0)
    fixed = rounding.fix(model, 0, 0, HALF)
    np.testing.assert_allclose(fixed.a, [[0.5, -1]])
    assert fixed.known == ((HALF, None),)
    np.testing.assert_array_equal(fixed.bases[0], [[0], [1]])
    np.testing.assert_allclose(model.a, [[0.52, -1]])


def test_fixing_an_exponent_moves_those_it_is_bound_to():
    """Under a + b = 1 and c free, fixing a fixes b."""
    basis = np.array([[1.0, 0], [-1, 0], [0, 1]])
    model, _ = _fitted([0.52, 0.48, 3], 0, basis)
    fixed = rounding.fix(model, 0, 0, HALF)
    np.testing.assert_allclose(fixed.a, [[0.5, 0.5, 3]])
    moving = fixed.bases[0]
    assert moving.shape == (3, 1)
    np.testing.assert_allclose(np.abs(moving[:, 0]), [0, 0, 1], atol=1e-12)
    other = rounding.fix(fixed, 0, 1, HALF)
    np.testing.assert_allclose(other.a, [[0.5, 0.5, 3]])


def test_rounding_keeps_constraints():
    basis = np.array([[1.0, 0, 0], [-1, 1, 0], [0, -1, 1]])
    model, data = _fitted([0.5, 0.25, 0.25], 1e-3, basis)
    rounded = rounding.round_exponents(model, data, 6)
    assert rounded.known == ((HALF, Fraction(1, 4), Fraction(1, 4)),)
    assert rounded.num_parameters == 1


def test_true_fractions_are_rounded_nearly_always():
    kept = 0
    for seed in range(100):
        model, data = _fitted([0.5, 1], 0.01, seed=seed, rows=100)
        kept += rounding.round_exponents(model, data, 6).known == ((HALF, 1),)
    assert kept >= 95


def test_exponents_are_near_halves_only_where_errors_are_small():
    """Five standard errors off, an exponent of a small error is near 2; others are near no half."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=(4000, 1))
    for true, noise, near in ((2.0, 1e-3, True), (2.0, 0.3, False), (1.9, 1e-3, False)):
        y = np.exp(true * u[:, 0] + noise * rng.normal(size=len(u)))
        data = fitting.Data(u, y, relative=True)
        model = fitting.fit(fitting.monomial(np.array([true]), 1.0, np.eye(1)), data)
        _, variances = fitting.covariance(model, data)
        moved = model.a + 5 * np.sqrt(variances)
        moved = fitting.monomial(moved[0], float(model.c[0]), np.eye(1))
        assert rounding.all_near_halves(moved, data) is near
