"""ComodulationDense: no roles, from products to exponentials, its spread, and alpha learned."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import exp_iterate, superexp, superlog
from weirdonetworks.layers import ComodulationDense, IterateAttention, PolynomialDense, _alpha

ALPHAS = pytest.mark.parametrize("alpha", [0, 0.25, 0.5, 0.75, 1])
# s of scale 1, and the greatest V x = W x whose outputs are finite in float32: the docstring's.
STDDEVS = {0: 1.00, 0.25: 1.01, 0.5: 0.83, 0.75: 0.65, 1: 0.49}
LIMITS = {0: 1.8e19, 0.25: 1.7e7, 0.5: 6000, 0.75: 230, 1: 44}


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _built(n: int = 5, output_size: int = 3, dtype=np.float64, **kwargs) -> ComodulationDense:
    layer = ComodulationDense(output_size, **kwargs)
    layer(np.zeros((1, n), dtype))
    helpers.randomise_zeros(layer)
    if layer.trainable_alpha:
        layer.theta.assign([layer.initial_alpha] * output_size)
    return layer


def _forms(layer: ComodulationDense, x: np.ndarray) -> list[np.ndarray]:
    return [x @ form.w.numpy() + form.b.numpy() for form in (layer.v, layer.w)]


def _exchange(a, b) -> None:
    for one, other in ((a.w, b.w), (a.b, b.b)):
        value = tf.identity(one)
        one.assign(other)
        other.assign(value)


@pytest.mark.slow
@pytest.mark.parametrize("trainable", [False, True])
@ALPHAS
def test_formula(alpha, trainable):
    layer = _built(alpha=alpha, trainable_alpha=trainable)
    x = _normal(50, 5)
    f = [superexp(superlog(tf.constant(z)) + alpha).numpy() for z in _forms(layer, x)]
    np.testing.assert_allclose(layer(x), f[0] * f[1] + layer.b, rtol=1e-11, atol=1e-13)


@pytest.mark.slow
def test_each_unit_has_an_alpha_of_its_own():
    layer = _built(trainable_alpha=True)
    layer.theta.assign([0.125, 0.5, 0.875])
    x = _normal(20, 5)
    for unit, alpha in enumerate([0.125, 0.5, 0.875]):
        other = _built(alpha=alpha)
        for target, source in ((other.v, layer.v), (other.w, layer.w)):
            target.w.assign(source.w), target.b.assign(source.b)
        other.b.assign(layer.b)
        np.testing.assert_allclose(layer(x)[:, unit], other(x)[:, unit], rtol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("trainable", [False, True])
@ALPHAS
def test_exchanging_the_factors_changes_nothing(alpha, trainable, dtype):
    layer = _built(20, 7, dtype, alpha=alpha, trainable_alpha=trainable)
    x = tf.constant(_normal(33, 20), dtype)
    y, (gradient,) = layer(x), helpers.gradients(layer, x)
    _exchange(layer.v, layer.w)
    np.testing.assert_array_equal(layer(x), y)
    np.testing.assert_allclose(helpers.gradients(layer, x)[0], gradient, rtol=1e-3, atol=1e-5)
    layer.v.b.assign_add(tf.ones_like(layer.v.b))
    assert np.all(layer(x) != y)


@pytest.mark.slow
def test_alpha_0_is_a_quadratic_form_of_rank_one():
    layer, quadratic = _built(alpha=0), PolynomialDense(3, degree=2, rank=3)
    x = _normal(20, 5)
    quadratic(x)
    quadratic.v.assign(tf.concat([layer.v.w, layer.w.w], axis=1))
    quadratic.u.assign(tf.concat([layer.v.b, layer.w.b], axis=0))
    quadratic.c.assign(tf.eye(3, dtype=tf.float64))
    quadratic.b.assign(layer.b)
    np.testing.assert_allclose(layer(x), quadratic(x), rtol=1e-12)
    # Without biases, a form: homogeneous of degree 2. Any other alpha is none.
    for alpha in (0, 0.25, 1):
        form = _built(alpha=alpha, with_bias=False)
        quotient = form(3 * x) / form(x)
        assert np.all(np.abs(quotient - 9) < 1e-9) == (alpha == 0)


def test_alpha_1_is_one_exponential():
    layer = _built(alpha=1)
    x = _normal(20, 5)
    v, w = _forms(layer, x)
    np.testing.assert_allclose(layer(x), np.exp(v + w) + layer.b, rtol=1e-11)


def _on_a_ray(alpha: float, dtype=np.float64) -> ComodulationDense:
    """One unit with V x = W x = x_0."""
    layer = ComodulationDense(1, alpha, with_bias=False)
    layer(np.zeros((1, 1), dtype))
    for form in (layer.v, layer.w):
        form.w.assign([[1]])
    return layer


@pytest.mark.slow
def test_growth_is_between_polynomials_and_exponentials():
    t = np.array([10.0, 100.0, 1000.0, 10_000.0])[:, None]

    def rates(alpha):  # against power laws, and against exponentials
        log_y = np.log(_on_a_ray(alpha)(t))
        return np.diff(log_y / np.log(t), axis=0), np.diff(log_y / t, axis=0)

    for alpha in (0.25, 0.5):
        powers, exponentials = rates(alpha)
        assert np.all(powers > 0.1) and np.all(exponentials < 0)
    np.testing.assert_allclose(rates(0)[0], 0, atol=1e-12)  # y = t^2
    log_y = np.log(_on_a_ray(1)(t[:2]))
    np.testing.assert_allclose(np.diff(log_y / t[:2], axis=0), 0, atol=1e-12)  # y = e^(2 t)


@pytest.mark.slow
@ALPHAS
def test_overflow_comes_where_it_is_said(alpha):
    layer = _on_a_ray(alpha, np.float32)
    x = tf.constant([[0.98 * LIMITS[alpha]], [1.03 * LIMITS[alpha]]], tf.float32)
    assert np.isfinite(layer(x)).ravel().tolist() == [True, False]
    half = x[:1] / 2
    assert np.all(np.isfinite(helpers.gradients(layer, half)[0]))


@pytest.mark.slow
@pytest.mark.parametrize("trainable", [False, True])
@pytest.mark.parametrize("scale", [1.0, 0.3])
@ALPHAS
def test_outputs_start_at_mean_0_and_the_promised_spread(alpha, scale, trainable):
    layer = ComodulationDense(300, alpha, trainable, scale=scale)
    y = layer(_normal(3000, 200).astype(np.float32)).numpy()
    assert abs(y.mean()) < 0.03 * scale
    assert y.std() == pytest.approx(scale, rel=0.05)
    if scale == 1:
        s = layer.v.w.numpy().std() * math.sqrt(200)
        assert s == pytest.approx(STDDEVS[alpha], abs=0.01)
    assert layer.w.w.numpy().std() == pytest.approx(layer.v.w.numpy().std(), rel=0.02)
    assert not layer.v.b.numpy().any() and not layer.w.b.numpy().any()
    # Without biases, the mean is what b took away.
    bare = ComodulationDense(300, alpha, trainable, with_bias=False, scale=scale)
    mean = bare(_normal(3000, 200).astype(np.float32)).numpy().mean()
    assert mean == pytest.approx(-float(layer.b[0]), abs=0.03 * scale)


def test_the_common_initialisation_would_not_have_that_spread():
    layer = ComodulationDense(300, 1)
    x = _normal(3000, 200).astype(np.float32)
    layer(x)
    for seed, form in enumerate((layer.v, layer.w)):
        form.w.assign(_normal(200, 300, seed=seed) / math.sqrt(200))
    assert np.std(layer(x)) > 3


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.9])
def test_gradient_in_alpha(alpha):
    layer = _built(alpha=alpha, trainable_alpha=True)
    x, h = _normal(20, 5), 1e-5
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(x), axis=0)
        loss = tf.reduce_sum(total)
    gradient = tape.gradient(loss, layer.theta)
    ends = []
    for step in (h, -h):
        layer.theta.assign([alpha + step] * 3)
        ends.append(layer(x).numpy().sum(axis=0))
    np.testing.assert_allclose(gradient, (ends[0] - ends[1]) / (2 * h), rtol=1e-6)
    assert np.abs(gradient).min() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("start", [0.0, 0.5, 1.0])
def test_alpha_is_learned_to_the_ends_and_from_them(start):
    """With the weights of a teacher, each unit finds the teacher's alpha."""
    truth = [0.0, 0.3, 0.7, 1.0]
    teacher = _built(output_size=4, trainable_alpha=True)
    teacher.theta.assign(truth)
    x = tf.constant(_normal(200, 5))
    y = teacher(x)
    student = ComodulationDense(4, start, trainable_alpha=True)
    student(x)
    for target, source in zip(student.variables, teacher.variables, strict=True):
        if "theta" not in target.name:
            target.assign(source)
    np.testing.assert_array_equal(student.alpha, [start] * 4)
    step = tf.Variable(0.1, dtype=tf.float64)

    @tf.function
    def descend():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(student(x) - y))
        # The direction alone: as Adam does, whatever the size of the outputs.
        student.theta.assign_sub(step * tf.sign(tape.gradient(loss, student.theta)))

    for i in range(100):
        step.assign(0.1 * 0.92**i)
        descend()
        assert np.all((student.alpha >= 0) & (student.alpha <= 1))
    np.testing.assert_allclose(student.alpha, truth, atol=2e-3)


