"""One update: the objective and each step's gradient against their formulas in numpy."""

import dataclasses

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from tests import helpers
from training.data.transformations import Draw, Transformations
from training.engine import steps

LOGITS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32) * 3
LABELS = np.array([0, 3, 1, 1, 2, 0], np.int32)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def targets(smoothing: float) -> np.ndarray:
    return (1 - smoothing) * np.eye(4)[LABELS] + smoothing / 4


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_cross_entropy(smoothing):
    loss = steps.cross_entropy(smoothing)(tf.constant(LOGITS), tf.constant(LABELS))
    expected = -np.mean(np.sum(targets(smoothing) * np.log(softmax(LOGITS.astype(float))), axis=1))
    assert loss.shape == ()
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_label_smoothing_changes_the_loss():
    plain, smoothed = (
        float(steps.cross_entropy(s)(tf.constant(LOGITS), tf.constant(LABELS))) for s in (0.0, 0.1)
    )
    assert abs(plain - smoothed) > 0.01


def test_cross_entropy_of_huge_logits_is_finite():
    """softmax would overflow: the logarithm must be taken with it, not after it."""
    logits = tf.constant([[1e4, 0.0, -1e4]])
    for smoothing in (0.0, 0.1):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = steps.cross_entropy(smoothing)(logits, tf.constant([2]))
        assert np.isfinite(loss) and np.isfinite(tape.gradient(loss, logits)).all()
    np.testing.assert_allclose(steps.cross_entropy()(logits, tf.constant([2])), 2e4)


