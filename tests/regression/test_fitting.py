"""Least squares: derivatives against differences, errors against theory and against chance."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from weirdonetworks.regression import fitting
from weirdonetworks.regression.fitting import Data, Model

UNKNOWN = (None, None)


def _model(power=1, positive=False, c=(2.0, 0.7), bases=None) -> Model:
    a = np.array([[1.0, -0.5], [-1.3, 2.0]])
    bases = (np.eye(2), np.eye(2)) if bases is None else bases
    return Model(np.array(c), a, Fraction(power), bases, (UNKNOWN,) * 2, positive)


def _inputs(rows=40, seed=0) -> np.ndarray:
    u = np.random.default_rng(seed).normal(size=(rows, 2)) / 2
    return u - u.mean(axis=0)


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("power", [1, 2, Fraction(-1, 2)])
@pytest.mark.parametrize("narrow", [False, True])
def test_jacobian_is_minus_the_derivative_of_the_residuals(power, positive, relative, narrow):
    """By central differences, also where exponents may move along one direction only."""
    bases = (np.array([[1.0], [-2.0]]), np.zeros((2, 0))) if narrow else None
    model = _model(power, positive, bases=bases)
    u = _inputs()
    data = Data(u, 1.3 * model.predict(u) + 0.1, relative)
    residuals, jacobian = fitting.derivatives(model, data)
    np.testing.assert_allclose(residuals, model.residuals(data), rtol=1e-12)
    assert jacobian.shape == (40, model.num_parameters) == (40, 3 if narrow else 6)

    c = np.log(model.c) if positive else model.c
    parameters = np.concatenate([c, np.zeros(model.num_parameters - 2)])

    def moved(step):
        return fitting._moved(model, model, parameters + step).residuals(data)

    for i, step in enumerate(1e-6 * np.eye(len(parameters))):
        difference = (moved(step) - moved(-step)) / 2e-6
        np.testing.assert_allclose(jacobian[:, i], -difference, rtol=1e-6, atol=1e-7)


def test_power_is_that_of_the_sum():
    u = _inputs()
    z = np.exp(u @ _model().a.T) @ _model().c
    for power in (1, 2, -1, Fraction(-1, 2)):
        np.testing.assert_allclose(_model(power).predict(u), z ** float(1 / Fraction(power)))


def test_root_is_held_above_zero():
    z = np.array([4.0, 0.0, -1.0])
    f, slope = fitting.root(z, Fraction(2))
    assert f[0] == 2 and slope[0] == 0.25
    assert np.all(np.isfinite(f) & (f > 0) & np.isfinite(slope))
    np.testing.assert_array_equal(fitting.root(z, Fraction(1))[0], z)


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("power", [1, 2, -1])
@pytest.mark.parametrize("positive", [False, True])
def test_fit_returns_to_the_truth(power, positive, relative):
    truth = _model(power, positive)
    u = _inputs(200)
    data = Data(u, truth.predict(u), relative)
    start = dataclasses.replace(truth, c=truth.c * [1.5, 0.6], a=truth.a + [[0.3, 0], [0, -0.4]])
    assert fitting.rms(start.residuals(data)) > 0.01 * data.scale
    found = fitting.fit(start, data, 200)
    np.testing.assert_allclose(found.c, truth.c, rtol=1e-9)
    np.testing.assert_allclose(found.a, truth.a, rtol=1e-9)
    assert fitting.rms(found.residuals(data)) < fitting.PRECISION * data.scale


def test_fit_moves_exponents_along_their_basis_only():
    truth = _model()
    u = _inputs(100)
    data = Data(u, truth.predict(u), False)
    narrow = (np.array([[1.0], [1.0]]), np.zeros((2, 0)))
    start = dataclasses.replace(truth, bases=narrow, a=truth.a + [[0.3, 0.3], [0.1, 0]])
    found = fitting.fit(start, data)
    assert fitting.rms(found.residuals(data)) < 0.9 * fitting.rms(start.residuals(data))
    assert found.a[0, 0] - found.a[0, 1] == pytest.approx(1.5)
    np.testing.assert_array_equal(found.a[1], start.a[1])


def test_positive_coefficients_stay_so():
    """Fitted to a difference, a posynomial gives the negative term up; a signomial finds it."""
    truth = _model(c=(2.0, -0.3))
    u = _inputs(100)
    data = Data(u, truth.predict(u), False)
    free = fitting.solve_coefficients(_model(), data)
    np.testing.assert_allclose(free.c, truth.c)
    bound = fitting.fit(_model(positive=True), data)
    assert np.all(bound.c > 0)
    assert fitting.rms(bound.residuals(data)) > 1e-3


@pytest.mark.parametrize("power", [1, 2, -1])
@pytest.mark.parametrize("relative", [False, True])
def test_solves_for_coefficients(power, relative):
    truth = _model(power)
    u = _inputs(100)
    data = Data(u, truth.predict(u), relative)
    start = dataclasses.replace(truth, c=truth.c * [1.2, 0.9])
    np.testing.assert_allclose(fitting.solve_coefficients(start, data).c, truth.c, rtol=1e-3)


def test_needs_as_many_rows_as_parameters():
    data = Data(_inputs(5), np.ones(5), False)
    with pytest.raises(ValueError, match=r"as many rows as the law has parameters, 6, got 5"):
        fitting.fit(_model(), data)


def test_rms_of_what_is_not_finite_is_infinite():
    assert fitting.rms(np.array([3.0, -4.0])) == pytest.approx(np.sqrt(12.5))
    assert fitting.rms(np.array([1.0, np.nan])) == fitting.rms(np.array([np.inf])) == np.inf


def test_covariance_is_that_of_linear_regression():
    """With fixed exponents the law is linear in c: s^2 (X'X)^-1."""
    model = _model(bases=(np.zeros((2, 0)),) * 2)
    u = _inputs(30)
    y = model.predict(u) + 0.1 * np.random.default_rng(1).normal(size=30)
    design = model.terms(u)
    c, rest = np.linalg.lstsq(design, y, rcond=None)[:2]
    data = Data(u, y, False)
    found = fitting.fit(model, data)
    np.testing.assert_allclose(found.c, c)
    covariance, variances = fitting.covariance(found, data)
    np.testing.assert_allclose(covariance, rest / 28 * np.linalg.inv(design.T @ design))
    np.testing.assert_array_equal(variances, 0)


def test_covariance_is_that_of_log_linear_regression():
    """One term with relative noise is linear in log c and a."""
    u = _inputs(50)
    y = np.exp(u @ [1.2, -0.4] + 0.1 * np.random.default_rng(1).normal(size=50))
    data = Data(u, y, True)
    start = fitting.monomial(np.zeros(2), 1.0, np.eye(2))
    found = fitting.fit(start, data)
    design = np.column_stack([np.ones(50), u])
    t, rest = np.linalg.lstsq(design, np.log(y), rcond=None)[:2]
    np.testing.assert_allclose([np.log(found.c[0]), *found.a[0]], t, atol=1e-9)
    theory = np.diag(rest / 47 * np.linalg.inv(design.T @ design))
    covariance, variances = fitting.covariance(found, data)
    np.testing.assert_allclose(variances[0], theory[1:])
    np.testing.assert_allclose(covariance[0, 0], theory[0] * found.c[0] ** 2)


@pytest.mark.slow
@pytest.mark.parametrize(("power", "positive"), [(1, False), (1, True), (2, False), (-1, True)])
def test_errors_are_the_spread_of_estimates(power, positive):
    truth = _model(power, positive)
    u = _inputs(100)
    rng = np.random.default_rng(2)
    estimates, stated = [], []
    for _ in range(250):
        y = truth.predict(u) * 1.0
        data = Data(u, y + 0.02 * np.sqrt(np.mean(y**2)) * rng.normal(size=100), False)
        found = fitting.fit(truth, data)
        covariance, variances = fitting.covariance(found, data)
        estimates.append(np.append(found.c, found.a))
        stated.append(np.append(np.diag(covariance), variances))
    ratio = np.std(estimates, axis=0) / np.sqrt(np.mean(stated, axis=0))
    # The standard deviation of 250 has an error of 4.5 %.
    np.testing.assert_allclose(ratio, 1, atol=0.2)


def test_undetermined_exponents_have_infinite_errors():
    """Two features that are one: only the sum of their exponents is known."""
    u = np.repeat(_inputs()[:, :1], 2, axis=1)
    model = fitting.monomial(np.array([1.0, 1.0]), 1.0, np.eye(2))
    rng = np.random.default_rng(0)
    data = Data(u, model.predict(u) + 0.01 * rng.normal(size=40), False)
    _, variances = fitting.covariance(model, data)
    assert np.all(np.isinf(variances))
    sums = dataclasses.replace(model, bases=(np.array([[1.0], [1.0]]),))
    _, variances = fitting.covariance(sums, data)
    assert np.all(np.isfinite(variances) & (variances > 0))


def test_number_of_parameters():
    assert _model().num_parameters == 6
    assert _model(bases=(np.eye(2), np.zeros((2, 0)))).num_parameters == 4


def _many(rows=2000, noise=0.05, seed=3):
    g = np.random.default_rng(seed)
    u = g.uniform(-1, 1, (rows, 2))
    a = np.array([[1.2, -0.4], [-0.7, 1.9]])
    model = fitting.Model(
        np.array([2.0, 1.0]), a, Fraction(1), (np.eye(2),) * 2, ((None,) * 2,) * 2
    )
    y = model.predict(u) + noise * g.normal(size=rows)
    start = dataclasses.replace(model, c=np.array([1.0, 2.0]), a=a + 0.5)
    return start, fitting.Data(u, y, False, np.exp(g.uniform(-1, 1, rows)))


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_many_rows_are_fitted_by_blocks_as_few_are_at_once(monkeypatch, positive, noise):
    """From the same start, by steps of our own and by MINPACK."""
    start, data = _many(noise=noise)
    start = dataclasses.replace(start, positive=positive)
    whole = fitting.fit(start, data, 200)
    covariance = fitting.covariance(whole, data)
    monkeypatch.setattr(fitting, "_BLOCK", 300)
    by_blocks = fitting.fit(start, data, 200)
    if not noise:
        np.testing.assert_allclose(by_blocks.a, whole.a, atol=1e-10)
        np.testing.assert_allclose(by_blocks.c, whole.c, atol=1e-10)
    else:
        assert np.all(np.square(by_blocks.a - whole.a) <= np.square(0.01) * covariance[1])
        assert np.all(np.square(by_blocks.c - whole.c) <= np.square(0.01) * np.diag(covariance[0]))
        for own, other in zip(fitting.covariance(whole, data), covariance, strict=True):
            np.testing.assert_allclose(own, other, rtol=1e-8)
    assert sum(len(data.y[rows]) for rows in fitting.blocks(len(data.y))) == len(data.y)


def test_steps_that_do_not_help_are_damped(monkeypatch):
    """From a start from which the first step of Gauss and Newton makes it worse."""
    start, data = _many(noise=0.01)
    start = dataclasses.replace(start, a=start.a * [[-1.0, 1], [1, -1.0]])
    whole = fitting.fit(start, data, 500)
    monkeypatch.setattr(fitting, "_BLOCK", 300)
    squares = []
    monkeypatch.setattr(
        fitting, "_moved", lambda *args, moved=fitting._moved: squares.append(1) or moved(*args)
    )
    by_blocks = fitting.fit(start, data, 500)
    assert fitting.error(by_blocks, data) <= 1.01 * fitting.error(whole, data)
    assert fitting.error(by_blocks, data) < fitting.error(start, data) / 5 and len(squares) > 3


def test_condensed_rows_have_the_same_products(monkeypatch):
    start, data = _many()
    r, jacobian = fitting.derivatives(start, data)
    monkeypatch.setattr(fitting, "_BLOCK", 300)
    few_r, few = fitting.condensed(start, data)
    assert len(few_r) == 1 + few.shape[1]
    np.testing.assert_allclose(few.T @ few, jacobian.T @ jacobian, rtol=1e-10)
    np.testing.assert_allclose(few.T @ few_r, jacobian.T @ r, rtol=1e-8)
    assert few_r @ few_r == pytest.approx(r @ r, rel=1e-12)


def test_slopes_of_logarithms_are_those_of_the_smallest_values_too():
    """Of f over 60 decades, d log f / d c = 1 / c in each row, and d log f / d a = u."""
    u = np.linspace(-40, 40, 30)[:, None]
    model = fitting.monomial(np.array([1.7]), 3.0, np.eye(1))
    _, jacobian = fitting.derivatives(model, Data(u, model.predict(u), relative=True))
    np.testing.assert_allclose(jacobian, np.column_stack([np.full(30, 1 / 3), u]), rtol=1e-12)


def test_roots_near_zero():
    """A reciprocal is as large as it is; a square root has no slope that a fit cannot follow."""
    f, _ = fitting.root(np.array([1.0, 1e-9]), Fraction(-1))
    np.testing.assert_allclose(f, [1, 1e9])
    _, slope = fitting.root(np.array([1.0, 0.0]), Fraction(2))
    assert 100 < slope[1] < 1e4


def test_sums_are_real_in_all_blocks(monkeypatch):
    monkeypatch.setattr(fitting, "_BLOCK", 10)
    u = np.linspace(-1, 1, 40)[:, None]
    model = dataclasses.replace(
        fitting.monomial(np.array([1.0]), 1.0, np.eye(1)), power=Fraction(2)
    )
    two = dataclasses.replace(
        model, c=np.array([1.0, -1.2]), a=np.array([[0.0], [1.0]]), bases=(np.eye(1),) * 2,
        known=((None,),) * 2,
    )  # fmt: skip
    data = Data(u, np.ones(40), relative=False)
    assert fitting.is_real(model, data) and not fitting.is_real(two, data)


def test_no_step_is_taken_from_the_least_squares(monkeypatch):
    start, data = _many(noise=0.05)
    best = fitting.fit(start, data, 500)
    monkeypatch.setattr(fitting, "_BLOCK", 300)
    seen = []
    monkeypatch.setattr(
        fitting, "condensed", lambda *args, own=fitting.condensed: seen.append(1) or own(*args)
    )
    fitting.fit(best, data, 500)
    assert len(seen) == 1


@pytest.mark.parametrize(("noise", "inexact"), [(0, 0), (1e-11, 0), (1e-7, 10)])
def test_inexact_rows_are_those_off_by_a_billionth_of_their_terms(noise, inexact):
    """Of a difference of two terms, which cancel in the middle."""
    u = np.linspace(-3, 3, 31)[:, None]
    model = dataclasses.replace(
        fitting.monomial(np.array([1.0]), 1.0, np.eye(1)), c=np.array([1.0, -1.0]),
        a=np.array([[1.0], [2.0]]), bases=(np.eye(1),) * 2, known=((None,),) * 2,
    )  # fmt: skip
    y = model.predict(u)
    y[:10] += noise * np.abs(model.terms(u[:10])).sum(axis=1)
    assert fitting.inexact_rows(model, Data(u, y, relative=False)) == inexact
