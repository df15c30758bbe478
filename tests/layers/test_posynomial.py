"""PosynomialDense and SignomialDense: formula, convexity, and numbers of every size."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.layers import PosynomialDense, SignomialDense

BOTH = pytest.mark.parametrize("cls", [PosynomialDense, SignomialDense])
LARGEST = float(np.finfo(np.float32).max)


def _positive(*shape: int, seed: int = 0) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(size=shape))


def _built(cls, x: np.ndarray, output_size: int = 3, num_terms: int = 4, **kwargs):
    """A layer with general parameters: those at the start are all but diagonal."""
    layer = cls(output_size, num_terms, **kwargs)
    layer(x)
    rng = np.random.default_rng(5)
    for variable in layer.trainable_variables:
        variable.assign_add(tf.cast(rng.normal(size=variable.shape), variable.dtype))
    return layer


def _powers(layer, x: np.ndarray) -> np.ndarray:
    """prod_i max(x_i, floor)^a_ki, as it stands: [batch, num_terms]."""
    return np.prod(np.maximum(x, layer.floor)[:, :, None] ** np.asarray(layer.exponents), axis=1)


@pytest.mark.parametrize("nonnegative_exponents", [False, True])
def test_posynomial_formula(nonnegative_exponents):
    x = _positive(20, 5)
    x[0, :2] = 0  # meets the floor
    for log_output in (False, True):
        layer = _built(
            PosynomialDense,
            x,
            floor=0.01,
            log_output=log_output,
            nonnegative_exponents=nonnegative_exponents,
        )
        expected = np.matmul(_powers(layer, x), layer.coefficients)
        actual = np.exp(layer(x)) if log_output else layer(x)
        np.testing.assert_allclose(actual, expected, rtol=1e-10)


@pytest.mark.parametrize("nonnegative_exponents", [False, True])
def test_signomial_formula(nonnegative_exponents):
    x = _positive(20, 5)
    x[0, :2] = 0
    layer = _built(SignomialDense, x, floor=0.01, nonnegative_exponents=nonnegative_exponents)
    expected = np.matmul(_powers(layer, x), layer.c)
    assert expected.min() < 0 < expected.max()
    np.testing.assert_allclose(layer(x), expected, rtol=1e-9, atol=1e-12)


@BOTH
def test_logarithmic_input(cls):
    x = _positive(20, 5)
    layer, logarithmic = _built(cls, x, floor=1e-9), _built(cls, x, log_input=True)
    for a, b in zip(logarithmic.variables, layer.variables, strict=True):
        a.assign(b)
    np.testing.assert_allclose(logarithmic(np.log(x)), layer(x), rtol=1e-10)


def test_coefficients_are_positive_and_bounded():
    layer = _built(PosynomialDense, _positive(1, 5).astype(np.float32), 6, 7)
    rng = np.random.default_rng(0)
    for size in (1, 100, 1e4):
        layer.theta.assign(size * rng.choice([-1, 1], layer.theta.shape))
        c = layer.coefficients.numpy()
        assert np.all(c > 0) and np.all(np.isfinite(c))
        assert np.all(c.max(axis=0) / c.min(axis=0) <= math.exp(40) * 1.001)
    assert np.any(c.max(axis=0) / c.min(axis=0) > math.exp(39))


@BOTH
@pytest.mark.parametrize("nonnegative_exponents", [False, True])
def test_exponents(cls, nonnegative_exponents):
    x = _positive(1, 50)
    layer = cls(3, 40, nonnegative_exponents=nonnegative_exponents)
    layer(x)
    exponents = np.asarray(layer.exponents)
    if nonnegative_exponents:
        # Weighted geometric means, of exponents that differ.
        assert np.all(exponents > 0)
        assert exponents.sum(axis=0).mean() == pytest.approx(1, abs=0.1)
        assert exponents.max() / exponents.min() > 10
        layer.raw_exponents.assign(-1e4 * tf.ones_like(layer.raw_exponents))
        assert np.all(np.asarray(layer.exponents) >= 0)
    else:
        assert exponents.min() < 0 < exponents.max()


@pytest.mark.parametrize("output_size, num_terms", [(3, 30), (10, 4), (5, 5)])
def test_terms_are_dealt_out_to_the_outputs(output_size, num_terms):
    layer = PosynomialDense(output_size, num_terms)
    layer(np.ones((1, 3)))
    log_c = np.log(layer.coefficients)
    own = log_c > -4
    np.testing.assert_allclose(log_c, np.where(own, 0, -8), atol=1)
    assert np.all(own.sum(axis=0) >= max(1, num_terms // output_size))
    assert np.all(own.sum(axis=1) >= 1)
    if num_terms >= output_size:
        assert np.all(own.sum(axis=1) == 1)


@BOTH
def test_logarithms_of_monomials_have_about_unit_variance_at_first(cls):
    # Truncation at two standard deviations leaves 0.77 of a variance.
    log_x = np.random.default_rng(0).normal(size=(2000, 100))
    layer = cls(3, 200)
    layer(np.exp(log_x))
    assert 0.7 < np.var(log_x @ layer.exponents) < 1.1
    layer.raw_exponents.assign(tf.sign(layer.raw_exponents))
    assert np.var(log_x @ layer.exponents) > 50


def _chord_excess(log_function, n: int, pairs: int = 3000) -> np.ndarray:
    """f((1-t) u + t v) - (1-t) f(u) - t f(v) for f of log x on random chords: <= 0 if convex."""
    rng = np.random.default_rng(11)
    u, v = 2 * rng.normal(size=(2, pairs, n))
    t = rng.uniform(size=(pairs, 1))
    excess = log_function((1 - t) * u + t * v) - (1 - t) * log_function(u) - t * log_function(v)
    return np.asarray(excess)


def _assert_convex(log_function, n: int = 5) -> None:
    excess = _chord_excess(log_function, n)
    assert excess.max() <= 1e-9
    assert np.mean(excess < -1e-3) > 0.5, "it is affine, not strictly convex"


def _assert_not_convex(log_function, n: int = 5) -> None:
    assert np.nanmax(_chord_excess(log_function, n)) > 1e-2


def test_a_posynomial_is_log_log_convex():
    x = _positive(1, 5)
    layer = _built(PosynomialDense, x, floor=1e-30)
    _assert_convex(lambda log_x: np.log(layer(np.exp(log_x))))
    logarithmic = _built(PosynomialDense, x, log_input=True, log_output=True)
    _assert_convex(logarithmic)


def test_two_layers_of_posynomials_are_log_log_convex():
    x = _positive(1, 5)
    first = _built(PosynomialDense, x, log_input=True, log_output=True)
    second = _built(
        PosynomialDense, first(x), log_input=True, log_output=True, nonnegative_exponents=True
    )
    _assert_convex(lambda log_x: second(first(log_x)))


def test_with_real_exponents_two_layers_are_not():
    x = _positive(1, 5)
    first = _built(PosynomialDense, x, log_input=True, log_output=True)
    second = _built(PosynomialDense, first(x), log_input=True, log_output=True)
    _assert_not_convex(lambda log_x: second(first(log_x)))


def test_a_signomial_is_not_log_log_convex():
    x = _positive(1, 5)
    layer = _built(SignomialDense, x, log_input=True)

    def log_function(log_x):
        y = layer(log_x).numpy()
        return np.log(np.where(y > 0, y, np.nan))

    assert np.mean(np.isfinite(_chord_excess(log_function, 5))) > 0.05
    _assert_not_convex(log_function)
    # Its negative coefficients are the reason.
    layer.c.assign(tf.abs(layer.c))
    _assert_convex(log_function)


# From below the smallest normal number to near the largest one.
INPUTS = [0.0, 1e-45, 1e-38, 1e-6, 1.0, 1e10, 3e38]


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize(
    "cls, kwargs",
    [
        pytest.param(PosynomialDense, {}, id="posynomial"),
        pytest.param(PosynomialDense, {"log_output": True}, id="posynomial-log"),
        pytest.param(PosynomialDense, {"nonnegative_exponents": True}, id="posynomial-nonnegative"),
        pytest.param(SignomialDense, {}, id="signomial"),
        pytest.param(SignomialDense, {"nonnegative_exponents": True}, id="signomial-nonnegative"),
    ],
)
def test_outputs_and_gradients_are_finite(cls, kwargs, jit):
    """For all inputs at once, and parameters of every size."""
    x = tf.constant(list(itertools.product(INPUTS, repeat=3)), tf.float32)
    layer = cls(3, 6, **kwargs)
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
        values = function()
        for name, value in zip(names, values, strict=True):
            assert np.all(np.isfinite(value)), (name, size)
        if size == 1:  # beyond, a linear output may lie above its bound everywhere
            assert all(np.any(value != 0) for value in values)


@pytest.mark.slow
def test_gradients_are_finite_just_below_the_bound():
    rng = np.random.default_rng(0)
    layer, logarithmic = PosynomialDense(1, 6), PosynomialDense(1, 6, log_output=True)
    exponents = 1e4 * rng.normal(size=[3, 6])
    for each in (layer, logarithmic):
        each(tf.zeros([1, 3]))
        each.raw_exponents.assign(exponents)
        each.b.assign([0])
    layer.theta.assign(logarithmic.theta)
    for x in rng.choice(INPUTS, size=(30, 3)).astype(np.float32):
        x = tf.constant(x[None])
        layer.b.assign(59 - logarithmic(x)[0])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)[0, 0]
        assert 58 < math.log(y) < 60
        for gradient in tape.gradient(y, [x, *layer.trainable_variables]):
            assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("dtype, bound", [("float32", 60), ("float64", 600), ("float16", 8)])
def test_a_linear_output_stops_at_the_bound(dtype, bound):
    layer = PosynomialDense(1, 1, log_input=True)
    layer(tf.zeros([1, 1], dtype))
    layer.raw_exponents.assign([[1]])
    layer.theta.assign([[0]])
    layer.b.assign([0])
    x = tf.constant([[bound - 0.5], [bound + 0.5], [2 * bound]], dtype)
    (gradient,) = helpers.gradients(layer, x)
    expected = [math.exp(bound - 0.5), math.exp(bound), math.exp(bound)]
    np.testing.assert_allclose(layer(x)[:, 0], expected, rtol=1e-2 if dtype == "float16" else 1e-4)
    np.testing.assert_allclose(gradient[:, 0], [expected[0], 0, 0], rtol=1e-2)


def test_a_large_signomial_is_scaled_down_to_the_bound():
    layer = SignomialDense(1, 2, log_input=True)
    layer(tf.zeros([1, 1]))
    layer.raw_exponents.assign([[1, 0.9]])
    layer.c.assign([[2], [-1]])
    x = np.array([[50], [100]])
    scaled = np.exp(np.minimum(x, 60)) * (2 - np.exp(-0.1 * x))
    np.testing.assert_allclose(layer(x.astype(np.float32)), scaled, rtol=1e-4)


@BOTH
def test_below_and_at_the_floor(cls):
    floor = 0.25
    layer = _built(cls, np.ones((1, 1), np.float32), floor=floor)
    x = tf.constant([[0.0], [0.2], [floor], [0.3]])
    (gradient,) = helpers.gradients(layer, x)
    y = layer(x).numpy()
    np.testing.assert_array_equal(y[:2], [y[2], y[2]])
    assert np.all(y[3] != y[2])
    np.testing.assert_array_equal(gradient[:3], 0)
    assert np.all(gradient[3] != 0)


@pytest.mark.slow
@BOTH
def test_negative_input(cls):
    layer = _built(cls, np.ones((1, 2), np.float32))
    x = tf.constant([[1.0, -0.5]])
    message = rf"^{cls.__name__} inputs must be >= 0 .* got a minimum of -0\.5$"
    with pytest.raises(ValueError, match=message):
        layer(x)
    # A graph cannot look; there it is the floor.
    for jit in (False, True):
        y = tf.function(layer, jit_compile=jit, autograph=False)(x)
        np.testing.assert_allclose(y, layer(tf.constant([[1.0, 0.0]])), rtol=1e-5)


def test_negative_logarithms_are_welcome():
    layer = _built(PosynomialDense, np.ones((1, 2), np.float32), log_input=True)
    assert np.all(layer(tf.constant([[-3.0, -0.5]])) > 0)


@BOTH
def test_the_smallest_and_the_largest_floor(cls):
    # Those beyond may be zero or infinite in float32; the table of bad arguments refuses them.
    for floor in (1e-30, 1e30):
        layer = cls(2, 3, floor=floor)
        assert np.all(np.isfinite(layer(tf.constant([[0.0, LARGEST]]))))
