"""Rounding: a fraction where the data support it, and a float where they do not."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from weirdonetworks.regression import fitting, rounding
from weirdonetworks.regression.exponent_space import Space
from weirdonetworks.regression.fitting import Data

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


@pytest.mark.parametrize(
    ("fraction", "bits"), [(0, 1), (1, 2), (-1, 2), (3, 3), (HALF, 4), (-HALF, 4)]
)
def test_bits_of_a_fraction(fraction, bits):
    assert rounding.bits(Fraction(fraction)) == pytest.approx(bits)


def test_odds_are_those_of_two_hypotheses():
    """The density of the estimate under the fraction by its prior, over that of a real number."""
    density = np.exp(-(1.5**2) / 2) / np.sqrt(2 * np.pi) / 0.01
    expected = density * 2.0**-4 / (1 / 6)
    assert rounding.odds(HALF, 0.515, 0.01) == pytest.approx(expected)
    assert rounding.odds(HALF, 0.5, np.inf) == rounding.odds(HALF, 0.5, np.nan) == 0
    # With the few degrees of freedom of its error, a distance counts for less.
    assert rounding.odds(HALF, 0.54, 0.01, 3) > rounding.odds(HALF, 0.54, 0.01)


@pytest.mark.parametrize(
    ("exponent", "error", "expected"),
    [
        (1.999, 0.001, 2),
        (0.5002, 1e-4, HALF),
        (0.33335, 1e-4, THIRD),
        (2.0, 0.0, 2),
        (2.002, 0.001, 2),
        (2.004, 0.001, None),
        (0.5, 0.3, None),
        (0.2, 0.001, Fraction(1, 5)),
        (0.2, 0.02, None),
        (0.41421356, 1e-9, None),
        (1.0, np.inf, None),
    ],
)
def test_fractions_that_errors_support(exponent, error, expected):
    fraction, odds = rounding.likeliest(exponent, error, 6)
    assert (fraction if odds >= rounding.ODDS else None) == expected


@pytest.mark.slow
@pytest.mark.parametrize("error", [3e-2, 1e-2, 1e-3, 1e-4])
def test_odds_are_calibrated(error):
    """Of exponents that are fractions of the prior, or half as often real numbers, those told at
    odds of 20 are real in less than a twentieth of the cases.

    In a negative control, the nearest fraction within two errors, it is more often for large ones.
    """
    rng = np.random.default_rng(1)
    fractions = sorted({Fraction(n, d) for d in range(1, 7) for n in range(-3 * d, 3 * d + 1)})
    prior = np.array([2.0 ** -rounding.bits(f) for f in fractions])
    assert 1.9 < prior.sum() < 2.3
    number = 4500
    drawn = rng.choice(len(fractions), p=prior / prior.sum(), size=2 * number // 3)
    truth = np.concatenate([rng.uniform(-3, 3, number // 3), [float(fractions[i]) for i in drawn]])
    seen = truth + error * rng.normal(size=number)
    told = np.array([rounding.likeliest(a, error, 6)[1] >= rounding.ODDS for a in seen])
    real = np.arange(number) < number // 3
    false = np.mean(real[told])
    assert false < 1 / rounding.ODDS
    assert np.mean(told[~real]) > (0.15 if error >= 1e-2 else 0.8)
    near = np.array([min(abs(float(f) - a) for f in fractions) < 2 * error for a in seen])
    if error >= 1e-2:
        assert np.mean(real[near]) > 3 * false


@pytest.mark.parametrize("denominator", [1, 2, 3, 4, 6])
def test_fractions_are_found_within_their_errors(denominator):
    rng = np.random.default_rng(2)
    truth = [Fraction(int(n), denominator) for n in rng.integers(-12, 13, 500)]
    found = [rounding.likeliest(float(f) + 1e-4 * rng.normal(), 1e-4, 6) for f in truth]
    assert sum(a == b and o > 20 for a, (b, o) in zip(truth, found, strict=True)) >= 450


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


@pytest.mark.slow
def test_true_fractions_are_rounded_nearly_always():
    kept = 0
    for seed in range(100):
        model, data = _fitted([0.5, 1], 0.01, seed=seed, rows=100)
        kept += rounding.round_exponents(model, data, 6).known == ((HALF, 1),)
    assert kept >= 95


def test_what_the_data_do_not_support_is_free_again():
    """A fraction that was taken, from rows that do not hold it, is fitted when all are there."""
    model, data = _fitted([0.61, -1], 0.01)
    wrong = rounding.fix(rounding.fix(model, 0, 0, Fraction(3, 5)), 0, 1, Fraction(-1))
    wrong = fitting.fit(wrong, data)
    space = Space(np.zeros(2), np.eye(2))
    freed = rounding.freed(wrong, data, space, np.zeros(2))
    assert rounding.unsupported(wrong, freed) == [(0, 0)]
    np.testing.assert_allclose(freed.exponents, model.a, atol=1e-4)
    released = fitting.fit(rounding.release(wrong, [(0, 0)], space), data)
    assert released.known == ((None, -1),)
    right = fitting.fit(rounding.fix(released, 0, 1, Fraction(-1)), data)
    assert not rounding.unsupported(right, rounding.freed(right, data, space, np.zeros(2)))


def test_free_exponents_and_errors_are_those_of_the_free_fit():
    """One step of Gauss and Newton from the rounded law reaches the free one."""
    model, data = _fitted([0.5, -1], 0.01)
    rounded = rounding.round_exponents(model, data, 6)
    assert not rounding.unknown(rounded)
    center = np.array([0.3, -0.2])
    freed = rounding.freed(rounded, data, Space(np.zeros(2), np.eye(2)), center)
    np.testing.assert_allclose(freed.exponents, model.a, atol=1e-4)
    _, variances = fitting.covariance(model, data)
    np.testing.assert_allclose(freed.errors, np.sqrt(variances), rtol=0.02)
    # Constants of fractions that are certain are as of a law whose exponents are given.
    cov, _ = fitting.covariance(rounded, data)
    own = np.sqrt(np.diag(cov)) / rounded.c
    assert freed.c_errors == pytest.approx(own, rel=0.05)


def test_errors_of_few_rows_are_wider():
    """So that twice the error holds the truth as often as of many rows, by Student's t."""
    model, data = _fitted([0.41, -1.3], 0.05, rows=6)
    freed = rounding.freed(model, data, Space(np.zeros(2), np.eye(2)), np.zeros(2))
    _, variances = fitting.covariance(model, data)
    widening = stats.t.ppf(stats.norm.cdf(2), 6 - 3) / 2
    assert widening > 1.5
    np.testing.assert_allclose(freed.errors, widening * np.sqrt(variances), rtol=1e-6)
    known = rounding.freed(model, data, Space(np.zeros(2), np.eye(2)), np.zeros(2), noise=0.05)
    _, variances = fitting.covariance(model, data, 0.05)
    np.testing.assert_allclose(known.errors, np.sqrt(variances), rtol=1e-6)


