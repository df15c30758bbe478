"""Layers of maxima of affine functions: formula, convexity, and numbers of every size."""

import itertools
import math

import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

from tests import helpers
from weirdonetworks.layers import (
    ImplicitSoftmaxAffineDense,
    MaxAffineDense,
    PosynomialDense,
    SoftmaxAffineDense,
)
from weirdonetworks.layers.convex import log_alpha_bound

SOFT = [SoftmaxAffineDense, ImplicitSoftmaxAffineDense]
ALL = [MaxAffineDense, *SOFT]
every_layer = pytest.mark.parametrize("cls", ALL)
every_soft_layer = pytest.mark.parametrize("cls", SOFT)


def _inputs(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _built(cls, output_size: int = 3, num_terms: int = 4, size: int = 5, dtype="float64"):
    """A layer with general parameters."""
    layer = cls(output_size, num_terms)
    layer(tf.zeros([1, size], dtype))
    rng = np.random.default_rng(5)
    for variable in layer.trainable_variables:
        variable.assign_add(tf.cast(rng.normal(size=variable.shape), dtype))
    return layer


def _pieces(layer, x: np.ndarray) -> np.ndarray:
    return np.einsum("ni,iok->nok", x, layer.a.numpy()) + layer.b.numpy()


def test_max_affine_formula():
    layer, x = _built(MaxAffineDense), _inputs(20, 5)
    np.testing.assert_allclose(layer(x), _pieces(layer, x).max(axis=2), rtol=1e-12)


def test_softmax_affine_formula():
    layer, x = _built(SoftmaxAffineDense), _inputs(20, 5)
    alpha = layer.alpha.numpy()
    assert alpha.shape == (3,) and np.ptp(alpha) > 0.1
    expected = np.log(np.exp(alpha[:, None] * _pieces(layer, x)).sum(axis=2)) / alpha
    np.testing.assert_allclose(layer(x), expected, rtol=1e-11)


def test_implicit_softmax_affine_formula():
    layer, x = _built(ImplicitSoftmaxAffineDense), _inputs(20, 5)
    alpha, pieces, outputs = layer.alpha.numpy(), _pieces(layer, x), layer(x).numpy()
    assert alpha.shape == (3, 4) and np.ptp(alpha) > 0.1
    for n, o in np.ndindex(20, 3):

        def excess(y, n=n, o=o):
            return np.exp(alpha[o] * (pieces[n, o] - y)).sum() - 1

        root = scipy.optimize.brentq(excess, -100, 100, xtol=1e-13)
        assert outputs[n, o] == pytest.approx(root, rel=1e-10, abs=1e-11)


def _set(layer, like, theta: float) -> None:
    layer.a.assign(like.a)
    layer.b.assign(like.b)
    layer.theta.assign(tf.fill(layer.theta.shape, tf.constant(theta, layer.theta.dtype)))


@every_soft_layer
def test_with_large_alpha_it_is_max_affine(cls):
    sharp, layer, x = _built(MaxAffineDense), _built(cls), _inputs(20, 5)
    errors = []
    for theta in (0.0, 5.0, 100.0):
        _set(layer, sharp, theta)
        errors.append(np.abs(layer(x) - sharp(x)).max())
    assert errors[0] > 0.1 > errors[1] > errors[2]
    assert errors[2] < 3e-9


def test_with_equal_alpha_the_implicit_one_is_explicit():
    implicit, explicit, x = *(_built(cls) for cls in SOFT[::-1]), _inputs(20, 5)
    _set(explicit, implicit, 0.7)
    assert np.abs(implicit(x) - explicit(x)).max() > 1e-2
    _set(implicit, implicit, 0.7)
    np.testing.assert_allclose(implicit(x), explicit(x), rtol=1e-12)


def test_with_alpha_one_it_is_a_posynomial():
    x = _inputs(20, 5)
    posynomial = PosynomialDense(1, 4, log_input=True, log_output=True)
    layer = _built(SoftmaxAffineDense, output_size=1)
    layer.theta.assign([0])
    posynomial(x)
    posynomial.raw_exponents.assign(layer.a[:, 0])
    posynomial.theta.assign(20 * tf.atanh(tf.transpose(layer.b) / 20))
    np.testing.assert_allclose(layer(x), posynomial(x), rtol=1e-11)


@pytest.mark.slow
@every_layer
def test_gradients_are_those_of_finite_differences(cls):
    layer, x = _built(cls), tf.Variable(_inputs(6, 5))
    weights = _inputs(6, 3, seed=1)
    variables = [x, *layer.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(weights * layer(x))
    h = 1e-6
    for seed, (variable, gradient) in enumerate(
        zip(variables, tape.gradient(loss, variables), strict=True)
    ):
        direction, start = _inputs(*variable.shape, seed=seed), variable.numpy()
        losses = []
        for step in (h, -h):
            variable.assign(start + step * direction)
            losses.append(float(tf.reduce_sum(weights * layer(x))))
        variable.assign(start)
        slope = (losses[0] - losses[1]) / (2 * h)
        assert abs(slope) > 1e-3
        assert float(tf.reduce_sum(gradient * direction)) == pytest.approx(slope, rel=1e-5)


@pytest.mark.slow
@every_soft_layer
def test_second_derivatives_are_those_of_finite_differences(cls):
    layer, x = _built(cls), tf.constant(_inputs(3, 5))
    derivatives = tf.function(lambda x: helpers.derivatives(layer, x))
    vector = np.random.default_rng(3).normal(size=x.shape)
    above, below = (derivatives(x + h * vector)[0] for h in (1e-5, -1e-5))
    np.testing.assert_allclose(derivatives(x)[1], (above - below) / 2e-5, rtol=1e-5, atol=1e-7)


def _chord_excess(function) -> np.ndarray:
    """f((1-t) u + t v) - (1-t) f(u) - t f(v) on random chords: <= 0 if convex."""
    rng = np.random.default_rng(11)
    u, v = 2 * rng.normal(size=(2, 3000, 5))
    t = rng.uniform(size=(3000, 1))
    return np.asarray(function((1 - t) * u + t * v) - (1 - t) * function(u) - t * function(v))


@every_layer
def test_outputs_are_convex(cls):
    excess = _chord_excess(_built(cls))
    assert excess.max() <= 1e-12
    assert np.mean(excess < -1e-3) > 0.5, "it is affine, not strictly convex"


@every_layer
def test_a_difference_of_two_is_not(cls):
    layer, other = _built(cls), _built(cls, num_terms=6)
    assert _chord_excess(lambda x: layer(x) - other(x)).max() > 0.1


@every_layer
def test_pieces_have_about_unit_variance_at_first(cls):
    # Truncation at two standard deviations leaves 0.77 of a variance.
    x = _inputs(2000, 100)
    layer = cls(10, 20)
    layer(x)
    assert 0.7 < np.var(_pieces(layer, x)) < 1.1
    layer.a.assign(tf.sign(layer.a))
    assert np.var(_pieces(layer, x)) > 50


@every_soft_layer
@pytest.mark.parametrize("initial_alpha", [1e-4, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_alpha_begins_as_asked(cls, initial_alpha, dtype):
    layer = cls(2, 3, initial_alpha)
    layer(tf.ones([1, 4], dtype))
    np.testing.assert_allclose(
        layer.alpha, initial_alpha, rtol=5e-2 if dtype == "float16" else 1e-4
    )


def test_at_first_every_piece_has_a_part():
    x = _inputs(500, 5)
    shares = {}
    for alpha in (1.0, 30.0):
        layer = SoftmaxAffineDense(1, 6, alpha)
        layer(x)
        powers = np.exp(alpha * _pieces(layer, x)[:, 0])
        shares[alpha] = np.median((powers / powers.sum(axis=1, keepdims=True)).min(axis=1))
    assert shares[1.0] > 1e-2 > 1e-6 > shares[30.0]


@every_soft_layer
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_alpha_is_bounded(cls, dtype):
    layer = _built(cls, dtype=dtype)
    bound = log_alpha_bound(tf.as_dtype(dtype))
    for sign in (-1, 1):
        layer.theta.assign(tf.fill(layer.theta.shape, tf.constant(sign * 1e4, dtype)))
        log_alpha = np.log(layer.alpha.numpy().astype(np.float64))
        np.testing.assert_allclose(log_alpha, sign * bound, rtol=2e-3)
        assert np.all(np.isfinite(layer(tf.ones([2, 5], dtype))))


# From nothing to where pieces are near the largest number, for slopes up to 1e4.
INPUTS = [0.0, 1e-38, -1e-6, 1.0, -88.0, 1e10, -1e32]


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@every_layer
def test_outputs_and_gradients_are_finite(cls, jit):
    """For all inputs at once, and parameters of every size, as long as the pieces are finite."""
    x = tf.constant(list(itertools.product(INPUTS, repeat=3)), tf.float32)
    layer = cls(2, 4)
    layer(x)

    def outputs_and_gradients():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_mean(y)
        return [y, *tape.gradient(loss, [x, *layer.trainable_variables])]

    function = tf.function(outputs_and_gradients, jit_compile=jit, autograph=False)
    names = ["y", "x", *(v.name for v in layer.trainable_variables)]
    rng = np.random.default_rng(0)
    for size in (0, 1, 100, 1e4):
        for variable in layer.trainable_variables:
            signs = rng.choice([-1, 1], variable.shape)
            variable.assign(size * signs * rng.uniform(0.5, 1, variable.shape))
        for name, value in zip(names, function(), strict=True):
            assert np.all(np.isfinite(value)), (name, size)
            assert size != 1 or np.any(value != 0), name


@every_soft_layer
def test_a_softer_maximum_is_higher(cls):
    sharp, layer, x = _built(MaxAffineDense), _built(cls), _inputs(20, 5)
    _set(layer, sharp, -1.0)
    assert np.all(layer(x) > sharp(x))
    assert np.all(layer(x) < sharp(x) + math.log(4) / math.exp(-1.01))
