"""The networks' formulas, written once more in numpy, and what else their docstrings say."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks import nets
from weirdonetworks.functional import PARAMETER_ACTIVATIONS, gelu, num_monomials

X = np.random.default_rng(0).uniform(size=(6, 3, 3, 1))
FLAT = X.reshape(6, 9)


def _built(net, images=X):
    net(images)
    helpers.randomise_zeros(net)
    return net


def _gelu(x) -> np.ndarray:
    return gelu(tf.constant(x)).numpy()


def _linear(layer, x) -> np.ndarray:
    return np.matmul(x, layer.w) + layer.b.numpy()


def test_mlp():
    net = _built(nets.MLP(4, (5, 6)))
    x = _gelu(_linear(net.layers[0], FLAT))
    x = _gelu(_linear(net.layers[1], x))
    np.testing.assert_allclose(net(X), _linear(net.layers[2], x), rtol=1e-10)


def test_an_mlp_without_hidden_layers_is_linear():
    net = _built(nets.MLP(4, ()))
    np.testing.assert_allclose(net(X), _linear(net.layers[0], FLAT), rtol=1e-10)


def test_the_baseline_is_small():
    net = nets.MLP()
    net(tf.zeros([1, 784]))
    sizes = [784 * 100 + 100, 100 * 100 + 100, 100 * 10 + 10]
    assert sum(v.shape.num_elements() for v in net.trainable_variables) == sum(sizes) <= 90_000


def test_weights_of_the_mlp_have_their_spread():
    net = nets.MLP(4, (500,))
    net(tf.zeros([1, 784]))
    w = net.layers[0].w.numpy() * math.sqrt(784)
    assert np.abs(w).max() <= 2  # truncated
    assert w.std() == pytest.approx(0.88, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    "net, hidden",
    [
        (nets.MLP(4, (50, 60), dropout=0.5), 2),
        (nets.AutoactivationMLP(4, (50, 60), dropout=0.5), 2),
        (nets.PosynomialMLP(4, (50, 60), 9, dropout=0.5), 2),
        (nets.SignomialMLP(4, (50, 60), 9, dropout=0.5), 2),
        (nets.PolynomialMLP(4, 2, 8, (50, 60), dropout=0.5), 2),
        (nets.SynchronousMLP(4, (50,), (), (60,), "cyclic2", dropout=0.5, image_shape=(3, 3)), 2),
    ],
    ids=lambda v: type(v).__name__,
)
def test_dropout_is_applied_to_each_hidden_layer_in_training_only(net, hidden):
    net(X)
    counts = [v for v in net.variables if v.name.endswith("calls:0")]
    assert len(counts) == hidden
    assert not any(count.numpy() for count in counts)
    np.testing.assert_array_equal(net(X), net(X, is_training=False))
    assert np.any(net(X, is_training=True) != net(X))
    assert [int(count.numpy()) for count in counts] == [1] * hidden


@pytest.mark.parametrize(
    "cls", [nets.QuadraticMLP, nets.PolynomialMLP, nets.PosynomialMLP, nets.SignomialMLP]
)
def test_input_dropout_drops_pixels_in_training_only(cls):
    net = cls(4, hidden_sizes=(8,), input_dropout=0.5)
    net(X)
    assert np.any(net(X, is_training=True) != net(X))
    black = tf.zeros_like(X)
    np.testing.assert_allclose(net(black, is_training=True), net(black), rtol=1e-10)


@pytest.mark.parametrize("rank", [None, 7])
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_polynomial_mlp(degree, rank):
    net = _built(nets.PolynomialMLP(4, degree, rank, (5, 6)))
    x = _gelu(net.polynomial(FLAT))
    x = _gelu(_linear(net.head.layers[0], x))
    np.testing.assert_allclose(net(X), _linear(net.head.layers[1], x), rtol=1e-10)


@pytest.mark.parametrize("rank", [None, 7])
def test_the_quadratic_mlp_is_the_polynomial_one_of_degree_two(rank):
    quadratic = _built(nets.QuadraticMLP(4, rank, (5, 6)))
    general = _built(nets.PolynomialMLP(4, 2, rank, (5, 6)))
    for a, b in zip(general.variables, quadratic.variables, strict=True):
        a.assign(b)
    np.testing.assert_array_equal(general(X), quadratic(X))


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_without_hidden_layers_logits_are_polynomials(degree):
    net = _built(nets.PolynomialMLP(4, degree, rank=5, hidden_sizes=()))
    start, step = np.random.default_rng(1).normal(size=(2, 9))
    values = net(start + np.arange(degree + 2)[:, None] * step).numpy()
    # The differences of order d + 1 of a polynomial of degree d are zero, those before are not.
    assert np.abs(np.diff(values, degree + 1, axis=0)).max() < 1e-9
    assert np.abs(np.diff(values, degree, axis=0)).min() > 1e-3


def test_a_quadratic_unit_on_digits_has_as_many_weights_as_it_says():
    assert num_monomials(784, 2) == 308_505
    assert "308,505" in nets.PolynomialMLP.__doc__


@pytest.mark.parametrize("sign", ["positive", "paired"])
def test_autoactivation_mlp(sign):
    net = _built(nets.AutoactivationMLP(4, (5,), "tanh", "square", sign))
    phi = PARAMETER_ACTIVATIONS["square"].forward
    x = FLAT
    for layer, function in zip(net.layers, (np.tanh, lambda y: y), strict=True):
        a = phi(layer.w).numpy() - (phi(layer.w_minus).numpy() if sign == "paired" else 0)
        x = function(x @ a + layer.b.numpy())
    np.testing.assert_allclose(net(X), x, rtol=1e-10)


DEPTHS = pytest.mark.parametrize("depth", [2, 3, 4])
LOG_SPACE = pytest.mark.parametrize("cls", [nets.PosynomialMLP, nets.SignomialMLP])


def _log_space_mlp(cls=nets.PosynomialMLP, spread: float = 1.0, **kwargs):
    """A network with general parameters: those at the start are all but diagonal."""
    net = _built(cls(4, (5,), num_terms=6, **kwargs))
    rng = np.random.default_rng(5)
    for variable in net.trainable_variables:
        variable.assign_add(spread * rng.normal(size=variable.shape))
    if cls is nets.SignomialMLP:  # each signomial with terms of both signs
        c = net.layers[-1].c
        c.assign(np.abs(c) * (-1.0) ** np.add.outer(range(6), range(4)))
    return net


def _monomials(layer, y) -> np.ndarray:
    return np.prod(y[:, :, None] ** np.asarray(layer.exponents), axis=1)


@pytest.mark.parametrize("depth", [None, 1, 3, 4])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_probabilities_are_posynomials_over_their_sum(nonnegative, depth):
    net = _log_space_mlp(spread=0.5, nonnegative_exponents=nonnegative, floor=0.2, depth=depth)
    assert len(net.layers) == net.depth == (depth or 2)
    y = np.maximum(FLAT / 0.2, 1)
    assert np.any(y == 1) and np.any(y > 1)
    for layer in net.layers:
        y = np.matmul(_monomials(layer, y), layer.coefficients)
    np.testing.assert_allclose(net(X), np.log(y), rtol=1e-9, atol=1e-9)
    probabilities = y / y.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tf.nn.softmax(net(X)), probabilities, rtol=1e-9)


def _differences(net, log_x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The posynomials p and q of a signomial network at x = floor exp(log_x)."""
    y = np.exp(np.maximum(log_x, 0))
    *hidden, last = net.layers
    for layer in hidden:
        y = np.matmul(_monomials(layer, y), layer.coefficients)
    monomials, c = _monomials(last, y), last.c.numpy()
    return monomials @ np.maximum(c, 0), monomials @ np.maximum(-c, 0)