def test_errors_of_constants_hold_the_doubt_about_fractions():
    """Far from the rows' middle a constant depends on the exponent: doubt makes it vague."""
    space, center = Space(np.zeros(1), np.eye(1)), np.array([8.0])
    for exponent, certain in ((0.5, True), (0.61, False)):
        model, data = _fitted([exponent], 0.002 if certain else 0.1)
        fraction = Fraction(1, 2) if certain else Fraction(3, 5)
        told = fitting.fit(rounding.fix(model, 0, 0, fraction), data)
        freed = rounding.freed(told, data, space, center)
        cov, _ = fitting.covariance(told, data)
        own = np.sqrt(cov[0, 0]) / told.c[0]
        (doubt,) = rounding.doubts(told, freed.odds)[0]
        assert bool(doubt < 0.05) is certain
        free = 8 * freed.errors[0, 0]  # of log c, by far most of it
        if certain:
            assert freed.c_errors[0] < own + 1.1 * np.sqrt(doubt) * free
        else:
            assert freed.c_errors[0] > 0.9 * np.sqrt(doubt) * free > 3 * own


def test_exponents_are_likelier_0_where_most_are():
    """In a law of forty columns of which two matter; of three, it makes no difference."""
    model = fitting.monomial(np.zeros(40), 1.0, np.eye(40))
    assert rounding.sparsity(model) == 1
    for i in range(37):
        model = rounding.fix(model, 0, i, Fraction(0))
    assert rounding.sparsity(model) == pytest.approx(37 / 4)
    assert rounding.sparsity(rounding.fix(model, 0, 38, Fraction(2))) == pytest.approx(37 / 4)
    few = rounding.fix(fitting.monomial(np.zeros(3), 1.0, np.eye(3)), 0, 0, Fraction(0))
    assert rounding.sparsity(few) == 1


