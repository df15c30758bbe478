"""LayerNorm forgets size and shift, and what follows from that; SoLU and x exp(x) under it."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import gelu, layer_norm, solu, solu_layer_norm, xexp_layer_norm

TINY = 1e-30  # as good as no epsilon


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_mean_and_spread():
    y = layer_norm(5 + 3 * _normal(10, 7), TINY).numpy()
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-14)
    np.testing.assert_allclose(y.std(axis=1), 1, rtol=1e-14)


def test_epsilon_is_added_to_the_variance():
    x = _normal(10, 7)
    centred = x - x.mean(axis=1, keepdims=True)
    for epsilon in (1e-5, 2.0):
        expected = centred / np.sqrt(x.var(axis=1, keepdims=True) + epsilon)
        np.testing.assert_allclose(layer_norm(x, epsilon), expected, rtol=1e-13)


@pytest.mark.parametrize("a, b", [(2.0, 0.0), (1e-3, 0.0), (1.0, 1e3), (1e3, -7.0)])
def test_size_and_shift_are_forgotten_up_to_epsilon(a, b):
    x = _normal(10, 7)
    np.testing.assert_allclose(layer_norm(a * x + b, TINY), layer_norm(x, TINY), atol=1e-11)
    np.testing.assert_allclose(layer_norm(a * x + b, 1e-3), layer_norm(x, 1e-3 / a**2), atol=1e-11)
    assert np.abs(layer_norm(a * x**3 + b, TINY) - layer_norm(x, TINY)).max() > 0.1
    assert np.abs(layer_norm(-a * x + b, TINY) + layer_norm(x, TINY)).max() < 1e-11


def test_equal_units_are_zero_whatever_their_size():
    for size in (1e4, 0.1, -3e7):
        x = tf.fill([2, 99], tf.constant(size, tf.float32))
        np.testing.assert_array_equal(layer_norm(x), 0)
        np.testing.assert_array_equal(xexp_layer_norm(tf.minimum(x, 1e4)), 0)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_units_of_any_size(dtype):
    """The largest numbers of a type, whose squares it does not hold, and halves of them."""
    largest = float(tf.as_dtype(dtype).max)
    rtol = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-6, "float64": 1e-12}[dtype]
    rows = np.array([[1, -1, 0.5, 0.25, 0], [1, 1, 1, 0.5, 1], [1, -1, 1, -1, 1]])
    for size in np.geomspace(0.9, 0.9 * largest, 40):
        x = tf.cast(size * rows, dtype)
        exact = tf.cast(x, tf.float64).numpy() / size
        centred = exact - exact.mean(axis=1, keepdims=True)
        variance = exact.var(axis=1, keepdims=True)
        expected = centred / np.sqrt(variance + 1e-5 / size / size)
        y = tf.cast(layer_norm(x), tf.float64)
        np.testing.assert_allclose(y, expected, rtol=3 * rtol, atol=rtol)
        for function in (layer_norm, xexp_layer_norm, solu_layer_norm):
            (slope,) = helpers.gradients(function, x)
            assert slope.dtype == function(x).dtype == x.dtype
            for value in (function(x), slope):
                assert np.all(np.isfinite(tf.cast(value, tf.float64)))
    # The largest unit is all that x e^x and x softmax(x) have, so one is far from the others.
    x = tf.cast(np.array([[0.9 * largest, 1, 2, 3]]), dtype)
    for function in (xexp_layer_norm, solu_layer_norm):
        y = tf.cast(function(x), tf.float64)
        np.testing.assert_allclose(y, np.array([[3, -1, -1, -1]]) / 3**0.5, rtol=3 * rtol)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_smallest_epsilons(dtype):
    x = tf.cast([[5, 5, 5, 5], [1, 2, 3, 4]], dtype)
    for epsilon in (1e-8, 1e-46, 1e-320):
        for function in (layer_norm, xexp_layer_norm, solu_layer_norm):
            y = tf.cast(function(x, epsilon), tf.float64).numpy()
            assert not np.any(y[0]) and np.all(np.isfinite(y)) and np.std(y[1]) > 0.9


def test_where_the_scaled_epsilon_stops():
    """At 1e-12: units that differ in the last digits of float32 stay small."""
    x = 20 + 1e-7 * _normal(50, 9)
    z = x * np.exp(x - x.max(axis=1, keepdims=True))
    centred = z - z.mean(axis=1, keepdims=True)
    expected = centred / np.sqrt(z.var(axis=1, keepdims=True) + 1e-12)
    np.testing.assert_allclose(xexp_layer_norm(x), expected, rtol=1e-6)
    assert 0.5 < np.std(expected) < 0.95  # neither of the two is all


def _slope_along_w(function) -> float:
    """The cosine between W and the gradient of a loss of function(W x) with respect to W."""
    w, x, targets = tf.Variable(_normal(7, 5)), _normal(20, 7, seed=1), _normal(20, 5, seed=2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.abs(function(tf.matmul(x, w)) - targets) ** 1.5)
    gradient = tape.gradient(loss, w)
    return float(tf.reduce_sum(gradient * w) / (tf.norm(gradient) * tf.norm(w)))


def test_gradients_are_orthogonal_to_the_operator_before_it():
    assert abs(_slope_along_w(lambda y: layer_norm(y, TINY))) < 1e-14
    for other in (tf.identity, gelu, solu, lambda y: y - tf.reduce_mean(y, -1, keepdims=True)):
        assert abs(_slope_along_w(other)) > 1e-2


def test_a_step_turns_the_operator_and_keeps_its_size_to_first_order():
    w, x = tf.Variable(_normal(7, 5)), _normal(20, 7, seed=1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(layer_norm(tf.matmul(x, w), TINY)))
    gradient = tape.gradient(loss, w)
    growth = [float(tf.norm(w - step * gradient) / tf.norm(w)) - 1 for step in (1e-3, 1e-4)]
    assert growth[0] > 0 and growth[0] / growth[1] == pytest.approx(100, rel=1e-2)


@pytest.mark.slow
def test_the_jacobian_is_a_projection_times_its_norm():
    n = 6
    for scale in (1.0, 30.0):
        x = tf.constant(scale * _normal(n))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer_norm(x, TINY)
        jacobian = tape.jacobian(y, x).numpy()
        norm = np.sqrt(n) / np.linalg.norm(x - np.mean(x))
        values = np.linalg.svd(jacobian, compute_uv=False)
        np.testing.assert_allclose(values, norm * np.array([1, 1, 1, 1, 0, 0]), atol=1e-14 * n)
        projection = np.eye(n) - np.ones((n, n)) / n - np.outer(y, y) / n
        np.testing.assert_allclose(jacobian, norm * projection, atol=1e-14)


def test_large_units_pass_and_equal_ones_shrink():
    np.testing.assert_allclose(solu(tf.constant([50.0, 0.0, 1.0])), [50, 0, 0], atol=1e-12)
    np.testing.assert_allclose(solu(tf.fill([8], 3.0)), 3 / 8)


def test_solu_is_no_function_of_each_unit_alone():
    x = _normal(3, 8)
    alone = np.concatenate([solu(x[:, i : i + 1]) for i in range(8)], axis=1)
    np.testing.assert_array_equal(alone, x)
    assert np.abs(solu(x) - x).max() > 0.1


def _xexp_layer_norm(x: np.ndarray, epsilon: float) -> np.ndarray:
    z = x * np.exp(x)
    return (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + epsilon)


@pytest.mark.parametrize("epsilon", [1e-5, 1e-2, 1.0])
def test_the_shift_is_exact(epsilon):
    # 1e-12 at the least: reached by epsilon e^(-2m) for m > 8 at an epsilon of 1e-5.
    x = np.concatenate([_normal(50, 9), 3 * _normal(50, 9), _normal(50, 9) - 20])
    expected = _xexp_layer_norm(x, epsilon)
    np.testing.assert_allclose(xexp_layer_norm(x, epsilon), expected, rtol=1e-11, atol=1e-14)
    assert np.abs(expected[-50:]).max() < 1e-3  # far on the left, epsilon is all


def test_nothing_overflows():
    x = np.float32(_normal(20, 9)) * 100
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.all(np.isfinite(_xexp_layer_norm(x, 1e-5)))
    np.testing.assert_allclose(
        xexp_layer_norm(x), _xexp_layer_norm(np.float64(x), 1e-5), rtol=1e-5, atol=1e-5
    )
    assert np.all(np.isfinite(helpers.gradients(xexp_layer_norm, tf.constant(x))[0]))


@pytest.mark.slow
def test_xexp_and_solu_are_one_function_under_layer_norm():
    x = 2 * _normal(50, 9)
    np.testing.assert_allclose(xexp_layer_norm(x, 1e-11), solu_layer_norm(x, 1e-11), atol=1e-8)
    differences = [
        np.abs(xexp_layer_norm(x, e) - solu_layer_norm(x, e)).max() for e in (1e-2, 1e-4, 1e-6)
    ]
    assert differences[0] > 0.1 and differences[1] / differences[2] == pytest.approx(100, rel=0.1)
    assert np.abs(solu(x) - x * np.exp(x)).max() > 1  # without LayerNorm they are two
    # Any epsilon of one is another of the other.
    total = np.exp(x).sum(axis=1)
    for row, s in zip(x, total, strict=True):
        np.testing.assert_allclose(
            solu_layer_norm(row, 1e-2), xexp_layer_norm(row, 1e-2 * s**2), rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize("function", [layer_norm, solu_layer_norm, xexp_layer_norm])
def test_bad_epsilons(function):
    for epsilon in (0, -1e-5, np.nan, np.inf, "1", None, True):
        with pytest.raises(ValueError, match="^epsilon must be a finite number > 0, got "):
            function(tf.ones([2, 3]), epsilon)


@pytest.mark.parametrize("function", [layer_norm, solu, solu_layer_norm, xexp_layer_norm])
def test_inputs_must_be_floating(function):
    with pytest.raises(ValueError, match="^x must be of a floating type .* got int32$"):
        function(tf.constant([[1, 2]]))


@pytest.mark.parametrize(
    ("dtype", "size"), [("float32", 1e18), ("float32", 3e38), ("float64", 1.7e308)]
)
def test_many_large_units(dtype, size):
    signs = np.tile([1.0, -1.0], 500)
    np.testing.assert_allclose(layer_norm(tf.constant(size * signs, dtype)), signs, rtol=1e-6)
