"""AutoactivationDense: formulas, signs, normalisation, and the spread of effective weights."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import PARAMETER_ACTIVATIONS
from weirdonetworks.layers import AutoactivationDense

MAPS = list(PARAMETER_ACTIVATIONS)
SIGNS = ["positive", "concat", "paired", "soft"]
POSITIVE_MAPS = ["exp", "square", "softplus", "exp_exp"]
each_map = pytest.mark.parametrize("phi", MAPS)
each_sign = pytest.mark.parametrize("sign", SIGNS)
each_positive_map = pytest.mark.parametrize("phi", POSITIVE_MAPS)


def _inputs(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _built(n: int = 5, output_size: int = 3, dtype=np.float64, **kwargs) -> AutoactivationDense:
    layer = AutoactivationDense(output_size, **kwargs)
    layer(np.zeros((1, n), dtype))
    helpers.randomise_zeros(layer)
    return layer


def _lower(phi: str) -> float:
    return max(0.0, PARAMETER_ACTIVATIONS[phi].lower)


@pytest.mark.slow
@each_map
@each_sign
def test_formula(phi, sign):
    layer = _built(parameter_activation=phi, sign=sign)
    x = _inputs(7, 5)
    forward = PARAMETER_ACTIVATIONS[phi].forward
    a = forward(layer.w).numpy()
    expected = {
        "positive": lambda: x @ a,
        "concat": lambda: np.concatenate([x, -x], axis=1) @ a,
        "paired": lambda: x @ (a - forward(layer.w_minus).numpy()),
        "soft": lambda: x @ (a * np.tanh(layer.s)),
    }[sign]() + layer.b.numpy()
    np.testing.assert_allclose(layer(x), expected, rtol=1e-10)
    factor = np.concatenate([x, -x], axis=1) if sign == "concat" else x
    np.testing.assert_allclose(
        np.matmul(factor, layer.effective_weights) + layer.b, expected, rtol=1e-10
    )


def test_without_a_bias():
    layer = _built(with_bias=False)
    assert len(layer.trainable_variables) == 2
    np.testing.assert_array_equal(layer(np.zeros((1, 5))), 0)


@each_map
def test_concat_is_paired(phi):
    concat = _built(parameter_activation=phi, sign="concat")
    paired = _built(parameter_activation=phi, sign="paired")
    concat.w.assign(tf.concat([paired.w, paired.w_minus], axis=0))
    concat.b.assign(paired.b)
    x = _inputs(7, 5)
    np.testing.assert_allclose(concat(x), paired(x), rtol=1e-10)


def _multiplier(layer: AutoactivationDense, n: int) -> np.ndarray:
    """The matrix that multiplies x in the end, [n, output_size]."""
    a = layer.effective_weights.numpy()
    return a[:n] - a[n:] if layer.sign == "concat" else a


def _in_units_of_the_promise(layer: AutoactivationDense, n: int) -> np.ndarray:
    """The multiplier, less its promised mean, over its promised standard deviation."""
    a = _multiplier(layer, n).astype(float)
    if layer.sign == "positive":
        a = a - _lower(layer.parameter_activation)
        return (a - layer.scale / n) / (layer.scale / n)
    return a / (layer.scale / math.sqrt(n))


@pytest.mark.slow
@each_map
@each_sign
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_effective_weights_have_the_spread_that_is_promised(phi, sign, scale):
    n = 200
    layer = _built(n, 1000, np.float32, parameter_activation=phi, sign=sign, scale=scale)
    a = _in_units_of_the_promise(layer, n)
    assert np.all(np.isfinite(a))
    assert a.std() == pytest.approx(1, rel=0.05)
    assert abs(a.mean()) < 0.02


@pytest.mark.slow
@each_map
@pytest.mark.parametrize("sign", ["concat", "paired", "soft"])
def test_outputs_have_unit_variance_at_first(phi, sign):
    layer = _built(200, 300, np.float32, parameter_activation=phi, sign=sign, with_bias=False)
    y = layer(_inputs(300, 200).astype(np.float32))
    assert np.var(y) == pytest.approx(1, rel=0.1)


@each_map
def test_inputs_of_one_make_outputs_of_the_scale_if_positive(phi):
    layer = _built(200, 300, parameter_activation=phi, sign="positive", with_bias=False, scale=2.0)
    y = layer(np.ones((1, 200))).numpy()
    assert y.mean() - 200 * _lower(phi) == pytest.approx(2, rel=0.05)


def test_normal_parameters_would_not_have_that_spread():
    layer = _built(200, 1000, parameter_activation="exp_exp", sign="paired")
    for seed, w in enumerate((layer.w, layer.w_minus)):
        w.assign(_inputs(*w.shape, seed=seed) / math.sqrt(200))
    assert _multiplier(layer, 200).std() > 2 / math.sqrt(200)


@pytest.mark.slow
@each_positive_map
@each_sign
def test_normalised_weights_sum_to_one(phi, sign):
    layer = _built(parameter_activation=phi, sign=sign, normalize="sum")
    # Parameters other than those at the start.
    for variable in layer.trainable_variables:
        variable.assign_add(0.3 * _inputs(*variable.shape))
    a = layer.effective_weights.numpy()
    if sign == "paired":
        # Each half by itself: the difference sums to nothing, and no more than 1 is moved.
        np.testing.assert_allclose(a.sum(axis=0), 0, atol=1e-12)
        assert np.all(np.abs(a).sum(axis=0) <= 2)
    else:
        a = a / np.tanh(layer.s) if sign == "soft" else a
        assert np.all(a >= 0)
        np.testing.assert_allclose(a.sum(axis=0), 1, rtol=1e-12)


@each_positive_map
def test_normalised_outputs_are_convex_combinations_of_the_inputs(phi):
    x = _inputs(50, 5)
    kwargs = {"parameter_activation": phi, "sign": "positive", "with_bias": False}
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    y = _built(normalize="sum", **kwargs)(x).numpy()
    assert np.all((low <= y) & (y <= high))
    assert np.all(y.std(axis=0) > 0.05)
    free = 3 * _built(**kwargs)(x).numpy()
    assert np.any((free < low) | (free > high))


@pytest.mark.slow
@each_positive_map
@each_sign
def test_normalised_weights_are_those_over_their_sum(phi, sign):
    layer = _built(parameter_activation=phi, sign=sign, normalize="sum")
    for variable in layer.trainable_variables:
        variable.assign_add(_inputs(*variable.shape))
    shares = []
    for w in (layer.w, layer.w_minus) if sign == "paired" else (layer.w,):
        a = PARAMETER_ACTIVATIONS[phi].forward(w).numpy()
        shares.append(a / a.sum(axis=0))
    if sign == "paired":
        expected = shares[0] - shares[1]
    else:
        expected = shares[0] * (np.tanh(layer.s) if sign == "soft" else 1)
    np.testing.assert_allclose(layer.effective_weights, expected, rtol=1e-11, atol=1e-15)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "phi, amount",  # that is added, or a factor for square
    [
        *(("exp", amount) for amount in (90, -110, 800, -800)),
        *(("exp_exp", amount) for amount in (8, 90, 800, -110, -800)),
        *(("softplus", amount) for amount in (90, -40, -110, -800)),
        *(("square", amount) for amount in (1e22, 1e-25)),
    ],
)
def test_normalised_weights_and_their_gradients_do_not_overflow(phi, amount, dtype):
    layer = _built(dtype=dtype, parameter_activation=phi, sign="positive", normalize="sum")
    w = layer.w.numpy()
    layer.w.assign(w * amount if phi == "square" else w + amount)
    x = _inputs(7, 5).astype(dtype)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(layer(x)))
    a = layer.effective_weights.numpy()
    assert np.isfinite(tape.gradient(loss, layer.w)).all()
    np.testing.assert_allclose(a.sum(axis=0), 1, rtol=1e-5)
    moved = layer.w.numpy().astype(np.longdouble)
    if phi == "softplus":
        expected = np.log1p(np.exp(moved))
    elif phi == "square":
        expected = moved**2
    else:
        top = moved.max(axis=0)
        log = moved - top if phi == "exp" else np.exp(top) * np.expm1(moved - top)
        expected = np.exp(log)
    tolerance = 1e-4 if dtype is np.float32 else 1e-11
    np.testing.assert_allclose(a, expected / expected.sum(axis=0), rtol=tolerance, atol=1e-30)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("phi", POSITIVE_MAPS)
def test_normalised_weights_in_half_precision(phi, dtype):
    """Shares of weights from -30 on, and of columns that are small as a whole."""
    layer = AutoactivationDense(3, phi, "positive", normalize="sum")
    x = tf.constant(np.array([[1, 2, 3]]), dtype)
    layer(x)
    w = tf.constant(np.array([[0, -18, -30], [-20, -18.5, -31], [-30, -19, -29]]), dtype)
    layer.w.assign(w)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x))
    for value in (layer.effective_weights, tape.gradient(loss, layer.w)):
        assert np.all(np.isfinite(tf.cast(value, tf.float64)))
    sums = tf.reduce_sum(tf.cast(layer.effective_weights, tf.float64), axis=0)
    np.testing.assert_allclose(sums, 1, rtol=2e-2)


def test_a_graph_of_tensorflow_1():
    with tf.Graph().as_default():
        y = AutoactivationDense(4, "exp", "paired")(tf.ones([2, 3]))
    assert y.shape == (2, 4)


@pytest.mark.parametrize("phi", ["exp", "exp_exp"])
def test_equal_weights_have_equal_shares_at_any_size(phi):
    layer = _built(dtype=np.float32, parameter_activation=phi, sign="positive", normalize="sum")
    for size in (-1e30, -100.0, 0.0, 100.0, 1e30):
        layer.w.assign(tf.fill([5, 3], size))
        np.testing.assert_allclose(layer.effective_weights, 0.2, rtol=1e-6)


@pytest.mark.parametrize("phi", [name for name in MAPS if name not in POSITIVE_MAPS])
def test_normalisation_wants_a_positive_range(phi):
    message = rf"^parameter_activation \(with normalize='sum'\) must be one of .* got '{phi}'$"
    with pytest.raises(ValueError, match=message):
        AutoactivationDense(3, phi, normalize="sum")


@pytest.mark.parametrize("phi", MAPS)
def test_the_bias_starts_at_zero(phi):
    layer = AutoactivationDense(3, phi)
    layer(np.zeros((1, 5)))
    np.testing.assert_array_equal(layer.b, 0)


@pytest.mark.slow
@each_map
@each_sign
def test_a_spread_is_kept_or_the_scale_refused(phi, sign):
    """Whatever the scale, parameters are finite, and their weights have the spread promised."""
    for dtype in (np.float32, np.float64):
        for k in range(-18, 7, 4):
            _keeps_the_spread_or_refuses(phi, sign, 10.0**k, dtype)


def _keeps_the_spread_or_refuses(phi, sign, scale, dtype):
    n = 100
    layer = AutoactivationDense(400, phi, sign, scale=scale)
    try:
        layer(np.zeros((1, n), dtype))
    except ValueError as error:
        message = (
            f"scale must be such that {np.dtype(dtype).name} can hold the initial weights (here by "
            f"{phi!r}, {n} inputs), got {scale!r}"
        )
        assert str(error) == message
        assert phi in ("log", "exp_exp") and not 1e-4 < scale < 10
        return
    for variable in layer.trainable_variables:
        assert np.isfinite(variable).all()
    a = _in_units_of_the_promise(layer, n)
    assert a.std() == pytest.approx(1, rel=0.1)
    assert abs(a.mean()) < 0.05


@pytest.mark.parametrize(
    "phi, scale, sign",
    [("exp_exp", 1e-4, "positive"), ("log", 1e-4, "positive"), ("log", 1e3, "paired")],
)
def test_scales_that_are_too_small_or_too_large(phi, scale, sign):
    layer = AutoactivationDense(100, phi, sign, scale=scale)
    message = rf"^scale must be such that float32 can .* \(here by '{phi}', 784 .* got {scale}$"
    with pytest.raises(ValueError, match=message):
        layer(np.zeros((1, 784), np.float32))
    AutoactivationDense(100, phi, sign, scale=1.0)(np.zeros((1, 784), np.float32))


@each_map
@each_sign
@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_scales_that_float32_does_not_have(phi, sign, scale):
    layer, x = AutoactivationDense(3, phi, sign, scale=scale), np.ones((1, 5), np.float32)
    if (phi, sign, scale) == ("exp_exp", "soft", 1e-300):  # it has them: signs of 0, weights of 1
        np.testing.assert_array_equal(layer(x), 0)
        return
    message = "^scale must be such that float32 can hold the initial weights"
    with pytest.raises(ValueError, match=message):
        layer(x)


def test_signs_have_the_spread_of_exp_exp_if_soft():
    """So a scale at which A itself is 1 + nothing is no reason to refuse it."""
    layer = _built(784, 100, np.float32, parameter_activation="exp_exp", sign="soft", scale=1e-9)
    assert layer.effective_weights.numpy().std() == pytest.approx(1e-9 / 28, rel=0.05)
    assert np.isfinite(layer.w).all()


def test_the_sign_of_the_inputs_is_not_checked():
    """`positive` is about the weights."""
    layer = _built(sign="positive", with_bias=False)
    assert np.all(layer(-np.ones((1, 5))).numpy() < 0)
