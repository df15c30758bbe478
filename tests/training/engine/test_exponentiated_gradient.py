"""EG+-: its formula, what it shares with parameters that activate themselves, and resuming."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.integrate import solve_ivp

import weirdonetworks as wn
from training.data import Split
from training.engine.exponentiated_gradient import ExponentiatedGradient
from training.engine.loop import Loop
from training.engine.recipes import Recipe
from weirdonetworks.functional import PARAMETER_ACTIVATIONS

GENERATOR = np.random.default_rng(0)
WEIGHTS = GENERATOR.normal(size=(6, 4)) * 10.0 ** GENERATOR.uniform(-5, 1, (6, 4))
GRADIENTS = GENERATOR.normal(size=(5, 6, 4))  # of five steps
RATE, MASS = 0.3, 60.0


def parts_with_mass(w: np.ndarray, mass: float) -> np.ndarray:
    """w+ and w-, whose sum over each column is `mass`, by bisection for beta."""
    low, high = np.zeros(w.shape[1]), np.full(w.shape[1], mass)
    for _ in range(200):
        beta = (low + high) / 2
        below = np.sqrt(w**2 + 4 * beta**2).sum(axis=0) < mass
        low, high = np.where(below, beta, low), np.where(below, high, beta)
    s = np.sqrt(w**2 + 4 * beta**2)
    return np.stack([s + w, s - w]) / 2


def by_parts(w: np.ndarray, beta: float | None, mass: float | None) -> np.ndarray:
    """Kivinen and Warmuth's algorithm with both parts, step by step."""
    s = np.sqrt(w**2 + 4 * beta**2) if beta else None
    plus, minus = parts_with_mass(w, mass) if mass else ((s + w) / 2, (s - w) / 2)
    for g in GRADIENTS:
        plus, minus = plus * np.exp(-RATE * g), minus * np.exp(RATE * g)
        if mass:
            factor = mass / (plus + minus).sum(axis=0)
            plus, minus = plus * factor, minus * factor
    return plus - minus


def run(optimizer, w=WEIGHTS, gradients=GRADIENTS, dtype=np.float64) -> np.ndarray:
    variable = tf.Variable(w.astype(dtype))
    for g in gradients:
        optimizer.apply([tf.constant(g.astype(dtype))], [variable])
    return variable.numpy()


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-9), (np.float32, 1e-5)])
@pytest.mark.parametrize("settings", [{"beta": 0.1}, {"beta": 10.0}, {"total_mass": MASS}])
def test_the_parts_need_not_be_kept(settings, dtype, tolerance):
    """What is computed from w and beta is what the algorithm on both parts gives."""
    found = run(ExponentiatedGradient(RATE, **settings), dtype=dtype)
    expected = by_parts(WEIGHTS, settings.get("beta"), settings.get("total_mass"))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    other = by_parts(WEIGHTS, 1.0, None)
    assert not np.allclose(found, other, rtol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"beta": 1e-3}, {"total_mass": MASS}, {"total_mass": 1e5}])