@pytest.mark.slow
def test_variables():
    assert len(ComodulationDense(3)(np.zeros((1, 2))).shape) == 2
    names = {False: 5, True: 6}  # V, v, W, w, b, and theta
    for trainable, count in names.items():
        layer = _built(trainable_alpha=trainable)
        assert len(layer.trainable_variables) == count
        bare = _built(trainable_alpha=trainable, with_bias=False)
        assert len(bare.trainable_variables) == count - 3
    assert _built(alpha=0.25).alpha == 0.25


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@ALPHAS
def test_type_of_the_inputs(alpha, dtype):
    layer = ComodulationDense(3, alpha, trainable_alpha=True)
    assert layer(tf.ones([2, 4], dtype)).dtype == dtype
    assert {v.dtype for v in layer.variables} == {dtype}


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"output_size": 0}, r"^output_size must be an integer >= 1, got 0$"),
        ({"alpha": -0.5}, r"^alpha must be a number in \[0, 1\], got -0.5$"),
        ({"alpha": 1.5}, r"^alpha must be a number in \[0, 1\], got 1.5$"),
        ({"alpha": "half"}, r"^alpha must be a number in \[0, 1\], got 'half'$"),
        ({"alpha": math.nan}, r"^alpha must be a number in \[0, 1\], got nan$"),
        ({"trainable_alpha": 1}, r"^trainable_alpha must be True or False, got 1$"),
        ({"with_bias": None}, r"^with_bias must be True or False, got None$"),
        ({"scale": 0}, r"^scale must be a number in \[0.01, 10.0\], got 0$"),
        ({"scale": 11}, r"^scale must be a number in \[0.01, 10.0\], got 11$"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ComodulationDense(**{"output_size": 3, **kwargs})


def test_a_negative_alpha_would_not_be_defined_on_all_forms():
    """Why it is refused."""
    assert np.isnan(superexp(superlog(tf.constant(-1.0)) - 0.5))
    assert np.isfinite(superexp(superlog(tf.constant(-1.0)) + 0.5))


@pytest.mark.slow
def test_a_learned_order_at_zero_has_finite_gradients():
    """d/dalpha = e^-x there overflows in float32: of both signs, its sum would be NaN."""
    x = tf.constant([-200.0, -100.0, -41.0, -3.0, 2.0])
    signs = tf.constant([1.0, -1.0, 1.0, 1.0, -1.0])

    def gradient(function):
        alpha = tf.Variable(0.0)
        with tf.GradientTape() as tape:
            y = function(x, alpha + 0.0)
            loss = tf.reduce_sum(signs * y)
        return y.numpy(), tape.gradient(loss, alpha).numpy()

    y, finite = gradient(_alpha.iterate)
    np.testing.assert_array_equal(y, x)
    assert np.isnan(gradient(exp_iterate)[1])
    with tf.GradientTape() as tape:
        alpha = tf.Variable(0.0)
        part = tf.reduce_sum(signs[3:] * exp_iterate(x[3:], alpha))
    np.testing.assert_allclose(finite, tape.gradient(part, alpha), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["comodulation", "attention"])
def test_layers_that_start_at_zero_learn_from_large_inputs(name):
    """Slopes in alpha of both signs overflow there, and would make it NaN at the first step."""
    tf.random.set_seed(0)
    x = 60 * tf.random.normal([64, 8])
    if name == "comodulation":
        layer = ComodulationDense(4, alpha=0.0, trainable_alpha=True)
    else:
        x = x[:, None, :] + tf.zeros([1, 3, 1])
        layer = IterateAttention(4, 8, weights="comodulated", alpha=0.0, trainable_alpha=True)
    layer(x)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.random.normal([64, *layer(x).shape[1:]]) * layer(x))
    (theta,) = tape.gradient(loss, [layer.theta])
    assert np.all(np.isfinite(theta))