@pytest.mark.parametrize("depth", [None, 1, 3])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_signomial_scores_are_differences_of_posynomials(nonnegative, depth):
    net = _log_space_mlp(
        nets.SignomialMLP, 0.5, nonnegative_exponents=nonnegative, floor=0.2, depth=depth
    )
    assert len(net.layers) == net.depth == (depth or 2)
    p, q = _differences(net, np.log(np.maximum(FLAT, 1e-9) / 0.2))
    assert np.all(p > 0) and np.all(q > 0) and np.any(p > q) and np.any(p < q)
    y = p - q
    np.testing.assert_allclose(net(X), np.arcsinh(y), rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(np.argmax(net(X), axis=1), np.argmax(y, axis=1))
    z = y + np.sqrt(1 + y**2)
    probabilities = z / z.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tf.nn.softmax(net(X)), probabilities, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_of_scores_of_any_size(dtype):
    """In black images every monomial is 1: the scores are the coefficients."""
    sizes = np.concatenate([np.geomspace(1e-30, 1e38, 2000), np.linspace(0.2, 3, 2000), [0]])
    y = np.concatenate([-sizes, sizes]).astype(dtype)
    net = nets.SignomialMLP(len(y), (), num_terms=1, depth=1)
    x = tf.zeros([1, 2, 2, 1], dtype)
    net(x)
    c = net.layers[-1].c
    c.assign(y[None])
    with tf.GradientTape() as tape:
        logits = net(x)
    slopes = tape.gradient(logits, c)[0]
    exact = np.float64(y)
    epsilon = np.finfo(dtype).eps
    np.testing.assert_allclose(logits[0], np.arcsinh(exact), rtol=9 * epsilon)
    np.testing.assert_allclose(slopes, 1 / np.hypot(1, exact), rtol=9 * epsilon, atol=1e-37)


def _largest_chord_excess(log_function) -> float:
    """How far a function of log(x / floor) on chords exceeds the chord, at the most."""
    rng = np.random.default_rng(2)
    u, v = rng.uniform(0, 4, size=(2, 2000, 9))
    t = rng.uniform(size=(2000, 1))
    chord = (1 - t) * log_function(u) + t * log_function(v)
    return float(np.max(log_function((1 - t) * u + t * v) - chord))


@pytest.mark.slow
@DEPTHS
def test_logits_are_convex_in_log_x_with_nonnegative_exponents(depth):
    def excess(nonnegative: bool) -> float:
        net = _log_space_mlp(depth=depth, nonnegative_exponents=nonnegative)
        return _largest_chord_excess(lambda log_x: net(net.floor * np.exp(log_x)).numpy())

    assert excess(True) <= 1e-9
    assert excess(False) > 0.1


@pytest.mark.slow
@DEPTHS
def test_signomials_are_differences_of_log_log_convex_functions(depth):
    def excess(nonnegative: bool, side: int) -> float:
        net = _log_space_mlp(nets.SignomialMLP, 0.3, depth=depth, nonnegative_exponents=nonnegative)
        return _largest_chord_excess(lambda log_x: np.log(_differences(net, log_x)[side]))

    for side in (0, 1):
        assert excess(True, side) <= 1e-9
        assert excess(False, side) > 0.01


@pytest.mark.slow
def test_signomial_logits_stay_finite():
    """With monomials beyond the largest number, and their gradients; they grow as logarithms."""
    net = _built(nets.SignomialMLP(4, (5,), num_terms=6), tf.cast(X, tf.float32))
    for size in (1.0, 1e2, 1e4):
        for layer in net.layers:
            layer.raw_exponents.assign(size * tf.sign(layer.raw_exponents))
        with tf.GradientTape() as tape:
            logits = net(tf.cast(X, tf.float32))
            loss = tf.reduce_sum(tf.nn.log_softmax(logits)[:, 0])
        for value in (logits, *tape.gradient(loss, net.trainable_variables)):
            assert np.all(np.isfinite(value)), size
    assert 50 < np.abs(logits).max() < 100


@LOG_SPACE
@pytest.mark.parametrize(
    ("hidden_sizes", "depth", "sizes"),
    [
        ((7, 8), None, (7, 8)),
        ((), None, ()),
        ((7,), 1, ()),
        ((), 1, ()),
        ((7,), 2, (7,)),
        ((7,), 4, (7, 7, 7)),
        ((7, 8), 3, (7, 8)),
    ],
)
def test_depth_and_hidden_sizes(cls, hidden_sizes, depth, sizes):
    net = cls(4, hidden_sizes, num_terms=6, depth=depth)
    assert (net.hidden_sizes, net.depth) == (sizes, len(sizes) + 1)
    net(X)
    assert [layer.output_size for layer in net.layers] == [*sizes, 4]


@LOG_SPACE
@pytest.mark.parametrize(("hidden_sizes", "depth"), [((7, 8), 2), ((7, 8), 1), ((), 2)])
def test_a_depth_that_contradicts_the_sizes(cls, hidden_sizes, depth):
    with pytest.raises(ValueError) as error:
        cls(4, hidden_sizes, depth=depth)
    assert str(error.value) == (
        f"hidden_sizes must be one size for all hidden layers, or depth - 1 = {depth - 1} sizes, "
        f"got {hidden_sizes!r}"
    )


@LOG_SPACE
def test_pixels_below_the_floor_are_the_floor(cls):
    net = _log_space_mlp(cls, floor=0.2)
    np.testing.assert_array_equal(net(np.minimum(X, 0.2)), net(np.full_like(X, 0.2)))
    assert np.any(net(X) != net(np.minimum(X, 0.2)))


@pytest.mark.parametrize("cls", [nets.MLP, nets.PolynomialMLP, nets.AutoactivationMLP])
def test_other_images_at_a_later_call(cls):
    net = _built(cls(4, hidden_sizes=(5,)))
    with pytest.raises(ValueError, match="must have 9 features as at the first call, got 16$"):
        net(np.ones((1, 4, 4)))


@pytest.mark.parametrize("shape", [(3,), (1, 3, 3, 1, 1)])
def test_what_is_neither_images_nor_features(shape):
    with pytest.raises(ValueError, match=r"^images must be \[batch, height, width, channels\], "):
        nets.MLP()(np.ones(shape))
