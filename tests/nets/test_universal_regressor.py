"""UniversalRegressor: its formula, digits, ranges, safe numbers, and a power law that it keeps."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from training.engine.optimizers import Adam, scheduled
from weirdonetworks.functional.squashes import SQUASHES
from weirdonetworks.nets import NETWORKS, UniversalRegressor
from weirdonetworks.nets.universal_regressor import FEATURES

each_features = pytest.mark.parametrize("features", FEATURES)
each_squash = pytest.mark.parametrize("squash", SQUASHES)


def _built(n: int = 1, dtype="float64", seed: int = 0, **kwargs) -> UniversalRegressor:
    """With the features' weights as they start, and everything else at random."""
    tf.random.set_seed(seed)
    net = UniversalRegressor(**kwargs)
    net(tf.ones([1, n], dtype))
    helpers.randomise_zeros(net)
    return net


def _law(power: float, factor: float, dtype="float32", **kwargs) -> UniversalRegressor:
    """factor sign(x) |x|^power, set by hand in all units alike."""
    net = _built(1, dtype, **kwargs)
    rows = 1 if net.features == "log" else 2
    for linear in (net.exponent, net.digits, net.sign):
        linear.w.assign(tf.zeros_like(linear.w))
        linear.b.assign(tf.zeros_like(linear.b))
    column = np.zeros(net.exponent.w.shape)
    column[rows - 1] = power
    net.exponent.w.assign(column)
    net.exponent.b.assign(tf.fill(net.exponent.b.shape, tf.cast(np.log2(factor), dtype)))
    column = np.zeros(net.sign.w.shape)
    column[-1] = 1e20
    net.sign.w.assign(column)
    return net


def _numbers(*, sign: bool = True) -> np.ndarray:
    sizes = np.logspace(-30, 30, 601)
    return np.concatenate([-sizes[::-1], sizes] if sign else [sizes])[:, None]


@each_features
@each_squash
def test_formula(features, squash):
    """As it is written: powers of two one by one, in float64."""
    net = _built(3, output_size=2, terms=3, units=4, features=features, squash=squash, scale=5.0)
    x = 10 * np.random.default_rng(1).normal(size=(20, 3))
    logs = [np.log2(np.abs(x)), np.sign(x)]
    f = np.concatenate({"log": logs, "raw": [x], "both": [x, *logs]}[features], axis=1)
    g, inverse = (lambda z, f=function: f(tf.constant(z)).numpy() for function in SQUASHES[squash])

    def form(linear):
        return (f @ linear.w.numpy() + linear.b.numpy()).reshape(20, 2, -1)

    def weights(scores):
        return np.exp(scores.numpy()[:, 0]) / np.exp(scores.numpy()[:, 0]).sum(1, keepdims=True)

    e = 5 * inverse((weights(net.exponent_scores) * g(form(net.exponent) / 5)).sum(axis=2))
    sign = (weights(net.sign_scores) * g(form(net.sign))).sum(axis=2)
    digits = g(form(net.digits))
    terms = sum(digits[:, :, i - 1] * 2 ** (e - i) for i in (1, 2, 3))
    np.testing.assert_allclose(net(x), sign * (2**e + terms), rtol=1e-9)
    parts = net.parts(x)
    np.testing.assert_allclose(parts.sign * parts.mantissa * 2**parts.exponent, net(x), rtol=1e-9)
    assert np.abs(digits).max() > 0.5 and np.abs(sign).max() > 0.2  # nothing of it is idle


@pytest.mark.slow
@pytest.mark.parametrize("terms", [1, 2, 4, 30])
@each_squash
def test_digits_move_the_mantissa_between_its_bounds(terms, squash):
    net = _built(terms=terms, squash=squash, dtype="float32")
    low, high = 2.0**-terms, 2 - 2.0**-terms
    x = tf.constant(_numbers(), tf.float32)
    mantissa = net.parts(x).mantissa
    assert np.all((mantissa >= low) & (mantissa <= high)) and np.ptp(mantissa) > 0.1
    for bias, end in ((-1e30, low), (1e30, high)):
        net.digits.b.assign(tf.fill([terms], bias))
        np.testing.assert_allclose(net.parts(x).mantissa, end, rtol=1e-6)
    net.digits.b.assign(tf.zeros([terms]))
    net.digits.w.assign(tf.zeros([2, terms]))
    np.testing.assert_allclose(net.parts(x).mantissa, 1, rtol=1e-6)


@pytest.mark.slow
def test_each_digit_weighs_half_of_the_one_before():
    net = _built(terms=5)
    net.digits.w.assign(tf.zeros_like(net.digits.w))
    x = tf.constant([[3.0]], tf.float64)

    def mantissa(i, bias):
        net.digits.b.assign(bias * tf.one_hot(i, 5, dtype=tf.float64))
        return float(net.parts(x).mantissa[0, 0])

    spans = [mantissa(i, 1e30) - mantissa(i, -1e30) for i in range(5)]
    np.testing.assert_allclose(spans, [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16], rtol=1e-12)