class Affine(snt.Module):
    """logits = images @ w; notes whether it was told to train."""

    def __init__(self, w: np.ndarray):
        super().__init__()
        self.w = tf.Variable(w)
        self.b = tf.Variable(np.zeros(w.shape[1], np.float32), trainable=False)
        self.modes = []

    def __call__(self, images, is_training):
        self.modes.append(is_training)
        return images @ self.w + self.b


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_plain_is_the_gradient_of_the_mean(smoothing):
    rng = np.random.default_rng(1)
    images, w = (rng.normal(size=shape).astype(np.float32) for shape in ((6, 5), (5, 4)))
    network = Affine(w)
    objective = steps.cross_entropy(smoothing)
    outcome = steps.plain(network, objective, tf.constant(images), tf.constant(LABELS))
    assert network.modes == [True]
    np.testing.assert_allclose(outcome.logits, images @ w, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(outcome.loss, objective(outcome.logits, LABELS), rtol=1e-6)
    (gradient,) = outcome.gradients  # none for what is not trainable
    expected = images.T @ (softmax(images @ w) - targets(smoothing)) / len(images)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


IMAGES = np.random.default_rng(2).uniform(size=(6, 5, 5, 1))
TARGETS = np.random.default_rng(3).normal(size=(4, 3))  # of each class
SETTINGS = {"degrees": 30.0, "shift": 1.0}
# Of the others, tests of their own: test_distillation.py, test_stability_steps.py.
MOVING = ["augment", "penalty", "projected", "dream"]


class Linear(snt.Module):
    """logits = flat images @ w + b; notes on which images it was trained."""

    def __init__(self, seed: int = 4, dtype=np.float64):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.w = tf.Variable(rng.normal(size=(25, 3)).astype(dtype), name="w")
        self.b = tf.Variable(rng.normal(size=3).astype(dtype), name="b")
        self.trained_on = []

    def __call__(self, images, is_training):
        if is_training:
            self.trained_on.append(images)
        return tf.reshape(images, [-1, 25]) @ self.w + self.b


def squares(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """mean of |logits - target of the label|^2 / 2: quadratic in the weights of `Linear`."""
    residuals = logits - tf.gather(tf.constant(TARGETS, logits.dtype), labels)
    return tf.reduce_mean(tf.reduce_sum(tf.square(residuals), axis=1)) / 2


def task(w: np.ndarray, b: np.ndarray, images: np.ndarray = IMAGES) -> tuple[float, list]:
    """The loss and its gradient by b and w, the order of the network's variables."""
    x = images.reshape(-1, 25)
    residuals = (x @ w + b - TARGETS[LABELS]) / len(x)
    loss = np.sum(residuals**2) * len(x) / 2
    return loss, [residuals.sum(axis=0), x.T @ residuals]


def variance(step, w: np.ndarray, draw: Draw) -> tuple[float, list[np.ndarray]]:
    """V = mean of |(s x - s' x) w|^2 / 2 for two samples, and its gradient by b and w."""
    moved = step.apply(tf.constant(np.concatenate([IMAGES, IMAGES])), draw).numpy()
    x = np.subtract(*np.split(moved.reshape(-1, 25), 2))
    return np.sum((x @ w) ** 2) / 2 / len(x), [np.zeros(3), x.T @ x @ w / len(x)]


def flat(tensors) -> np.ndarray:
    return np.concatenate([np.ravel(t) for t in tensors])


def take(step, step_number: int = 0, seed: int = 0, network: Linear | None = None):
    """The outcome of a step on the images and labels."""
    network = network or Linear()
    images = tf.constant(IMAGES, network.w.dtype)
    draw = Draw(seed, tf.constant(step_number))
    return step(network, squares, images, tf.constant(LABELS), draw)


def moves(outcome: steps.Outcome, network: Linear) -> list[tf.Tensor]:
    """What a step does to the variables in the end: its gradients, and what comes after."""
    if not outcome.after:
        return outcome.gradients
    before = [tf.identity(variable) for variable in network.trainable_variables]
    outcome.after(tf.constant(1.0))
    after = [tf.identity(variable) for variable in network.trainable_variables]
    for variable, value in zip(network.trainable_variables, before, strict=True):
        variable.assign(value)
    return [new - old for new, old in zip(after, before, strict=True)]


@pytest.mark.slow
def test_plain_draws_nothing():
    def draws(step) -> bool:
        network = Linear()

        @tf.autograph.experimental.do_not_convert
        def gradients(now):
            return step(network, squares, tf.constant(IMAGES), LABELS, Draw(0, now)).gradients

        ops = helpers.graph_ops(gradients, tf.TensorSpec([], tf.int32))
        return any("Random" in op.type for op in ops)

    assert not draws(steps.plain)
    assert draws(steps.create_step("augment"))


@pytest.mark.slow
def test_augment_is_plain_on_transformed_images():
    step, network = steps.create_step("augment", **SETTINGS), Linear()
    outcome = take(step, network=network)
    moved = step.apply(tf.constant(IMAGES), Draw(0, tf.constant(0))).numpy()
    loss, gradients = task(network.w.numpy(), network.b.numpy(), moved)
    np.testing.assert_allclose(outcome.loss, loss, rtol=1e-10)
    np.testing.assert_allclose(flat(outcome.gradients), flat(gradients), rtol=1e-9)
    np.testing.assert_allclose(outcome.logits, moved.reshape(-1, 25) @ network.w + network.b)
    upright = task(network.w.numpy(), network.b.numpy())
    assert np.abs(flat(upright[1]) - flat(gradients)).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_penalty_is_the_sum_of_two_gradients(weight):
    step, network = steps.create_step("penalty", weight=weight, **SETTINGS), Linear()
    outcome = take(step, network=network)
    loss, gradients = task(network.w.numpy(), network.b.numpy())
    added, others = variance(step, network.w.numpy(), Draw(0, tf.constant(0)))
    np.testing.assert_allclose(outcome.loss, loss + weight * added, rtol=1e-10)
    expected = flat(gradients) + weight * flat(others)
    np.testing.assert_allclose(flat(outcome.gradients), expected, rtol=1e-9, atol=1e-12)
    assert added > 0.1 and np.linalg.norm(flat(others)) > 0.1


@pytest.mark.slow
def test_the_mean_of_the_penalty_is_the_variance_in_closed_form():
    """x is one bright pixel in the centre. Shifted by t, |t| <= 1, it has weight |t| on one
    neighbour: with w = 1 there and 0 elsewhere, f = max(0, t), of variance 1 / 6 - 1 / 16."""
    network = Linear()
    w = np.zeros([5, 5, 3])
    w[:, 3, 0] = 1
    network.w.assign(w.reshape(25, 3))
    step = steps.create_step("penalty", degrees=0, shift=1, samples=3, weight=2.0)
    images = np.zeros([4000, 5, 5, 1])
    images[:, 2, 2] = 1
    labels = np.zeros(4000, np.int32)
    objective = lambda logits, labels: tf.zeros([], tf.float64)  # noqa: E731
    outcome = step(network, objective, tf.constant(images), labels, Draw(0, tf.constant(0)))
    np.testing.assert_allclose(outcome.loss, 2 * (1 / 6 - 1 / 16), rtol=0.05)


def projected(vector: np.ndarray, directions: list[np.ndarray]) -> np.ndarray:
    q, _ = np.linalg.qr(np.stack(directions, axis=1))
    return vector - q @ (q.T @ vector)


@pytest.mark.slow
@pytest.mark.parametrize("directions", [1, 3])
@pytest.mark.parametrize("per_layer", [False, True])
def test_projected_is_orthogonal_to_the_gradients_of_the_variance(directions, per_layer):
    step = steps.create_step("projected", directions=directions, per_layer=per_layer, **SETTINGS)
    network = Linear()
    outcome = take(step, network=network)
    w, draw = network.w.numpy(), Draw(0, tf.constant(0))
    loss, (by_b, by_w) = task(w, network.b.numpy())
    others = [variance(step, w, draw.fork(i))[1] for i in range(directions)]
    np.testing.assert_allclose(outcome.loss, loss, rtol=1e-10)
    np.testing.assert_allclose(outcome.logits, IMAGES.reshape(-1, 25) @ w + network.b, rtol=1e-10)
    if per_layer:  # V does not depend on b
        expected = np.concatenate([by_b, projected(by_w.ravel(), [o[1].ravel() for o in others])])
    else:
        expected = projected(flat([by_b, by_w]), [flat(other) for other in others])
    found = flat(outcome.gradients)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    for other in others:  # to first order, V stays; the gradient as it was would change it
        length = np.linalg.norm(flat(other))
        assert abs(found @ flat(other)) < 1e-12 * np.linalg.norm(found) * length
        assert abs(flat([by_b, by_w]) @ flat(other)) > 0.01 * np.linalg.norm(found) * length


@pytest.mark.slow
def test_a_bias_of_the_logits_keeps_its_gradient_in_float32():
    """V does not depend on it, so its part of dV is a rounding error and no direction."""
    network = Linear(dtype=np.float32)
    outcome = take(steps.create_step("projected", per_layer=True, **SETTINGS), network=network)
    by_b = task(network.w.numpy(), network.b.numpy())[1][0]
    np.testing.assert_allclose(outcome.gradients[0], by_b, rtol=1e-4)


def complement(vector, directions, dtype=np.float64) -> np.ndarray:
    """steps.complement of vectors that are cut into two tensors."""
    cut = lambda v: [tf.constant(v[:5], dtype), tf.constant(v[5:].reshape(-1, 3), dtype)]  # noqa: E731
    return flat(steps.complement(cut(vector), [cut(v) for v in directions]))


def test_the_lengths_of_the_directions_do_not_matter():
    """Nor do they under- or overflow when they are squared."""
    vector, *directions = np.random.default_rng(5).normal(size=(4, 20))
    expected = projected(vector, directions)
    for scales in ([1, 1, 1], [1e-3, 10, 1], [1e-30, 1e30, -1]):
        scaled = [scale * v for scale, v in zip(scales, directions, strict=True)]
        np.testing.assert_allclose(complement(vector, scaled, np.float32), expected, atol=1e-5)
    assert np.abs(expected - vector).max() > 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("distance", [0, 1e-30, 1e-9, 1e-5, 1e-2])
def test_directions_that_hardly_differ(dtype, distance):
    """A cosine of at most about sqrt(epsilon) with each of them, and no other direction is lost."""
    rng = np.random.default_rng(6)
    vector, first, second = rng.normal(size=(3, 20))
    directions = [first, first + distance * second, -2 * first]
    found = complement(vector, directions, dtype)
    bound = 4 * np.sqrt(np.finfo(dtype).eps) * np.linalg.norm(vector)
    for direction in directions:
        assert abs(found @ direction) < bound * np.linalg.norm(direction)
    # Either one or two directions went; a third, of rounding errors, would show here.
    errors = [np.abs(found - projected(vector, d)).max() for d in ([first], [first, second])]
    assert min(errors) < 1e-2 * np.abs(vector).max()


def test_directions_that_vanish():
    """They divided by zero in the original."""
    vector, direction = np.random.default_rng(7).normal(size=(2, 20))
    zero = np.zeros(20)
    np.testing.assert_array_equal(complement(vector, [zero, zero]), vector)
    np.testing.assert_array_equal(
        complement(vector, [1e-45 * direction], np.float32), vector.astype(np.float32)
    )
    np.testing.assert_allclose(
        complement(vector, [zero, direction]), projected(vector, [direction]), atol=1e-12
    )
    np.testing.assert_array_equal(complement(zero, [direction]), zero)
    np.testing.assert_allclose(complement(direction, [direction]), zero, atol=1e-15)


@pytest.mark.slow
@pytest.mark.parametrize("name", MOVING)
def test_gradients_that_vanish_are_finite(name):
    """Black images: the variance and all its derivatives are 0, and the bias alone learns."""
    network = Linear()
    step = steps.create_step(name, **SETTINGS)
    black = tf.zeros([6, 5, 5, 1], tf.float64)
    outcome = step(network, squares, black, tf.constant(LABELS), Draw(0, tf.constant(0)))
    by_b = task(network.w.numpy(), network.b.numpy(), np.zeros_like(IMAGES))[1][0]
    np.testing.assert_allclose(outcome.gradients[0], by_b, rtol=1e-10)
    np.testing.assert_array_equal(outcome.gradients[1], 0)
    if outcome.after:
        for move in moves(outcome, network):
            np.testing.assert_array_equal(move, 0)


@pytest.mark.slow
def test_dream_is_plain_and_then_descends_on_the_variance():
    """At the weights that the optimizer has left, not at those of the gradient before."""
    step, network = steps.create_step("dream", weight=0.5, **SETTINGS), Linear()
    outcome = take(step, network=network)
    np.testing.assert_allclose(
        flat(outcome.gradients), flat(task(network.w.numpy(), network.b.numpy())[1]), rtol=1e-9
    )
    moved = Linear(seed=8)
    network.w.assign(moved.w)
    network.b.assign(moved.b)
    w, b = moved.w.numpy(), moved.b.numpy()
    outcome.after(tf.constant(0.01, tf.float64))
    loss, by_task = task(w, b)
    value, by_variance = variance(step, w, Draw(0, tf.constant(0)))
    expected = flat([b, w]) - 0.01 * 0.5 * projected(flat(by_variance), [flat(by_task)])
    np.testing.assert_allclose(flat([network.b, network.w]), expected, rtol=1e-8)
    assert variance(step, network.w.numpy(), Draw(0, tf.constant(0)))[0] < value


@pytest.mark.slow
def test_a_dream_keeps_the_loss_to_first_order():
    step = steps.create_step("dream", **SETTINGS)

    def rise(rate: float, is_projected: bool) -> float:
        network = Linear()
        start, by_task = task(network.w.numpy(), network.b.numpy())
        outcome = take(step, network=network)
        if is_projected:
            outcome.after(tf.constant(rate, tf.float64))
        else:
            by_w = variance(step, network.w.numpy(), Draw(0, tf.constant(0)))[1][1]
            network.w.assign_sub(rate * by_w)
        return task(network.w.numpy(), network.b.numpy())[0] - start

    # The loss is quadratic: a tenth of the rate leaves a hundredth of its rise, or else a tenth.
    np.testing.assert_allclose(rise(1e-3, True) / rise(1e-4, True), 100, rtol=1e-3)
    assert 5 < abs(rise(1e-3, False) / rise(1e-4, False)) < 15


@pytest.mark.slow
@pytest.mark.parametrize("name", MOVING)
def test_every_step_draws_anew_and_the_same_when_compiled(name):
    """The original's angles were frozen when the graph was traced."""
    step, network = steps.create_step(name, **SETTINGS), Linear(dtype=np.float32)

    @tf.function(jit_compile=True, autograph=False)
    def compiled(now):
        images = tf.constant(IMAGES, tf.float32)
        outcome = step(network, squares, images, tf.constant(LABELS), Draw(0, now))
        return moves(outcome, network)

    found = []
    for now in (0, 1, 1):
        eager = flat(moves(take(step, now, network=network), network))
        np.testing.assert_allclose(flat(compiled(tf.constant(now))), eager, rtol=1e-3, atol=1e-4)
        found.append(eager)
    np.testing.assert_array_equal(found[1], found[2])
    others = flat(moves(take(step, 0, seed=1, network=network), network))
    for other in (found[1], others):
        assert np.abs(found[0] - other).max() > 1e-2
    assert compiled.experimental_get_tracing_count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["penalty", "projected", "dream"])
def test_labels_belong_to_upright_images_only(name):
    network, seen = Linear(), []

    def objective(logits, labels):
        seen.append(labels)
        np.testing.assert_allclose(logits, IMAGES.reshape(-1, 25) @ network.w + network.b)
        return squares(logits, labels)

    labels = tf.constant(LABELS)
    step = steps.create_step(name, **SETTINGS)
    outcome = step(network, objective, tf.constant(IMAGES), labels, Draw(0, tf.constant(0)))
    if outcome.after:
        outcome.after(tf.constant(0.0))
    assert seen and all(some is labels for some in seen)
    (images,) = network.trained_on
    np.testing.assert_array_equal(images, IMAGES)


def test_arguments_and_their_defaults():
    transformations = dataclasses.asdict(Transformations())
    assert steps.default_arguments("plain") == {}
    assert steps.default_arguments("augment") == transformations
    for name, others in (
        ("penalty", {"samples": 2, "weight": 0.1}),
        ("projected", {"samples": 2, "directions": 1, "per_layer": False}),
        ("dream", {"samples": 2, "weight": 0.1}),
    ):
        assert steps.default_arguments(name) == transformations | others
        assert dataclasses.asdict(steps.create_step(name)) == transformations | others
    assert steps.create_step("plain") is steps.plain


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("sleep", {}, r"step must be one of \['plain', 'augment', .*\], got 'sleep'"),
        ("plain", {"weight": 1}, "step plain must not be given arguments, got 'weight'"),
        (
            "augment",
            {"weight": 1},
            r"an argument of step augment must be one of \['degrees', .*'weight'",
        ),
        ("augment", {"degrees": 200}, r"degrees must be a number in \[0, 180\], got 200"),
        ("augment", {"degrees": 0}, "degrees, shift, scale, shear or elastic must be > 0"),
        ("penalty", {"samples": 1}, "samples must be an integer >= 2, got 1"),
        ("penalty", {"weight": -1}, r"weight must be a number in \[0, inf\), got -1"),
        ("penalty", {"shift": "x"}, r"shift must be a number in \[0, inf\), got 'x'"),
        ("projected", {"directions": 0}, "directions must be an integer >= 1, got 0"),
        ("projected", {"per_layer": 1}, "per_layer must be True or False, got 1"),
        ("dream", {"weight": "deep"}, r"weight must be a number in \[0, inf\), got 'deep'"),
        ("dream", {"samples": 2.0}, "samples must be an integer >= 2, got 2.0"),
    ],
)
def test_bad_steps(name, arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        steps.create_step(name, **arguments)
