"""AdditiveMultiplicativeDense: from sums to products, its domain, its starts, and a learned."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import exp_iterate, half_exp, superexp, superlog
from weirdonetworks.layers import AdditiveMultiplicativeDense, PosynomialDense

ALPHAS = pytest.mark.parametrize("alpha", [0, 0.25, 0.5, 0.75, 1])
BOTH = pytest.mark.parametrize("trainable", [False, True])


def _uniform(*shape: int, low: float = 0.5, high: float = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape)


def _built(
    alpha=0.5, n: int = 4, output_size: int = 3, dtype=np.float64, **kwargs
) -> AdditiveMultiplicativeDense:
    """A layer with weights of both signs and a bias."""
    layer = AdditiveMultiplicativeDense(output_size, alpha, **kwargs)
    layer(np.ones((1, n), dtype))
    rng = np.random.default_rng(1)
    layer.w.assign(0.5 * rng.normal(size=layer.w.shape))
    if layer.with_bias:
        layer.b.assign(0.3 * rng.normal(size=layer.b.shape))
    return layer


@pytest.mark.slow
@BOTH
def test_alpha_0_is_a_dense_layer(trainable):
    layer = _built(0, trainable_alpha=trainable)
    x = 1000 * np.random.default_rng(2).normal(size=(50, 4))
    expected = x @ layer.w.numpy() + layer.b.numpy()
    np.testing.assert_allclose(layer(x), expected, rtol=1e-12, atol=1e-11)


@pytest.mark.slow
@BOTH
def test_alpha_1_is_a_layer_of_monomials(trainable):
    layer = _built(1, trainable_alpha=trainable)
    x = _uniform(50, 4)
    products = np.prod(x[:, :, None] ** layer.w.numpy(), axis=1)
    np.testing.assert_allclose(layer(x), np.exp(layer.b) * products, rtol=1e-12)
    for unit in range(3):
        posynomial = PosynomialDense(1, 1)
        posynomial(x)
        posynomial.theta.assign([[0]])
        posynomial.raw_exponents.assign(layer.w[:, unit : unit + 1])
        posynomial.b.assign(layer.b[unit : unit + 1])
        np.testing.assert_allclose(layer(x)[:, unit], posynomial(x)[:, 0], rtol=1e-12)


@pytest.mark.slow
@BOTH
def test_alpha_one_half(trainable):
    """The inputs are half-exponentials, so that no inverse is needed: f(z W + b) for x = f(z)."""
    layer = _built(0.5, trainable_alpha=trainable)
    z = np.random.default_rng(3).normal(size=(50, 4))
    form = z @ layer.w.numpy() + layer.b.numpy()
    np.testing.assert_allclose(layer(half_exp(z)), half_exp(form), rtol=1e-9, atol=1e-12)
    assert np.abs(layer(half_exp(z)) - half_exp(form + 1e-3)).min() > 1e-4


@pytest.mark.slow
@ALPHAS
@BOTH
def test_formula(alpha, trainable):
    layer = _built(alpha, trainable_alpha=trainable)
    x = tf.constant(_uniform(50, 4))
    form = superexp(superlog(x) - alpha).numpy() @ layer.w.numpy() + layer.b.numpy()
    expected = superexp(superlog(tf.constant(form)) + alpha)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("alphas", [[0.0, 0.5, 1.0], [0.2, 0.6, 0.9]])
@BOTH
def test_shared_and_single_alphas_agree(alphas, trainable):
    """An a for each output, and a layer that shares it, for each of them."""
    layer, x = _built(alphas, trainable_alpha=trainable), tf.Variable(_uniform(20, 4))
    assert layer.alpha.numpy().tolist() == alphas
    with tf.GradientTape(persistent=True) as tape:
        units = tf.unstack(layer(x), axis=1)
        others = [
            _built(alpha, trainable_alpha=trainable, shared_alpha=True)(x)[:, unit]
            for unit, alpha in enumerate(alphas)
        ]
    for y, other in zip(units, others, strict=True):
        np.testing.assert_allclose(y, other, rtol=1e-11)
        np.testing.assert_allclose(tape.gradient(y, x), tape.gradient(other, x), rtol=1e-9)


@pytest.mark.slow
def test_continuous_in_alpha():
    """No jump on a fine grid, the ends included, where other code may run; a jump would be seen."""
    layer, x = _built(0, shared_alpha=True), _uniform(20, 4)
    function = tf.function(lambda: layer(x), autograph=False)
    grid = np.concatenate([[0, 1e-7], np.linspace(0.01, 0.99, 99), [1 - 1e-7, 1]])
    values = []
    for alpha in grid:
        layer.theta.assign(alpha)
        values.append(function().numpy())
    slopes = np.abs(np.diff(values, axis=0)).max(axis=(1, 2)) / np.diff(grid)
    assert slopes.max() < 20
    layer.theta.assign(0.5)
    assert np.abs(values[0] - values[-1]).max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("alphas", [[0.2, 0.5, 0.9], [0.01, 0.4, 0.99]])
def test_gradients_against_differences(alphas):
    layer, x = _built(alphas), tf.Variable(_uniform(20, 4))
    weights = np.random.default_rng(4).normal(size=(20, 3))
    variables = [x, layer.w, layer.b, layer.theta]

    @tf.function(autograph=False)
    def loss():
        return tf.reduce_sum(weights * layer(x))

    with tf.GradientTape() as tape:
        total = loss()
    for variable, gradient in zip(variables, tape.gradient(total, variables), strict=True):
        start, h = variable.numpy(), 1e-5
        for index in list(np.ndindex(*start.shape))[:12]:
            ends = []
            for step in (h, -h):
                moved = start.copy()
                moved[index] += step
                variable.assign(moved)
                ends.append(float(loss()))
            variable.assign(start)
            slope = (ends[0] - ends[1]) / (2 * h)
            assert float(gradient[index]) == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("end, outwards", [(0.0, 1.0), (1.0, -1.0)])
def test_gradients_at_the_ends(end, outwards):
    """One-sided differences; where descent would leave [0, 1], there is none."""
    layer, x = _built(end, shared_alpha=True, output_size=1), _uniform(1, 4)
    y, h = layer(x), 1e-6
    layer.theta.assign(end + outwards * h)
    slope = float((layer(x) - y)[0, 0]) * outwards / h
    layer.theta.assign(end)
    for sign in (1, -1):
        with tf.GradientTape() as tape:
            loss = sign * tf.reduce_sum(layer(x))
        inside = -outwards * sign * slope > 0
        expected = sign * slope if inside else 0
        assert float(tape.gradient(loss, layer.theta)) == pytest.approx(expected, rel=1e-4)
    assert abs(slope) > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("theta", [-0.5, 1.5])
def test_alpha_stays_within_its_bounds(theta):
    layer = _built(shared_alpha=True)
    layer.theta.assign(theta)
    assert float(layer.alpha) == min(max(theta, 0), 1)
    assert np.all(np.isfinite(layer(_uniform(5, 4))))


@pytest.mark.slow
def test_the_lower_edge():
    layer = _built([0, 0.5, 1])
    np.testing.assert_allclose(layer.lower_edge, [-np.inf, -0.6960247408860842, 0], atol=1e-14)
    for alpha in (0, 0.5, 1):
        fixed = _built(alpha, trainable_alpha=False)
        assert fixed.lower_edge == layer.lower_edge[int(2 * alpha)]
    assert np.all(layer.lowest_input[1:] > layer.lower_edge[1:])
    np.testing.assert_allclose(
        layer.lowest_input,
        [-np.inf, float(half_exp(tf.math.log(tf.constant(1e-3, "double")))), 1e-3],
    )
    assert _built(0.5, floor=None).lowest_input[0] == layer.lower_edge[1]


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.1, 0.5, 1])
@BOTH
def test_without_a_floor(alpha, trainable):
    layer = _built(alpha, n=1, output_size=1, trainable_alpha=trainable, floor=None)
    edge = float(superexp(tf.constant(alpha - 2, tf.float64)))
    y = layer(np.array([[edge + 1e-3], [edge - 1e-3], [edge - 100]])).numpy()[:, 0]
    assert np.isfinite(y).tolist() == [True, False, False] and np.isnan(y[1:]).all()
    if alpha == 1:
        layer.w.assign([[2]])
        assert layer(np.zeros((1, 1)))[0, 0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("floor", [1e-3, 0.1, 1e-6])
@pytest.mark.parametrize("alpha", [0.02, 0.5, 1])
@BOTH
def test_below_the_floor(alpha, trainable, floor):
    layer = _built(alpha, n=1, output_size=2, trainable_alpha=trainable, floor=floor)
    lowest = float(np.max(layer.lowest_input))
    np.testing.assert_allclose(exp_iterate(np.float64(lowest), -alpha), math.log(floor), rtol=1e-9)
    x = tf.constant(
        [[lowest - 1e-6], [lowest - 1], [-1e30], [-np.inf], [lowest + 1e-3]], tf.float64
    )
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        low = tf.reduce_sum(y[:4])
    np.testing.assert_allclose(y[:4], _at_the_floor(layer), rtol=1e-9)
    assert np.all(np.abs(y[4] - y[0]) > 1e-6)
    gradients = tape.gradient(low, [x, layer.w])
    np.testing.assert_array_equal(gradients[0], 0)
    assert np.all(gradients[1] != 0)
    assert np.all(helpers.gradients(layer, x[4:])[0] != 0)
    if trainable:  # only the outer iterate is left
        with tf.GradientTape() as tape:
            y = layer(x[1:2])
        outer = tape.gradient(y, layer.theta)
        form = math.log(floor) * layer.w[0] + layer.b
        with tf.GradientTape() as tape:
            y = exp_iterate(form, layer.alpha)
        np.testing.assert_allclose(outer, tape.gradient(y, layer.theta), rtol=1e-9)


def _at_the_floor(layer: AdditiveMultiplicativeDense) -> np.ndarray:
    """The outputs for the lowest input, written out: exp^[a](w log floor + b)."""
    form = math.log(layer.floor) * layer.w.numpy()[0] + layer.b.numpy()
    return np.broadcast_to(exp_iterate(tf.constant(form), layer.initial_alpha), [4, 2])


@pytest.mark.slow
def test_numbers_that_are_none_are_not_hidden():
    """A comparison with NaN is False: the floor must not take it for something above or below."""
    for alpha, trainable in itertools.product([0, 0.5, 1], [False, True]):
        layer = _built(alpha, trainable_alpha=trainable, dtype=np.float32)
        x = _uniform(2, 4).astype(np.float32)
        x[1, 2] = np.nan
        assert np.isnan(layer(x)).all(axis=1).tolist() == [False, True]


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.1, 0.5, 1])
def test_outputs_are_in_the_domain_of_layers_of_no_larger_alpha(alpha):
    layer = _built(alpha, output_size=200)
    layer.w.assign(5 * np.random.default_rng(1).normal(size=layer.w.shape))
    y = layer(_uniform(50, 4))
    assert float(tf.reduce_min(y)) >= float(layer.lower_edge[0]) - 1e-12
    larger = min(alpha + 0.3, 1)
    if larger > alpha:
        assert float(tf.reduce_min(y)) < float(_built(larger).lower_edge[0])


@pytest.mark.slow
@pytest.mark.parametrize("dtype, bound", [("float32", 60), ("float64", 600)])
@pytest.mark.parametrize("alpha", [0, 0.3, 0.5, 1])
@BOTH
def test_outputs_stop_at_the_bound(alpha, trainable, dtype, bound):
    layer = _built(alpha, n=1, output_size=1, trainable_alpha=trainable, dtype=dtype)
    layer.w.assign([[0]])
    end = tf.constant(bound, tf.float64)
    limit = exp_iterate(end, 1 - alpha)

    def at(form):
        layer.b.assign(tf.cast([form], dtype))
        with tf.GradientTape() as tape:
            y = layer(tf.ones([1, 1], dtype))
        return float(y[0, 0]), float(tape.gradient(y, layer.b)[0])

    below, slope = at(limit * 0.99)
    assert below < math.exp(bound) and 0 < slope < np.inf
    above, slope = at(limit * 10)
    if alpha == 0:
        assert above == pytest.approx(10 * math.exp(bound), rel=1e-5) and slope == 1
    else:
        assert above == pytest.approx(math.exp(bound), rel=1e-4) and slope == 0


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize(("shared", "floor"), [(False, 1e-3), (True, 1e-3), (False, 1e-6)])
def test_outputs_and_gradients_are_finite(shared, jit, floor):
    """For inputs of every size, parameters of every size, and every a."""
    inputs = [-1e30, -50.0, -0.7, 0.0, 1e-38, 1e-3, 1.0, 100.0, 1e30]
    x = tf.constant(list(itertools.product(inputs, repeat=2)), tf.float32)
    layer = AdditiveMultiplicativeDense(3, shared_alpha=shared, floor=floor)
    layer(x)
    # Of both signs: gradients that lead out of [0, 1] are 0 whatever they were.
    signs = np.random.default_rng(1).choice([-1.0, 1.0], [len(x), 3])
    upstreams = [np.ones(signs.shape), -np.ones(signs.shape), signs]
    upstreams = [tf.constant(upstream / signs.size, tf.float32) for upstream in upstreams]

    @tf.function(jit_compile=jit, autograph=False)
    def outputs_and_gradients(upstream):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return [y, *tape.gradient(y, [x, *layer.trainable_variables], upstream)]

    rng = np.random.default_rng(0)
    for alpha in (0, 1e-6, 0.1, 0.5, 0.9, 1):
        layer.theta.assign(np.full(layer.theta.shape, alpha))
        for size in (0, 1, 100):
            for variable in (layer.w, layer.b):
                signs = rng.choice([-1, 1], variable.shape)
                variable.assign(size * signs * rng.uniform(0.5, 1, variable.shape))
            for upstream in upstreams:
                values = outputs_and_gradients(upstream)
                for name, value in zip(["y", "x", "w", "b", "theta"], values, strict=True):
                    assert np.all(np.isfinite(value)), (name, alpha, size)


@pytest.mark.slow
def test_an_infinite_slope_would_not_pass():
    """Why the inputs are cut: without a floor, the same numbers are not finite."""
    layer = _built(0.5, n=1, dtype=np.float32, floor=None)
    x = tf.constant([[float(layer.lower_edge[0])]])
    assert not np.all(np.isfinite(helpers.gradients(layer, x)[0]))


@pytest.mark.slow
@ALPHAS
@BOTH
def test_means_lie_between_the_inputs(alpha, trainable):
    layer = AdditiveMultiplicativeDense(100, alpha, trainable)
    x = np.exp(2 * np.random.default_rng(0).normal(size=(50, 30)))
    y = layer(x).numpy()
    assert np.all(y > x.min(axis=1, keepdims=True)) and np.all(y < x.max(axis=1, keepdims=True))
    w = layer.w.numpy()
    np.testing.assert_allclose(w.sum(axis=0), 1)
    assert w.min() > 0 and w.max() / w.min() > 10 and not layer.b.numpy().any()
    # They differ, and a mean of the same numbers is that number.
    assert np.std(y, axis=1).min() > 0.01
    np.testing.assert_allclose(layer(np.full((1, 30), 0.7)), 0.7, rtol=1e-10)


@pytest.mark.slow
@ALPHAS
def test_forms_keep_the_distribution(alpha):
    z = np.random.default_rng(0).normal(size=(1000, 200))
    layer = AdditiveMultiplicativeDense(
        100, alpha, trainable_alpha=False, start="forms", floor=None
    )
    y = layer(exp_iterate(tf.constant(z), alpha))
    forms = exp_iterate(y, -alpha).numpy()
    assert abs(forms.mean()) < 0.05 and forms.std() == pytest.approx(1, abs=0.03)
    # The other start averages them away.
    means = AdditiveMultiplicativeDense(100, alpha, trainable_alpha=False, floor=None)
    assert exp_iterate(means(exp_iterate(tf.constant(z), alpha)), -alpha).numpy().std() < 0.3


def test_means_of_many_inputs_do_not_overflow_and_forms_do():
    x = _uniform(10, 2000, low=50, high=100).astype(np.float32)
    largest = {}
    for start in ("means", "forms"):
        layer = AdditiveMultiplicativeDense(100, 1, trainable_alpha=False, start=start)
        largest[start] = float(tf.reduce_max(layer(x)))
    assert largest["means"] < 100 and largest["forms"] > 1e3


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_memory(shared):
    layer = AdditiveMultiplicativeDense(30, shared_alpha=shared)
    layer(tf.ones([1, 40]))
    ops = helpers.graph_ops(layer, tf.TensorSpec([None, 40], tf.float32))
    assert helpers.largest(ops) == 30 * 40  # W itself
    many = [op for op in ops if 1200 in op.sizes]
    assert (len(many) > 100) == (not shared)


def _fit(layer: AdditiveMultiplicativeDense, steps: int = 800) -> np.ndarray:
    """Fits the outputs to x1 + x2 and x1 x2: their errors, as parts of their spreads."""
    x = tf.constant(_uniform(128, 2, low=0.1, high=3), tf.float32)
    y = tf.stack([x[:, 0] + x[:, 1], x[:, 0] * x[:, 1]], axis=1)
    layer(x)
    variables = layer.trainable_variables
    moments = [(tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v))) for v in variables]

    @tf.function(jit_compile=True, autograph=False)
    def descend():
        def step(t):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(layer(x) - y)) / 128
            gradients = tape.gradient(loss, variables)
            rate = 0.1 * (1 - t / steps)
            for v, g, (m, s) in zip(variables, gradients, moments, strict=True):
                m.assign(0.9 * m + 0.1 * g)
                s.assign(0.95 * s + 0.05 * tf.square(g))
                v.assign_sub(rate * m / (tf.sqrt(s) + 1e-8))
            return t + 1

        tf.while_loop(lambda t: t < steps, step, [tf.constant(0.0)])

    descend()
    return np.sqrt(np.mean((layer(x) - y) ** 2, axis=0)) / np.std(y, axis=0)


@pytest.mark.slow
def test_each_output_learns_its_operation():
    tf.random.set_seed(0)
    layer = AdditiveMultiplicativeDense(2)
    assert np.all(_fit(layer) < 1e-2)
    np.testing.assert_allclose(layer.alpha, [0, 1], atol=0.05)
    np.testing.assert_allclose(layer.w, 1, atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0, 1])
def test_a_fixed_alpha_learns_one_of_them(alpha):
    tf.random.set_seed(0)
    errors = _fit(AdditiveMultiplicativeDense(2, alpha, trainable_alpha=False))
    assert errors[alpha] < 1e-2 and errors[1 - alpha] > 0.1


@pytest.mark.slow
def test_variables():
    x = np.ones((1, 4), np.float32)
    for kwargs, shapes in (
        ({}, {"w": [4, 3], "b": [3], "theta": [3]}),
        ({"shared_alpha": True}, {"w": [4, 3], "b": [3], "theta": []}),
        ({"trainable_alpha": False}, {"w": [4, 3], "b": [3]}),
        ({"with_bias": False}, {"w": [4, 3], "theta": [3]}),
    ):
        layer = AdditiveMultiplicativeDense(3, **kwargs)
        layer(x)
        actual = {v.name.split("/")[-1][:-2]: v.shape.as_list() for v in layer.trainable_variables}
        assert actual == shapes
    assert AdditiveMultiplicativeDense(3, 0.25, trainable_alpha=False).alpha == 0.25


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"output_size": 0}, r"^output_size must be an integer >= 1, got 0$"),
        ({"alpha": -0.5}, r"^alpha must be a number in \[0, 1\], got -0.5$"),
        ({"alpha": 1.5}, r"^alpha must be a number in \[0, 1\], got 1.5$"),
        ({"alpha": math.nan}, r"^alpha must be a number in \[0, 1\], got nan$"),
        ({"alpha": "half"}, r"^alpha must be a number in \[0, 1\], got 'half'$"),
        ({"alpha": [0, 1]}, r"^alpha must be 3 numbers, got \[0, 1\]$"),
        ({"alpha": [0, 1, 2]}, r"^alpha\[2\] must be a number in \[0, 1\], got 2$"),
        (
            {"alpha": [0, 1, 1], "shared_alpha": True},
            r"^alpha must be a number if it is shared, got \[0, 1, 1\]$",
        ),
        ({"trainable_alpha": 1}, r"^trainable_alpha must be True or False, got 1$"),
        ({"shared_alpha": "no"}, r"^shared_alpha must be True or False, got 'no'$"),
        ({"with_bias": None}, r"^with_bias must be True or False, got None$"),
        ({"floor": 0}, r"^floor must be a number in \[1e-06, 1.0\], got 0$"),
        ({"floor": 2}, r"^floor must be a number in \[1e-06, 1.0\], got 2$"),
        ({"start": "ones"}, r"^start must be one of \['means', 'forms'\], got 'ones'$"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        AdditiveMultiplicativeDense(**{"output_size": 3, **kwargs})


@pytest.mark.slow
def test_an_array_of_alphas():
    layer = _built(np.array([0, 0.5, 1]), trainable_alpha=False)
    assert layer.alpha.numpy().tolist() == [0, 0.5, 1]