def test_student_is_that_of_scipy():
    for z, freedom in itertools.product([0.0, -1.3, 40.0, 1e200], [1, 7, 1e6, np.inf]):
        expected = stats.t.pdf(z, freedom)
        assert rounding._student(z, freedom) == pytest.approx(expected, rel=1e-7, abs=1e-300)


def test_zeros_of_many_columns_are_fixed_at_once():
    """Where parameters are half as many as rows, residuals are smaller than their noise."""
    fixed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        u = rng.uniform(-1, 1, (60, 40))
        data = Data(u, np.exp(2 * u[:, 0] + 0.02 * rng.normal(size=60)), relative=True)
        model = fitting.fit(fitting.monomial(np.zeros(40), 1.0, np.eye(40)), data)
        proposals = [(1.0, 0, i, Fraction(0)) for i in range(1, 40)]
        fixed += rounding._fixed(model, proposals, data) is not None
    assert fixed >= 18


def test_the_more_certain_half_is_fixed_first(monkeypatch):
    rng = np.random.default_rng(0)
    u = rng.uniform(-1, 1, (200, 6))
    a = np.array([2.0, 1, 0, 0, -1, 0])
    data = Data(u, np.exp(u @ a + 0.01 * rng.normal(size=200)), relative=True)
    model = fitting.fit(fitting.monomial(np.zeros(6), 1.0, np.eye(6)), data)
    numbers = []

    def one_or_two(model, proposals, data, own=rounding._fixed):
        numbers.append(len(proposals))
        return own(model, proposals, data) if len(proposals) <= 2 else None

    monkeypatch.setattr(rounding, "_fixed", one_or_two)
    assert rounding.round_exponents(model, data, 6).known == (tuple(map(Fraction, map(int, a))),)
    assert numbers[:2] == [6, 3] and 2 not in numbers[:2]


def test_odds_of_a_fitted_zero_count_how_many_there_are(monkeypatch):
    rng = np.random.default_rng(0)
    u = rng.uniform(-1, 1, (200, 12))
    data = Data(u, np.exp(2 * u[:, 0] + 0.01 * rng.normal(size=200)), relative=True)
    model = fitting.monomial(np.eye(12)[0] * 2, 1.0, np.eye(12))
    for i in range(12):
        model = rounding.fix(model, 0, i, Fraction(2 * (i == 0)))
    model = fitting.fit(model, data)
    space = Space(np.zeros(12), np.eye(12))
    odds = rounding.freed(model, data, space, np.zeros(12)).odds
    monkeypatch.setattr(rounding, "sparsity", lambda model: 1.0)
    plain = rounding.freed(model, data, space, np.zeros(12)).odds
    np.testing.assert_allclose(odds / plain, [[1] + 11 * [11 / 2]])
