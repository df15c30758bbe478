"""Soft maxima: the equations that they solve, their limits, derivatives and numbers of any size."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import implicit_soft_maximum, maxima, maximum, soft_maximum


def _values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _alpha(*shape: int, spread: float = 2.0) -> np.ndarray:
    return np.exp(np.random.default_rng(9).uniform(-spread, spread, shape))


def test_a_soft_maximum_is_scipys():
    values, alpha = _values(50, 3, 5), _alpha(50, 3)
    expected = scipy.special.logsumexp(alpha[..., None] * values, axis=-1) / alpha
    np.testing.assert_allclose(soft_maximum(values, alpha), expected, rtol=1e-12)


def test_the_implicit_one_is_the_root_that_brent_finds():
    values, alpha = _values(100, 5), _alpha(100, 5)

    def root(v, a):
        high = v.max() + np.log(len(v)) / a.min() + 1
        return scipy.optimize.brentq(
            lambda y: np.exp(a * (v - y)).sum() - 1, v.max(), high, rtol=1e-14
        )

    expected = [root(v, a) for v, a in zip(values, alpha, strict=True)]
    np.testing.assert_allclose(implicit_soft_maximum(values, alpha), expected, rtol=1e-11)


def test_both_lie_between_their_bounds():
    values, alpha = _values(500, 5), _alpha(500, 5)
    highest = values.max(axis=1)
    for y, least in (
        (soft_maximum(values, alpha[:, 0]), alpha[:, 0]),
        (implicit_soft_maximum(values, alpha), alpha.min(axis=1)),
    ):
        assert np.all(y > highest) and np.all(y < highest + np.log(5) / least)


def test_large_alpha_give_the_maximum():
    values = _values(50, 5)
    errors = []
    for size in (1e2, 1e4, 1e6):
        alpha = size * _alpha(50, 5, spread=1)
        for y in (soft_maximum(values, alpha[:, 0]), implicit_soft_maximum(values, alpha)):
            errors.append(np.abs(y - values.max(axis=1)).max())
    assert all(late <= early / 50 for early, late in zip(errors, errors[2:], strict=False))
    assert errors[0] > 1e-4 and errors[-1] < 1e-6


def test_equal_alpha_make_the_implicit_one_explicit():
    values, alpha = _values(50, 5), _alpha(50, 1)
    explicit = soft_maximum(values, alpha[:, 0])
    np.testing.assert_allclose(implicit_soft_maximum(values, alpha), explicit, rtol=1e-13)
    other = implicit_soft_maximum(values, alpha * [1, 1, 1, 1, 2])
    assert np.abs(other - explicit).max() > 1e-2


def _orders(function, x: tf.Tensor, direction: tf.Tensor) -> list[float]:
    """The first three derivatives of a scalar function at x along a direction."""

    def derivative(f):
        def df(t):
            with tf.GradientTape() as tape:
                tape.watch(t)
                y = f(t)
            return tape.gradient(y, t)

        return df

    functions = [lambda t: function(x + t * direction)]
    for _ in range(3):
        functions.append(derivative(functions[-1]))
    return functions, [float(f(tf.constant(0.0, tf.float64))) for f in functions[1:]]


@pytest.mark.slow
@pytest.mark.parametrize("of", ["values", "alpha", "both"])
def test_three_derivatives_of_the_implicit_one(of):
    values, log_alpha = _values(5), np.log(_alpha(5))
    x = tf.constant(np.stack([values, log_alpha]))
    mask = {"values": [[1], [0]], "alpha": [[0], [1]], "both": [[1], [1]]}[of]
    direction = tf.constant(_values(2, 5, seed=1) * mask)
    functions, derivatives = _orders(
        lambda x: implicit_soft_maximum(x[0], tf.exp(x[1])), x, direction
    )
    h = 1e-5
    for lower, derivative in zip(functions, derivatives, strict=False):
        above, below = (float(lower(tf.constant(t, tf.float64))) for t in (h, -h))
        assert derivative == pytest.approx((above - below) / (2 * h), rel=1e-6, abs=1e-8)
        assert abs(derivative) > 1e-3


def test_without_the_second_step_the_second_derivative_would_be_wrong():
    values, alpha = tf.constant(_values(5)), tf.constant(_alpha(5))
    root = implicit_soft_maximum(values, alpha)[None]

    def one_step(values):
        log_sum, slope = maxima._log_sum(values, alpha, root)
        return root + log_sum / slope

    first, second = helpers.derivatives(one_step, values)
    expected = helpers.derivatives(lambda v: implicit_soft_maximum(v, alpha), values)
    np.testing.assert_allclose(first, expected[0], rtol=1e-10)
    assert np.abs(second - expected[1]).max() > 1e-2


@pytest.mark.parametrize("dtype, tolerance", [("float32", 3e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("spread", [1.15, 5.0, 20.0])
def test_the_equation_holds_for_alpha_far_apart(spread, dtype, tolerance):
    values = tf.constant(_values(3000, 6) * np.exp(_values(3000, 1, seed=2)), dtype)
    values -= tf.reduce_max(values, axis=1, keepdims=True)
    alpha = tf.constant(_alpha(3000, 6, spread=spread), dtype)
    y = maxima._solve(values, alpha)
    total = tf.reduce_sum(tf.exp(alpha * (values - y)), axis=1)
    assert np.abs(total - 1).max() < tolerance


@pytest.mark.parametrize("spread, most", [(1.15, 6), (20.0, 36)])
def test_the_number_of_steps(spread, most, monkeypatch):
    count, log_sum = [0], maxima._log_sum

    def counted(*arguments):
        count[0] += 1
        return log_sum(*arguments)

    monkeypatch.setattr(maxima, "_log_sum", counted)
    values = _values(20_000, 5)
    values -= values.max(axis=1, keepdims=True)
    maxima._solve(tf.constant(values), tf.constant(_alpha(20_000, 5, spread=spread)))
    assert 3 <= count[0] <= most < maxima._MAX_STEPS


@pytest.mark.parametrize("function", [soft_maximum, implicit_soft_maximum])
def test_a_nan_is_not_hidden(function):
    values = _values(3, 4)
    values[1, 2] = np.nan
    alpha = np.ones(3) if function is soft_maximum else np.ones(4)
    np.testing.assert_array_equal(np.isnan(function(values, alpha)), [False, True, False])


@pytest.mark.parametrize("function", [soft_maximum, implicit_soft_maximum])
def test_values_must_be_floating(function):
    with pytest.raises(ValueError, match="^values must be of a floating type .* got int32$"):
        function(tf.constant([1, 2]), 1)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (soft_maximum, [tf.ones([4])], r"alpha must broadcast with the result, of shape \(2,\)"),
        (soft_maximum, [tf.ones([2, 3])], r"alpha must broadcast with the result, of shape \(2,\)"),
        (implicit_soft_maximum, [tf.ones([4])], r"alpha must broadcast with values, of shape"),
        (maximum, [2], r"axis must be one of values of shape \(2, 3\), got 2"),
        (maximum, [-3], r"axis must be one of values of shape \(2, 3\), got -3"),
    ],
)
def test_what_does_not_fit_the_values(function, arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        function(tf.ones([2, 3]), *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
def test_the_maximum_is_numpys(compiled):
    function = tf.function(maximum, jit_compile=True) if compiled else maximum
    x = np.random.default_rng(0).normal(size=(4, 3, 5))
    x[1, 2, 3], x[0, 0] = np.nan, -np.inf
    for axis in (-1, 0, 1):
        np.testing.assert_array_equal(function(tf.constant(x), axis), x.max(axis=axis))
        kept = maximum(tf.constant(x), axis, keepdims=True)
        np.testing.assert_array_equal(kept, x.max(axis=axis, keepdims=True))


@pytest.mark.parametrize("function", [soft_maximum, implicit_soft_maximum])
@pytest.mark.parametrize("alpha", [0.0, -1.0])
def test_alpha_is_positive(function, alpha):
    with pytest.raises(ValueError, match=rf"alpha must be > 0, got a least value of {alpha}$"):
        function(tf.ones([2, 3]), tf.constant(alpha))
    assert np.all(np.isnan(function(tf.ones([2, 3]), tf.constant(np.nan))))
