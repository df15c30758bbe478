"""The size of errors: what examination finds, and what it does not."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from weirdonetworks.regression import fitting, noise
from weirdonetworks.regression.fitting import Data


def _symmetric(seed, rows=200):
    """f = x0 / x1 + x1 / x0, of which the size goes with no column, fitted to f + errors."""
    g = np.random.default_rng(seed)
    u = g.uniform(-2, 2, (rows, 2))
    a = np.array([[1.0, -1.0], [-1.0, 1.0]])
    known = ((Fraction(1), Fraction(-1)), (Fraction(-1), Fraction(1)))
    model = fitting.Model(np.ones(2), a, Fraction(1), (np.zeros((2, 0)),) * 2, known)
    return model, u, model.predict(u), g


def _examined(model, u, y):
    data = Data(u, y, relative=False)
    return noise.examine(fitting.fit(model, data), data)


def test_errors_that_go_with_y_a_column_or_one_side_are_found_by_name():
    model, u, f, g = _symmetric(0)
    e = g.normal(size=len(f))
    assert not _examined(model, u, f + 0.1 * e).found
    by_y = _examined(model, u, f + 0.1 * f * e)
    assert by_y.found and by_y.test == "y"
    by_column = _examined(model, u, f + 0.1 * np.exp(u[:, 1]) * e)
    assert by_column.found and by_column.test == 1
    skewed = _examined(model, u, f + 0.1 * (g.exponential(size=len(f)) - 1))
    assert skewed.found and skewed.test == "skewness"
    few = slice(0, 7)
    assert _examined(model, u[few], (f + 0.1 * f * e)[few]) == (1.0, None)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [12, 30, 200])
def test_right_noise_fails_in_a_hundredth_of_fits(rows):
    """A binomial bound, also where few rows bend the fit to themselves."""
    failed = 0
    for seed in range(300):
        model, u, f, g = _symmetric(seed, rows)
        failed += _examined(model, u, f + 0.1 * g.normal(size=rows)).found
    assert failed <= stats.binom.isf(1e-3, 300, noise.smallest([(0.01, "")]).p_value)


@pytest.mark.slow
def test_standardised_residuals_are_of_one_size():
    """Those of rows with leverage are smaller than the errors that they are of."""
    g = np.random.default_rng(0)
    u = np.append(np.linspace(-0.1, 0.1, 9), 3.0)[:, None]
    model = fitting.monomial(np.array([0.5]), 1.0, np.eye(1))
    far, plain = [], []
    for _ in range(400):
        data = Data(u, model.predict(u) * np.exp(0.01 * g.normal(size=10)), relative=True)
        fitted = fitting.fit(model, data)
        far.append(noise.standardised(fitted, data)[-1])
        plain.append(fitted.residuals(data)[-1])
    assert np.std(far) == pytest.approx(0.01, rel=0.2) and np.std(plain) < 0.002


def test_leverages_are_those_of_the_hat_matrix():
    g = np.random.default_rng(0)
    jacobian = g.normal(size=(20, 3)) * [1, 1e-8, 1e8]
    q, _ = np.linalg.qr(jacobian / np.linalg.norm(jacobian, axis=0))
    np.testing.assert_allclose(noise.leverages(jacobian), np.sum(q**2, axis=1), rtol=1e-9)
    assert noise.leverages(jacobian).sum() == pytest.approx(3)


def test_effective_rows_are_those_that_hold_the_law():
    """All of 30 in a law of one size; two, in one of which the others are next to nothing."""
    flat = fitting.monomial(np.array([0.0]), 1.0, np.zeros((1, 0)))
    steep = fitting.monomial(np.array([3.0]), 1.0, np.eye(1))
    u = np.linspace(-9, 9, 30)[:, None]
    data = Data(u, flat.predict(u), relative=False)
    assert noise.effective_rows(flat, data) == pytest.approx(30)
    data = Data(u, steep.predict(u), relative=False)
    assert 1 <= noise.effective_rows(steep, data) < 1.5
    assert noise.effective_rows(steep, Data(u, steep.predict(u), relative=True)) > 5


@pytest.mark.parametrize("share", [0.0, 0.05, 1.0])
def test_mixed_deviations_are_those_that_made_the_errors(share):
    g = np.random.default_rng(1)
    u = g.uniform(-3, 3, (4000, 1))
    model = fitting.monomial(np.array([1.0]), 1.0, np.eye(1))
    f = model.predict(u)
    true = np.hypot(1 if share < 1 else 0.0, share * f)
    data = Data(u, f + 0.01 * true * g.normal(size=len(f)), relative=False)
    found = noise.mixed_deviation(fitting.fit(model, data), data)
    ratio = np.log(found / true)
    assert np.std(ratio) < 0.15


def test_criterion_is_aicc_of_the_likelihood():
    """By SciPy's densities, with the size of the noise at its maximum."""
    g = np.random.default_rng(2)
    u = g.uniform(-1, 1, (40, 1))
    model = fitting.monomial(np.array([1.0]), 1.0, np.eye(1))
    y = model.predict(u) * np.exp(0.1 * g.normal(size=40))
    deviation = np.exp(g.uniform(-1, 1, 40))
    values, own = [], []
    for data in (Data(u, y, False), Data(u, y, True), Data(u, y, False, deviation)):
        fitted = fitting.fit(model, data)
        r = fitted.residuals(data)
        w = data.weights
        log_density = stats.norm.logpdf(r, scale=np.sqrt(np.mean(r**2))) + np.log(w)
        log_density -= np.log(y) if data.relative else 0
        number = 3
        aicc = -2 * log_density.sum() + 2 * number + 2 * number * (number + 1) / (40 - number - 1)
        values.append(aicc / 40)
        own.append(noise.criterion(fitted, data))
    np.testing.assert_allclose(np.diff(own), np.diff(values), rtol=1e-6)