@each_squash
def test_the_exponent_stays_in_the_range_of_its_units(squash):
    net = _built(squash=squash, dtype="float32", units=3)
    x = tf.constant(_numbers(), tf.float32)
    features = tf.concat(net._features(x), axis=1)
    units = np.clip(net.exponent(features), -126, 126)
    exponent = net.parts(x).exponent[:, 0]
    assert np.all((exponent >= units.min(axis=1)) & (exponent <= units.max(axis=1)))
    assert np.ptp(exponent) > 1 and np.any(units.min(axis=1) < units.max(axis=1) - 1)


@pytest.mark.slow
@pytest.mark.parametrize("dtype, limit", [("float32", 126), ("float64", 1022), ("float16", 14)])
@each_squash
def test_exponents_are_cut_where_it_is_said(dtype, limit, squash):
    net = _built(dtype=dtype, squash=squash, scale=1000.0 if limit > 126 else 32.0)
    net.exponent.w.assign(tf.zeros_like(net.exponent.w))
    x = tf.ones([1, 1], dtype)
    for bias in (-2 * limit, 2 * limit):
        net.exponent.b.assign(tf.fill(net.exponent.b.shape, tf.cast(bias, dtype)))
        exponent = float(net.parts(x).exponent[0, 0])
        assert abs(exponent) <= limit and exponent * bias > 0
        assert abs(exponent) == pytest.approx(limit, rel=0.05 if limit == 14 else 1e-3)
        assert np.all(np.isfinite(net(x)))
        with tf.GradientTape() as tape:
            exponents = net.parts(x).exponent
        assert not np.any(tape.gradient(exponents, net.exponent.b))


@pytest.mark.slow
@pytest.mark.parametrize("dtype, rtol", [("float32", 1e-3), ("float64", 1e-11)])
@pytest.mark.parametrize("power, factor", [(1, 2.0), (-1, 1.0), (0.5, 3.0), (-0.9, 1e3)])
@each_squash
def test_a_power_law_over_sixty_decades(power, factor, squash, dtype, rtol):
    """Units alike make e linear in log |x| at any distance."""
    net, x = _law(power, factor, dtype, squash=squash), tf.constant(_numbers(), dtype)
    y = factor * np.sign(_numbers()) * np.abs(_numbers()) ** power
    np.testing.assert_allclose(net(x), y, rtol=rtol)


def test_units_that_differ_bend_the_exponent():
    net, x = _law(1, 2.0, "float64"), tf.constant([[1e-8], [1.0], [1e8]], tf.float64)

    def bend():
        low, middle, high = net.parts(x).exponent.numpy()[:, 0]
        return abs(low + high - 2 * middle)

    assert bend() < 1e-12
    net.exponent.w.assign_add(tf.constant([[3.0] + 7 * [0.0], 8 * [0.0]], tf.float64))
    assert bend() > 0.01
    assert net.penalties()["spread"] > 1