def test_the_first_weights_are_those_that_were_there(settings):
    found = run(ExponentiatedGradient(RATE, **settings), gradients=np.zeros((50, 6, 4)))
    tolerance = 1e-14 * settings.get("total_mass", 1)  # of differences of numbers of this size
    np.testing.assert_allclose(found, WEIGHTS, rtol=1e-10, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mass_is_kept(dtype):
    optimizer = ExponentiatedGradient(RATE, total_mass=MASS)
    w = run(optimizer, gradients=[*GRADIENTS] * 20, dtype=dtype)
    twice = 2 * np.exp(optimizer.log_beta[0])
    np.testing.assert_allclose(np.sqrt(w**2 + twice**2).sum(axis=0), MASS, rtol=1e-4)
    free = run(ExponentiatedGradient(RATE, beta=1.0), gradients=[*GRADIENTS] * 20)
    assert np.abs(free).sum(axis=0).max() > 10 * MASS


@pytest.mark.slow
def test_a_mass_of_exactly_more_than_the_weights():
    """Also where beta is nearly 0, and for a column of zeros."""
    w = np.array([[1.0, 0.0], [-2.0, 0.0]])
    for mass in (3 + 1e-6, 3.5, 1e6):
        found = run(ExponentiatedGradient(RATE, total_mass=mass), w, np.zeros((1, 2, 2)))
        np.testing.assert_allclose(found, w, rtol=1e-9, atol=1e-9)


def test_biases_are_free():
    optimizer = ExponentiatedGradient(RATE, beta=0.1, total_mass=MASS)
    found = run(optimizer, WEIGHTS[0], GRADIENTS[:, 0])
    expected = run(ExponentiatedGradient(RATE, beta=0.1), WEIGHTS[0], GRADIENTS[:, 0])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("beta, like", [(1e4, "additive"), (1e-9, "multiplicative")])
def test_both_ends_of_beta(beta, like):
    """Far below beta it is SGD with the rate 2 beta rate, far above it a step is a factor."""
    w = np.array([-0.5, 0.1, 2.0])
    g = np.array([1.0, -1.0, 0.5])
    rate = 0.1 / (2 * beta) if like == "additive" else 0.1
    found = run(ExponentiatedGradient(rate, beta=beta), w, [g])
    ends = {"additive": w - 0.1 * g, "multiplicative": w * np.exp(-0.1 * np.sign(w) * g)}
    np.testing.assert_allclose(found, ends.pop(like), rtol=1e-4)
    assert not np.allclose(found, *ends.values(), rtol=1e-2)


# What a step on W is for A = phi(W). Positive weights, and gradients dL/dA.
A = np.array([0.2, 0.5, 1.0, 1.5, 3.0])
SLOPES = np.array([1.0, -0.7, 0.4, -1.2, 0.9])


def descend(phi: str, rate: float, a=A) -> np.ndarray:
    """A after one step of gradient descent on W, by TensorFlow's gradient."""
    activation = PARAMETER_ACTIVATIONS[phi]
    w = tf.Variable(activation.inverse(tf.constant(a)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(SLOPES * activation.forward(w))
    w.assign_sub(rate * tape.gradient(loss, w))
    return activation.forward(w).numpy()


def exponentiate(rate: float, a=A) -> np.ndarray:
    """A after one step of EGU: w- is so small that w+ is all there is."""
    return run(ExponentiatedGradient(rate, beta=1e-30), a, [SLOPES])


def shrinkage(difference) -> float:
    """How many times a difference at some rate is that at half of it: 4 for O(rate^2)."""
    return np.abs(difference(1e-3)).max() / np.abs(difference(5e-4)).max()


def test_a_step_of_the_effective_gradient_on_the_logarithm_is_egu_exactly():
    for rate in (0.01, 1.0, 10.0):
        w = tf.Variable(np.log(A))
        w.assign_sub(rate * tf.constant(SLOPES, tf.float64))  # dL/dA, no chain rule
        np.testing.assert_allclose(np.exp(w), exponentiate(rate), rtol=1e-12)
    assert not np.allclose(descend("exp", 1.0), exponentiate(1.0), rtol=1e-2)


def test_gradient_descent_through_exp_is_egu_with_a_rate_for_each_weight():
    for rate in (0.01, 1.0):
        expected = [exponentiate(rate * a)[i] for i, a in enumerate(A)]
        np.testing.assert_allclose(descend("exp", rate), expected, rtol=1e-12)


def test_gradient_descent_through_exp_is_mirror_descent_with_burgs_entropy_to_first_order():
    """1 / A <- 1 / A + rate g, and with one rate for all it is no EGU, not to first order."""
    burg = lambda rate: A / (1 + rate * A * SLOPES)  # noqa: E731
    assert shrinkage(lambda rate: descend("exp", rate) - burg(rate)) == pytest.approx(4, abs=0.05)
    for factor in (0.5, 1.0, 2.0, 4.0):
        gap = lambda rate: descend("exp", rate) - exponentiate(factor * rate)  # noqa: B023, E731
        assert shrinkage(gap) == pytest.approx(2, abs=0.05)


def test_where_all_weights_are_equal_a_step_through_exp_is_egu():
    a = np.full(5, 1.7)
    np.testing.assert_allclose(descend("exp", 0.1, a), exponentiate(0.17, a), rtol=1e-12)


@pytest.mark.parametrize("phi", PARAMETER_ACTIVATIONS)
def test_square_alone_agrees_with_egu_to_first_order(phi):
    """At four times the rate; any other map does not, at the rate that fits it best."""

    a = 1 + A if phi == "exp_exp" else A  # of its range

    def gap(rate):
        moved = (descend(phi, 1e-7, a) - a) / 1e-7
        wanted = (exponentiate(1e-7, a) - a) / 1e-7
        factor = 4 if phi == "square" else moved @ wanted / (wanted @ wanted)
        return descend(phi, rate, a) - exponentiate(factor * rate, a)

    assert shrinkage(gap) == pytest.approx(4 if phi == "square" else 2, abs=0.05)


# Gradient flows on a least-squares problem of three weights.
X = np.random.default_rng(1).uniform(size=(5, 3))
TARGET = np.array([1.5, 0.3, 0.05])
START = np.array([0.2, 0.9, 0.4])


def effective_gradient(a: np.ndarray) -> np.ndarray:
    return X.T @ (X @ a - X @ TARGET) / len(X)


def flow(velocity, start, points=41) -> np.ndarray:
    times = np.linspace(0, 20, points)
    options = {"method": "DOP853", "rtol": 1e-11, "atol": 1e-13}
    return solve_ivp(velocity, (0, 20), start, t_eval=times, **options).y


def egu_flow(points: int) -> np.ndarray:
    return flow(lambda _, a: -4 * a * effective_gradient(a), START, points)


EGU_FLOW = egu_flow(41)


def test_gradient_flow_on_the_root_is_the_flow_of_egu():
    """Amid and Warmuth 2020, by trajectories: each at its own speed, 2 u from the chain rule."""
    u = flow(lambda _, u: -2 * u * effective_gradient(u**2), np.sqrt(START))
    np.testing.assert_allclose(u**2, EGU_FLOW, rtol=1e-8)
    assert np.abs(EGU_FLOW[:, -1] - START).max() > 0.5


@pytest.mark.slow
def test_the_optimizer_follows_that_flow():
    def error(steps):
        optimizer = ExponentiatedGradient(4 * 20 / steps, beta=1e-30)
        variable = tf.Variable(START)
        for _ in range(steps):
            optimizer.apply([tf.constant(effective_gradient(variable.numpy()))], [variable])
        return np.abs(variable.numpy() - EGU_FLOW[:, -1]).max()

    assert error(400) < 0.01
    assert error(200) / error(400) == pytest.approx(2, abs=0.2)  # Euler's method


@pytest.mark.parametrize(
    "forward, slope, inverse",
    [
        (lambda u: u**4, lambda u: 4 * u**3, lambda a: a**0.25),
        (np.exp, np.exp, np.log),
        (lambda u: u, np.ones_like, lambda a: a),
    ],
    ids=["fourth power", "exp", "identity"],
)
def test_other_flows_take_other_ways(forward, slope, inverse):
    """And no clock makes them the same: the flow of EGU never passes some of their points."""
    w = flow(lambda _, w: -slope(w) * effective_gradient(forward(w)), inverse(START))
    way = egu_flow(4001)

    def distance(trajectory):
        return np.abs(trajectory[:, :, None] - way[:, None, :]).max(axis=0).min(axis=1).max()

    assert distance(forward(w)) > 0.02
    assert distance(egu_flow(77)) < 0.002


def test_exp_flows_as_mirror_descent_with_burgs_entropy():
    w = flow(lambda _, w: -np.exp(w) * effective_gradient(np.exp(w)), np.log(START))
    burg = flow(lambda _, a: -(a**2) * effective_gradient(a), START)
    np.testing.assert_allclose(np.exp(w), burg, rtol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"total_mass": MASS}])
def test_large_gradients_do_not_overflow(settings):
    gradients = 1e20 * np.sign(GRADIENTS)
    found = run(ExponentiatedGradient(1.0, beta=1e-8, **settings), WEIGHTS, gradients[:1])
    assert np.isfinite(found).all()
    single = run(
        ExponentiatedGradient(1.0, beta=1e-8, **settings), WEIGHTS, gradients[:1], np.float32
    )
    assert not np.isnan(single).any()
    if settings:
        assert np.abs(single).sum(axis=0).max() <= MASS * 1.001


def mass_of(w: np.ndarray, log_beta: tf.Variable) -> np.ndarray:
    return np.sqrt(w.astype(float) ** 2 + 4 * np.exp(2 * log_beta.numpy().astype(float))).sum(
        axis=0
    )


def looped(optimizer: ExponentiatedGradient, w: tf.Variable, gradient):
    """Many steps in one compiled call."""
    optimizer._initialize([w])

    @tf.function(jit_compile=True, autograph=False)
    def descend(steps, *arguments):
        def one_step(i):
            optimizer.apply([gradient(*arguments)], [w])
            return [i + 1]

        tf.while_loop(lambda i: i < steps, one_step, [0])

    return lambda steps, *arguments: descend(tf.constant(steps), *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("dtype, rate", [(np.float32, 0.5), (np.float64, 1.0)])
def test_a_target_that_asks_for_more_mass_gets_all_there_is(dtype, rate):
    """For thousands of steps, with parts that underflow; the best of a mass of 1 stays."""
    x = np.random.default_rng(0).normal(size=(50, 2)).astype(dtype)
    y = x @ np.array([[2.0], [0.0]], dtype)
    # With a constant sum of w+ and w-, the best is w = (1, 0) if its slope there is the steepest.
    slopes = x.T @ (x @ np.array([[1.0], [0.0]], dtype) - y)
    assert -slopes[0] > abs(slopes[1])
    w = tf.Variable(np.full((2, 1), 0.1, dtype))
    optimizer = ExponentiatedGradient(rate, total_mass=1.0)
    descend = looped(
        optimizer, w, lambda: tf.matmul(x, tf.matmul(x, w) - y, transpose_a=True) / len(x)
    )
    for steps in (150, 200, 500, 4000):
        descend(steps)
        np.testing.assert_allclose(mass_of(w.numpy(), optimizer.log_beta[0]), 1, rtol=1e-5)
    np.testing.assert_allclose(w, [[1], [0]], atol=1e-6)
    least = {np.float32: 1.3e-29, np.float64: 6.4e-232}[dtype]
    np.testing.assert_allclose(np.exp(optimizer.log_beta[0]), least, rtol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("dtype, steps", [(np.float32, 150), (np.float64, 700)])
def test_weights_without_mass_come_back(dtype, steps):
    """When the other one is asked for, and not later because they were without it for longer."""
    w = tf.Variable(np.full((2, 1), 0.5, dtype))
    optimizer = ExponentiatedGradient(1.0, total_mass=1.5)
    descend = looped(optimizer, w, lambda g: g)
    first, second = (tf.constant(g, dtype) for g in ([[-1], [0]], [[0], [-1]]))
    for g, expected in ((first, [[1.5], [0]]), (second, [[0], [1.5]]), (first, [[1.5], [0]])):
        descend(3000, g)
        np.testing.assert_allclose(w, expected, rtol=1e-5, atol=1e-6)
    descend(steps, second)
    np.testing.assert_allclose(w, [[0], [1.5]], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("dtype, mass", [(np.float32, 1e30), (np.float32, 1e-30), (float, 1e-200)])
def test_any_mass_is_kept(dtype, mass):
    """Also where squares overflow or underflow; in such units it is the same algorithm."""
    w = (WEIGHTS * mass / 100).astype(dtype)
    optimizer = ExponentiatedGradient(RATE, total_mass=mass)
    found = run(optimizer, w, dtype=dtype)
    tolerance = 1e-9 if dtype is float else 1e-4
    expected = by_parts(w.astype(float) / mass * 100, None, 100.0)
    np.testing.assert_allclose(found / mass * 100, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", [1e-36, 1e-20, 1e-6, 1.0, 1e20, 1e36])
def test_any_weights_and_beta_make_a_finite_step(beta, dtype):
    """Where squares overflow or underflow too: the step is the formula in double precision."""
    sizes = np.array([0, 1e-30, 1e-20, 1e-10, 1, 1e10, 1e20, 1e30])
    w = np.concatenate([-sizes, sizes]).astype(dtype)
    g = np.ones_like(w)
    found = run(ExponentiatedGradient(0.1, beta=beta), w, [g], dtype)
    s = np.hypot(w.astype(float), 2 * beta)
    larger = (s + np.abs(w)) / 2
    parts = larger, beta * (beta / larger)
    plus, minus = np.where(w >= 0, parts, parts[::-1])
    expected = plus * np.exp(-0.1) - minus * np.exp(0.1)
    tolerance = {np.float32: 1e-6, np.float64: 1e-13}[dtype]
    assert np.isfinite(found).all()
    # To rounding of the parts, of which w is the difference.
    assert np.all(np.abs(found - expected) <= tolerance * larger)
    assert np.all(found < w)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precision_makes_the_step_of_double(dtype):
    w = np.array([0.5, 1.9, 2.1, -3.0, 100.0, -0.004, 0.0, 3e4])
    found, expected = (tf.Variable(tf.constant(w, kind)) for kind in (dtype, tf.float64))
    for variable in (found, expected):
        g = tf.constant(0.1, variable.dtype) * tf.ones_like(variable)
        ExponentiatedGradient(0.1, beta=0.01).apply([g], [variable])
    rtol = {tf.float16: 2e-3, tf.bfloat16: 2e-2}[dtype]
    np.testing.assert_allclose(tf.cast(found, tf.float64), expected, rtol=rtol, atol=3e-4)


@pytest.mark.slow
def test_a_checkpoint_restored_before_the_first_call_keeps_its_beta(tmp_path):
    def new():
        w = tf.Variable(np.arange(6.0).reshape(3, 2) / 20)
        return w, ExponentiatedGradient(0.1, total_mass=3.0)

    w, optimizer = new()
    optimizer.apply([tf.ones_like(w)], [w])
    optimizer.log_beta[0].assign([[-2.0, -3.0]])
    path = tf.train.Checkpoint(w=w, optimizer=optimizer).save(str(tmp_path / "checkpoint"))
    w, optimizer = new()
    tf.train.Checkpoint(w=w, optimizer=optimizer).restore(path)
    optimizer.apply([None], [w])
    np.testing.assert_array_equal(optimizer.log_beta[0], [[-2, -3]])


def test_zero_weights_move_at_a_small_beta():
    """By 2 beta sinh(rate g), as at any other beta."""
    found = run(ExponentiatedGradient(0.1, beta=1e-20), np.zeros(1), [np.ones(1)], np.float32)
    np.testing.assert_allclose(found, -2e-20 * np.sinh(0.1), rtol=1e-6)


def test_gradients_that_are_no_numbers_are_not_hidden():
    found = run(ExponentiatedGradient(1.0), np.ones(2), [np.array([np.nan, 1.0])])
    assert np.isnan(found[0]) and np.isfinite(found[1])


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"total_mass": MASS}])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_is_eager(settings, jit_compile):
    eager = run(ExponentiatedGradient(RATE, **settings))
    optimizer, variable = ExponentiatedGradient(RATE, **settings), tf.Variable(WEIGHTS)
    optimizer._initialize([variable])
    step = tf.function(lambda g: optimizer.apply([g], [variable]), jit_compile=jit_compile)
    for g in GRADIENTS:
        step(tf.constant(g))
    np.testing.assert_allclose(variable, eager, rtol=1e-10)


@pytest.mark.slow
def test_parameters_without_an_update_stay():
    first, second = tf.Variable(WEIGHTS), tf.Variable(WEIGHTS)
    optimizer = ExponentiatedGradient(RATE, total_mass=MASS)
    optimizer.apply([None, tf.constant(GRADIENTS[0])], [first, second])
    np.testing.assert_array_equal(first, WEIGHTS)
    expected = run(ExponentiatedGradient(RATE, total_mass=MASS), gradients=GRADIENTS[:1])
    np.testing.assert_allclose(second, expected, rtol=1e-12)


def new_loop(**settings) -> Loop:
    generator = np.random.default_rng(3)
    images = generator.integers(0, 256, (40, 4, 4, 1)).astype(np.uint8)
    split = Split(images, generator.integers(0, 3, 40).astype(np.int32))
    tf.random.set_seed(0)
    network = wn.create_network("mlp", num_classes=3, hidden_sizes=(5,), dropout=0.3)
    return Loop(network, split, Recipe(epochs=3, batch_size=8, optimizer="eg", **settings))


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_training_goes_on_from_a_checkpoint_to_the_same_bits(tmp_path):
    loop = new_loop(learning_rate=0.5, weight_decay=0.01)
    first = loop.run_epoch()
    saved = loop.checkpoint.save(str(tmp_path / "ckpt"))
    losses = [first.loss, *(loop.run_epoch().loss for _ in range(2))]
    assert losses[2] < losses[0]
    again = new_loop(learning_rate=0.5, weight_decay=0.01)
    again.checkpoint.restore(saved).assert_consumed()
    assert [again.run_epoch().loss for _ in range(2)] == losses[1:]
    for ours, theirs in zip(again.network.variables, loop.network.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_the_factors_of_the_mass_are_in_the_checkpoint(tmp_path):
    def fresh():
        variable, optimizer = tf.Variable(WEIGHTS), ExponentiatedGradient(RATE, total_mass=MASS)
        optimizer._initialize([variable])
        return variable, optimizer, tf.train.Checkpoint(w=variable, optimizer=optimizer)

    variable, optimizer, checkpoint = fresh()
    optimizer.apply([tf.constant(GRADIENTS[0])], [variable])
    saved = checkpoint.save(str(tmp_path / "ckpt"))
    optimizer.apply([tf.constant(GRADIENTS[1])], [variable])
    restored, again, checkpoint = fresh()
    checkpoint.restore(saved).assert_consumed()
    again.apply([tf.constant(GRADIENTS[1])], [restored])
    np.testing.assert_array_equal(restored, variable)
    forgetful, other, _ = fresh()  # the right weights, but the first beta
    other.apply([tf.constant(GRADIENTS[1])], [forgetful])
    assert not np.allclose(forgetful, variable)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"learning_rate": 0.0}, r"^learning_rate must be a finite number > 0, got 0.0$"),
        ({"beta": 0}, r"^beta must be a finite number > 0, got 0$"),
        ({"beta": float("inf")}, r"^beta must be a finite number > 0, got inf$"),
        ({"total_mass": -1.0}, r"^total_mass must be a finite number > 0, got -1.0$"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        ExponentiatedGradient(**{"learning_rate": 0.1, **settings})


def test_a_mass_that_is_too_small():
    message = r"^total_mass must exceed the sum of .* each unit, got 3.0 and a sum of 3$"
    optimizer = ExponentiatedGradient(0.1, total_mass=3.0)
    with pytest.raises(ValueError, match=message):
        optimizer.apply([tf.ones([2, 2])], [tf.Variable([[1.0, 0.0], [-2.0, 1.0]])])


def test_updates_that_are_too_few():
    message = r"^updates must be as many as the 2 parameters, got 1$"
    with pytest.raises(ValueError, match=message):
        ExponentiatedGradient(0.1).apply([tf.ones(2)], [tf.Variable([1.0, 2.0])] * 2)


def test_updates_of_another_type():
    optimizer, w = ExponentiatedGradient(0.1), tf.Variable([1.0])
    with pytest.raises(ValueError, match=r"^updates must have the types .* float64 for float32$"):
        optimizer.apply([tf.constant([1.0], tf.float64)], [w])
    assert w.numpy() == [1.0]


def new_weights(*values: float) -> tf.Variable:
    return tf.Variable([[value] for value in values])


@pytest.mark.slow
def test_with_a_mass_parameters_stay_those_of_the_first_call():
    a, b = new_weights(0.1, 0.2), new_weights(0.3, 0.1)
    g = tf.ones([2, 1])
    optimizer = ExponentiatedGradient(0.1, total_mass=1.0)
    optimizer.apply([g, g], [a, b])
    before = a.numpy(), b.numpy(), optimizer.log_beta[0].numpy()
    message = r"^parameters must be the 2 of the first call in their order, .* got {}: "
    for others in ([a], [a, b, b], [b, a], [a, new_weights(0.1, 0.1)]):
        with pytest.raises(ValueError, match=message.format(len(others))):
            optimizer.apply([g] * len(others), others)
    np.testing.assert_array_equal([a.numpy(), b.numpy()], before[:2])
    np.testing.assert_array_equal(optimizer.log_beta[0], before[2])
    optimizer.apply([g, None], [a, b])
    assert a.numpy()[0, 0] != before[0][0, 0]


def test_without_a_mass_any_parameters_will_do():
    a, b = tf.Variable([1.0]), tf.Variable([[2.0]])
    optimizer = ExponentiatedGradient(0.1)
    optimizer.apply([tf.ones(1)], [a])
    optimizer.apply([tf.ones([1, 1]), tf.ones(1)], [b, a])
    assert a.numpy() < 0.9 and b.numpy() < 1.9


@pytest.mark.parametrize("settings", [{}, {"total_mass": 1.0}])
def test_the_weights_are_no_variables_of_the_optimizer(settings):
    a = new_weights(0.1, 0.2)
    optimizer = ExponentiatedGradient(tf.Variable(0.1), **settings)
    optimizer.apply([tf.ones([2, 1])], [a])
    assert len(optimizer.variables) == 1 + len(settings)
    assert not any(variable is a for variable in optimizer.variables)


@pytest.mark.parametrize("settings", [{}, {"total_mass": 9.0}])
@pytest.mark.parametrize("shape", [[1], [], [2, 1], [3]])
def test_updates_of_another_shape(shape, settings):
    first, w = tf.Variable([1.0]), tf.Variable([1.0, 2.0])
    message = r"^updates must have the shapes of their parameters, got \(.*\) for \(2,\)$"
    with pytest.raises(ValueError, match=message):
        ExponentiatedGradient(0.1, **settings).apply([tf.ones(1), tf.ones(shape)], [first, w])
    assert first.numpy() == [1.0]  # nor are the others moved


@pytest.mark.parametrize("settings", [{}, {"total_mass": 9.0}])
def test_parameters_that_are_integers(settings):
    message = r"^parameters must be of a floating type, got int32$"
    with pytest.raises(ValueError, match=message):
        ExponentiatedGradient(0.1, **settings).apply([tf.constant([1])], [tf.Variable([1])])


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"beta": 1e-50}, r"^beta must be in \[1.2e-37, 8.5e\+36\] for float32 .* got 1e-50$"),
        ({"beta": 1e40}, r"^beta must be in \[1.2e-37, 8.5e\+36\] for float32 .* got 1e\+40$"),
        ({"total_mass": 1e40}, r"^total_mass must be in .* for float32 parameters, got 1e\+40$"),
    ],
)
def test_numbers_that_the_type_does_not_have(settings, message):
    for w in (tf.Variable([0.0]), new_weights(0.0)):
        with pytest.raises(ValueError, match=message):
            ExponentiatedGradient(0.1, **settings).apply([tf.ones(w.shape)], [w])
    double = tf.Variable([[0.0]], dtype=tf.float64)
    ExponentiatedGradient(0.1, **settings).apply([tf.ones([1, 1], tf.float64)], [double])
    assert np.isfinite(double) and double.numpy() < 0


def test_a_mass_that_the_type_rounds_to_the_sum_of_the_weights():
    message = r"^total_mass must exceed the sum of .* each unit, got 3.000000001 and a sum of 3$"
    optimizer = ExponentiatedGradient(0.1, total_mass=3 + 1e-9)
    with pytest.raises(ValueError, match=message):
        optimizer.apply([tf.ones([2, 1])], [new_weights(3.0, 0.0)])


def test_parameters_that_are_no_variables_and_what_is_no_list():
    w, g = tf.Variable([1.0]), tf.ones([1])
    for other in (tf.ones([1]), np.ones(1, np.float32)):
        with pytest.raises(ValueError, match="^parameters must be variables, got "):
            ExponentiatedGradient(0.1).apply([g], [other])
    for updates, parameters, name in ((None, [w], "updates"), ([g], w, "parameters")):
        with pytest.raises(ValueError, match=f"^{name} must be a list or a tuple, got "):
            ExponentiatedGradient(0.1).apply(updates, parameters)