@pytest.mark.slow
@each_features
@each_squash
@pytest.mark.parametrize("seed", [0, 1])
def test_outputs_and_gradients_are_finite(features, squash, seed):
    net = _built(2, "float32", seed, output_size=2, features=features, squash=squash)
    grid = _numbers()
    x = tf.constant(np.concatenate([grid, grid[::-1] * np.roll(np.sign(grid), 3)], 1), tf.float32)
    x = tf.concat([x, [[0.0, 1.0], [0.0, 0.0], [1e38, -1e-38]]], axis=0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = net(x)
    assert np.all(np.isfinite(y))
    for gradient in tape.gradient(y, [x, *net.trainable_variables]):
        assert np.all(np.isfinite(gradient))


@pytest.mark.slow
@pytest.mark.parametrize("power", [1.0, -1.0, 0.5])
def test_slopes_in_the_weights_of_log_features_are_finite(power):
    """With exponents in their range at all x; where x is a feature, its weights' are not."""

    def finite(features):
        net = _law(power, 1.0, features=features)
        net.sign.w.assign(tf.zeros_like(net.sign.w))
        net.sign.b.assign(tf.ones_like(net.sign.b))

        @tf.function(autograph=False)
        def output_and_gradients(x):
            with tf.GradientTape() as tape:
                y = net(x)
            return y, tape.gradient(y, net.trainable_variables)

        results = []
        for x in tf.constant(_numbers()[::50], tf.float32)[:, None]:
            y, gradients = output_and_gradients(x)
            assert np.isfinite(y)
            results.append(all(np.all(np.isfinite(gradient)) for gradient in gradients))
        return results

    assert all(finite("log"))
    assert all(finite("both")) == (power < 0)


@pytest.mark.slow
@pytest.mark.parametrize("power", [1.0, -1.0, -0.5])
@pytest.mark.parametrize("features", ["log", "both"])
def test_numbers_of_all_sizes_have_right_slopes(power, features):
    net, grid = _law(power, 1.0, features=features), _numbers(sign=False)
    x = tf.constant(grid, tf.float32)
    outputs, (slopes,) = net(x), helpers.gradients(net, x)
    assert np.all(np.isfinite(outputs)) and np.all(np.isfinite(slopes))
    expected = np.clip(power * grid ** (power - 1), -np.finfo("f4").max, np.finfo("f4").max)
    ordinary = (np.abs(expected) > 1e-35) & (grid > 1.01e-30)
    np.testing.assert_allclose(slopes.numpy()[ordinary], expected[ordinary], rtol=2e-3)
    assert np.any(expected == -np.finfo("f4").max) == (power < 0)
    # At the floor the logarithm is constant.
    (slope,) = helpers.gradients(net, tf.constant([[0.0], [1e-31], [-1e-31]]))
    assert not np.any(slope)


def test_zero_counts_as_the_floor_and_has_sign_0():
    net = _law(1, 2.0, floor=1e-3)
    y = net(tf.constant([[0.0], [1e-3], [5e-4], [-5e-4]])).numpy()[:, 0]
    np.testing.assert_allclose(y, [0, 2e-3, 2e-3, -2e-3], rtol=1e-4)
    np.testing.assert_array_equal(net.parts(tf.zeros([1, 1])).sign, 0)


@pytest.mark.slow
def test_at_the_floor_the_slope_is_0():
    net = _law(1, 2.0, floor=0.5)
    above = np.nextafter(0.5, 1, dtype="f4")
    (slopes,) = helpers.gradients(net, tf.constant([[0.5], [above]]))
    assert slopes[0, 0] == 0 and float(slopes[1, 0]) == pytest.approx(2, rel=1e-3)


def test_what_half_precision_does_not_hold():
    x = tf.ones([2, 1], tf.float16)
    with pytest.raises(ValueError, match="^floor must be at most 65504 for float16 inputs, got 1"):
        UniversalRegressor(floor=1e5)(x)
    with pytest.raises(ValueError, match="^scale must be in .* for float16, got 1"):
        UniversalRegressor(scale=1e5)(x)
    assert np.all(np.isfinite(UniversalRegressor(floor=1e5, features="raw")(x)))


def test_the_sign_is_soft_and_goes_through_0():
    net = _built(features="raw")
    net.sign.w.assign(tf.ones([1, 8], tf.float64))
    net.sign.b.assign(-2 * tf.ones([8], tf.float64))
    x = tf.constant([[1.0], [2.0], [3.0]], tf.float64)
    assert np.sign(net(x)[:, 0]).tolist() == [-1, 0, 1]
    signs = net.parts(tf.constant(np.linspace(-50, 50, 101)[:, None])).sign
    assert np.all(np.abs(signs) < 1) and np.max(signs) > 0.99 and np.min(signs) < -0.99


@pytest.mark.slow
@each_features
def test_most_outputs_start_positive(features):
    x = np.random.default_rng(0).lognormal(size=(50, 4)).astype("float32")
    starts = [UniversalRegressor(features=features)(x).numpy() for _ in range(40)]
    assert np.mean(np.array(starts) > 0) > 0.6


def test_outputs_have_their_own_weights():
    net = _built(2, output_size=3)
    x = tf.constant(np.random.default_rng(0).lognormal(size=(20, 2)))
    before = net(x).numpy()
    units = np.ones(24)
    units[8:16] = 1.1  # of the second output
    net.exponent.w.assign(net.exponent.w * units)
    changed = np.any(net(x) != before, axis=0)
    assert changed.tolist() == [False, True, False]


@pytest.mark.slow
def test_penalties():
    net = _built(2, output_size=2, terms=3, units=4, features="both")
    penalties = {name: float(value) for name, value in net.penalties().items()}
    assert penalties["digits"] == pytest.approx(np.sum(net.digits.w.numpy() ** 2))
    units = np.concatenate([net.exponent.w.numpy(), net.exponent.b.numpy()[None]])
    spread = units.reshape(7, 2, 4).var(axis=2).sum() * 4
    assert penalties["spread"] == pytest.approx(spread)
    assert penalties["sign"] == pytest.approx(np.sum(net.sign.w.numpy()[:4] ** 2))
    assert len(penalties) == 3
    raw = _built(2, features="raw")
    assert float(raw.penalties()["sign"]) == pytest.approx(np.sum(raw.sign.w.numpy() ** 2))


@pytest.mark.parametrize("features", ["log", "both"])
def test_penalties_do_not_touch_a_power_law(features):
    net = _law(-1.7, 3.0, features=features)
    assert [float(p) for p in net.penalties().values()] == [0, 0, 0]
    net.digits.w.assign_add(0.1 * tf.ones_like(net.digits.w))
    assert net.penalties()["digits"] > 0


def test_penalties_before_the_first_call():
    with pytest.raises(ValueError, match="must be called once before its penalties exist$"):
        UniversalRegressor().penalties()


@pytest.mark.slow
def test_the_law_learned_on_1_to_10_holds_far_outside():
    """y = 2x, of both signs; without penalties, digits and sign carry a part of the slope."""
    tf.random.set_seed(3)
    net = UniversalRegressor(terms=2, units=4)
    sizes = np.random.default_rng(3).uniform(1, 10, [128, 1])
    x = tf.constant(sizes * np.where(np.arange(128) % 2, 1, -1)[:, None], tf.float32)
    net(x)
    variables = net.trainable_variables
    optimizer = Adam(tf.Variable(0.03, trainable=False), 0.9, 0.98)
    optimizer._initialize(variables)

    @tf.function(jit_compile=True, autograph=False)
    def train(penalised):
        def step(i):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(net(x) / (2 * x) - 1))
                loss += 0.1 * penalised * sum(net.penalties().values())
            optimizer.learning_rate.assign(scheduled("cosine", 0.03, i, 4000, 0))
            optimizer.apply(tape.gradient(loss, variables), variables)
            return i + 1

        tf.while_loop(lambda i: i < 4000, step, [tf.constant(0)])

    tested = np.logspace(-2, 3, 101)[:, None]
    tested = np.concatenate([-tested, tested]).astype("float32")
    start = [(v, v.numpy()) for v in (*variables, *optimizer.variables)]
    worst = {}
    for penalised in (True, False):
        for variable, value in start:
            variable.assign(value)
        train(tf.constant(penalised, tf.float32))
        worst[penalised] = np.abs(net(tf.constant(tested)) / (2 * tested) - 1).max()
    assert worst[True] < 0.01 and worst[False] > 0.05, worst


@pytest.mark.slow
@each_features
@each_squash
def test_a_nan_is_not_hidden(features, squash):
    net = _built(2, features=features, squash=squash)
    rows = tf.constant([[np.nan, 1.0], [2.0, 1.0], [np.inf, 1.0], [1.0, -np.inf]], tf.float64)
    for y in (net(rows), tf.function(net, jit_compile=True, autograph=False)(rows)):
        assert np.isnan(y[:, 0]).tolist() == [True, False, True, True]


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True])
def test_compiled_with_an_unknown_batch(jit):
    net = _built(2, output_size=2)
    spec = tf.TensorSpec([None, 2], tf.float64)
    compiled = tf.function(net, input_signature=[spec], jit_compile=jit, autograph=False)
    for batch in (1, 5):
        x = np.random.default_rng(batch).normal(size=(batch, 2))
        np.testing.assert_allclose(compiled(x), net(x), rtol=1e-9)


@pytest.mark.parametrize(
    "inputs, message",
    [
        (tf.ones([3]), r"^UniversalRegressor inputs must be \[batch, features\], got shape \(3,\)"),
        (tf.ones([3, 1, 1]), r"^UniversalRegressor inputs must be \[batch, features\], got shape"),
        (tf.ones([3, 1], tf.int32), "^UniversalRegressor inputs must be of a floating .* int32$"),
        (tf.ones([3, 0]), "^UniversalRegressor inputs must have a static number of features"),
        (tf.ones([3, 2]), "^UniversalRegressor inputs must have 1 features as at the first call"),
        (tf.ones([3, 1], tf.float64), "^UniversalRegressor inputs must be float32 as at the first"),
        ("three", "^UniversalRegressor inputs must be of a floating type"),
    ],
)
def test_bad_inputs(inputs, message):
    net = _built(dtype="float32")
    with pytest.raises(ValueError, match=message):
        net(inputs)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"terms": 0}, "^terms must be an integer >= 1, got 0$"),
        ({"terms": 2.0}, "^terms must be an integer >= 1, got 2.0$"),
        ({"units": 0}, "^units must be an integer >= 1, got 0$"),
        ({"output_size": 0}, "^output_size must be an integer >= 1, got 0$"),
        ({"features": "exp"}, r"^features must be one of \['log', 'raw', 'both'\], got 'exp'$"),
        ({"squash": None}, r"^squash must be one of \['tanh', .*\], got None$"),
        ({"scale": -1}, "^scale must be a finite number > 0, got -1$"),
        ({"floor": 0}, r"^floor must be a number in \[1e-30, 1e\+30\], got 0$"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        UniversalRegressor(**kwargs)


def test_it_is_no_classifier():
    assert UniversalRegressor not in NETWORKS.values()
