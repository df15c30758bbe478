"""Steps that train for stability: where they are exact, they are what their formulas say."""

import dataclasses

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers
from training.data.transformations import Draw
from training.engine import steps
from training.engine.adversarial import ascend
from training.engine.power_iteration import (
    curvature_product,
    fisher_metric,
    power_iteration,
    unit,
)
from training.engine.spectral import squared_norms

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0.4, 0.6, size=(6, 4, 4, 1))
LABELS = np.array([0, 1, 2, 1, 0, 2], np.int32)
DRAW = Draw(0, tf.constant(0))
NAMES = ("adversarial", "virtual_adversarial", "spectral", "lipschitz")


def _network(activation="relu", hidden=(12,), classes=3, dtype=np.float64):
    tf.random.set_seed(0)
    network = wn.nets.MLP(classes, hidden, activation)
    network(tf.constant(IMAGES, dtype))
    helpers.randomise_zeros(network)
    return network


def _jacobian(network, x: np.ndarray) -> np.ndarray:
    """[batch, classes, pixels]."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = network(x)
    return tape.batch_jacobian(logits, x).numpy().reshape(len(x), logits.shape[1], -1)


def _apply(step, network, objective=None, images=IMAGES, labels=LABELS, draw=DRAW):
    dtype = network.trainable_variables[0].dtype
    objective = objective or steps.cross_entropy()
    return step(network, objective, tf.constant(images, dtype), tf.constant(labels), draw)


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [(), (12,)])
def test_ascent_inside_a_linear_region_is_the_power_method(hidden):
    """Of |f(x + d) - f(x)|^2, with steps much longer than the ball; a short step is another."""
    network = _network(hidden=hidden)
    x, radius = tf.constant(IMAGES), 1e-4  # no rectifier switches within
    start = radius * unit(tf.constant(RNG.normal(size=IMAGES.shape)))
    before = network(x)

    def slope(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = tf.reduce_sum((network(z) - before) ** 2) / 2
        return tape.gradient(value, z)

    jacobian = _jacobian(network, IMAGES)
    np.testing.assert_array_equal(_jacobian(network, IMAGES + radius * 1.0), jacobian)
    v = start.numpy().reshape(6, 16, 1)
    for count in (1, 2, 3):
        v = jacobian.transpose(0, 2, 1) @ (jacobian @ v)
        v /= np.linalg.norm(v, axis=1, keepdims=True)
        found = {
            size: (ascend(slope, x, start, "l2", radius, count, size) - x).numpy().reshape(6, 16)
            for size in (1e6, radius)
        }
        np.testing.assert_allclose(found[1e6] / radius, v[..., 0], atol=1e-9)
        assert np.abs(found[radius] / radius - v[..., 0]).max() > 1e-3
        # The very steps without what is lost in (x + d) - x: to 1e-12.
        product = lambda u: curvature_product(network, x, u, lambda y, z: z)  # noqa: E731
        exact = power_iteration(product, start, count).numpy().reshape(6, 16)
        np.testing.assert_allclose(exact, v[..., 0], rtol=0, atol=1e-12)


def _margin(logits, labels):
    """The logit of the other class less that of the label, of two."""
    return tf.reduce_mean(
        tf.reduce_sum(logits * (1 - 2 * tf.one_hot(labels, 2, dtype="double")), 1)
    )


@pytest.mark.slow
@pytest.mark.parametrize("norm, dual", [("l2", 2), ("linf", 1)])
def test_the_adversarial_loss_of_a_linear_margin_is_the_dual_norm_penalty(norm, dual):
    """loss + radius |w_0 - w_1|, and its gradient: to rounding, away from the ends of the range."""
    network, labels = _network(hidden=(), classes=2), LABELS % 2
    step = steps.create_step("adversarial", norm=norm, radius=0.05, step_size=10.0)
    outcome = _apply(step, network, _margin, labels=labels)
    (layer,) = network.layers
    with tf.GradientTape() as tape:
        plain = _margin(network(IMAGES), labels)
        penalty = tf.norm(layer.w[:, 0] - layer.w[:, 1], ord=dual)
        expected = plain + 0.05 * penalty
    np.testing.assert_allclose(outcome.loss, expected, rtol=0, atol=1e-12)
    for found, wanted in zip(
        outcome.gradients, tape.gradient(expected, network.trainable_variables), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
    assert 0.05 * float(penalty) > 1e-2


@pytest.mark.slow
def test_the_largest_change_of_a_linear_map_is_its_operator_norm():
    network = _network(hidden=())
    before = network(IMAGES)
    objective = lambda f, _: tf.reduce_mean(tf.norm(f - before, axis=1))  # noqa: E731
    step = steps.create_step("adversarial", radius=0.05, step_size=10.0, num_steps=300)
    loss = _apply(step, network, objective).loss
    np.testing.assert_allclose(loss, 0.05 * np.linalg.norm(network.layers[0].w, 2), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_attacks_stay_in_ball_and_range_and_raise_the_loss(norm):
    network, images = _network("gelu"), RNG.uniform(size=IMAGES.shape)
    seen = []

    def watching(x, is_training):
        if is_training:
            seen.append(x.numpy())
        return network(x, is_training)

    watching.trainable_variables = network.trainable_variables
    objective = steps.cross_entropy()
    plain = objective(network(images), LABELS)
    for random_start in (True, False):
        step = steps.create_step("adversarial", norm=norm, radius=0.5, random_start=random_start)
        outcome = step(watching, objective, tf.constant(images), LABELS, DRAW)
        moved = (seen[-1] - images).reshape(6, -1)
        length = np.linalg.norm(moved, axis=1, ord=2 if norm == "l2" else np.inf)
        assert np.all(length <= 0.5 + 1e-12) and length.max() > 0.45
        assert seen[-1].min() == 0 and seen[-1].max() == 1
        assert outcome.loss > plain + 0.1
    none = steps.create_step("adversarial", norm=norm, radius=0)
    np.testing.assert_allclose(_apply(none, network, images=images).loss, plain, rtol=1e-12)


@pytest.mark.slow
def test_the_virtual_direction_is_the_leading_eigenvector_of_the_hessian():
    """Of the divergence, whose Hessian is taken by two tapes; its gradient vanishes there."""
    network = _network("tanh")
    x = tf.constant(IMAGES)
    log_p = tf.nn.log_softmax(network(x))

    def divergence(d):
        log_q = tf.nn.log_softmax(network(x + d))
        return tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=1)

    d = tf.zeros_like(x)
    with tf.GradientTape() as outer:
        outer.watch(d)
        with tf.GradientTape() as inner:
            inner.watch(d)
            value = divergence(d)
        first = inner.gradient(value, d)
    hessian = outer.batch_jacobian(first, d).numpy().reshape(6, 16, 16)
    assert np.abs(first).max() < 1e-15
    values, vectors = np.linalg.eigh(hessian)
    many = steps.create_step("virtual_adversarial", iterations=200)
    found = many.direction(network, x, DRAW).numpy().reshape(6, 16)
    np.testing.assert_allclose(np.abs(np.sum(found * vectors[..., -1], axis=1)), 1, atol=1e-12)
    # One iteration is the product with the Hessian; it is nearer than the start.
    start = DRAW.uniform(x.shape, x.dtype).numpy().reshape(6, 16, 1)
    once = (hessian @ start)[..., 0]
    once /= np.linalg.norm(once, axis=1, keepdims=True)
    step = steps.create_step("virtual_adversarial")
    np.testing.assert_allclose(step.direction(network, x, DRAW).numpy().reshape(6, 16), once)
    cosines = [
        np.abs(np.sum(v * vectors[..., -1], axis=1))
        for v in (once, unit(tf.constant(start)).numpy()[..., 0])
    ]
    assert np.mean(cosines[0]) > np.mean(cosines[1]) + 0.2
    assert np.all(values[:, -1] > 1.01 * values[:, -2])


@pytest.mark.slow
def test_the_virtual_loss_and_its_labels():
    network = _network("tanh")
    step = steps.create_step("virtual_adversarial", radius=0.3, weight=2.0)
    outcome = _apply(step, network)
    v = step.direction(network, tf.constant(IMAGES), DRAW.fork(2))
    p, q = (tf.nn.softmax(network(x)).numpy() for x in (IMAGES, IMAGES + 0.3 * v))
    objective = steps.cross_entropy()(network(IMAGES), LABELS)
    expected = objective + 2 * np.mean(np.sum(p * np.log(p / q), axis=1))
    np.testing.assert_allclose(outcome.loss, expected, rtol=1e-12)
    nothing = lambda logits, labels: 0 * tf.reduce_sum(logits)  # noqa: E731
    unlabelled = [
        _apply(step, network, nothing, labels=x).gradients for x in (LABELS, LABELS[::-1])
    ]
    for one, other in zip(*unlabelled, strict=True):
        np.testing.assert_array_equal(one, other)
    assert max(np.abs(g).max() for g in unlabelled[0]) > 1e-3


@pytest.mark.slow
def test_the_spectral_loss_is_the_sum_of_the_norms():
    network = _network()
    step = steps.create_step(
        "spectral", weight=0.3, jacobian_weight=0.2, iterations=300, jacobian_iterations=100
    )
    take = tf.function(lambda: _apply(step, network)[::2], autograph=False)
    loss, gradients = take()
    variables = network.trainable_variables
    matrices = [v for v in variables if v.shape.rank == 2]
    layers = [np.linalg.svd(w.numpy(), compute_uv=False)[0] for w in matrices]
    jacobians = np.linalg.norm(_jacobian(network, IMAGES), 2, axis=(1, 2))
    with tf.GradientTape() as tape:
        objective = steps.cross_entropy()(network(IMAGES), LABELS)
        norms = tf.add_n([tf.linalg.svd(w, compute_uv=False)[0] ** 2 for w in matrices])
        total = objective + 0.3 * norms
    expected = objective + 0.3 * np.sum(np.square(layers)) + 0.2 * np.mean(np.square(jacobians))
    np.testing.assert_allclose(loss, expected, rtol=1e-10)
    # Without the Jacobian, gradients of singular values; with it, by differences.
    alone = _apply(dataclasses.replace(step, jacobian_weight=0.0), network)
    for found, wanted in zip(alone.gradients, tape.gradient(total, variables), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-8)
    w, h = matrices[0], 1e-6
    direction, start = RNG.normal(size=w.shape), w.numpy()
    place = [v is w for v in variables].index(True)
    ends = []
    for sign in (1, -1):
        w.assign(start + sign * h * direction)
        ends.append(float(take()[0]))
    slope = np.sum(gradients[place].numpy() * direction)
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * h), rtol=1e-6)


@pytest.mark.slow
def test_a_network_without_matrices_is_refused_by_name():
    class Scale(snt.Module):
        def __init__(self):
            super().__init__()
            self.scale = tf.Variable(tf.ones([16], tf.float64))

        def __call__(self, images, is_training):
            return self.scale * snt.flatten(images)

    with pytest.raises(ValueError, match="^step spectral must be given a .* matrices.* got Scale$"):
        _apply(steps.create_step("spectral"), Scale())
    _apply(steps.create_step("spectral", weight=0, jacobian_weight=1), Scale())


@pytest.mark.slow
def test_few_iterations_give_less():
    network = _network(hidden=(30, 30))
    exact = [np.linalg.norm(v, 2) ** 2 for v in network.trainable_variables if v.shape.rank == 2]
    for iterations in (1, 10):
        found = squared_norms(network, DRAW, iterations)
        assert np.all(np.asarray(found) < exact)
        assert np.all(np.asarray(found) > (0.3 if iterations == 1 else 0.8) * np.array(exact))


@pytest.mark.slow
def test_the_margin_loss_and_what_comes_after():
    tf.random.set_seed(0)
    network = wn.nets.LipschitzMLP(3, (8,))
    network(IMAGES)
    for layer in network.layers:
        layer.w.assign_add(0.05 * RNG.normal(size=layer.w.shape))
    step = steps.create_step("lipschitz", radius=0.2, temperature=3.0)
    outcome = _apply(step, network)
    z = network(IMAGES).numpy()
    np.testing.assert_allclose(outcome.logits, z)
    shifted = 3 * (z - 0.2 * np.sqrt(2) * np.eye(3)[LABELS])
    right = np.take_along_axis(shifted, LABELS[:, None], axis=1)[:, 0]
    expected = np.mean(np.log(np.exp(shifted).sum(axis=1)) - right) / 3
    np.testing.assert_allclose(outcome.loss, expected, rtol=1e-10)
    # For a large temperature, by how much the proof fails.
    hard = _apply(dataclasses.replace(step, temperature=1e5), network).loss
    others = np.where(np.eye(3)[LABELS] == 1, -np.inf, z).max(axis=1)
    fails = np.maximum(0, 0.2 * np.sqrt(2) + others - z[np.arange(6), LABELS])
    np.testing.assert_allclose(hard, np.mean(fails), atol=1e-4)
    outcome.after(tf.constant(0.1))
    for layer in network.layers:
        gram = layer.w.numpy().T @ layer.w.numpy()
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)
    np.testing.assert_allclose(network(IMAGES), z, atol=1e-12)


def test_a_network_without_a_bound_is_refused_by_name():
    message = "^step lipschitz must be given a network with a bound by construction.* got MLP$"
    with pytest.raises(ValueError, match=message):
        _apply(steps.create_step("lipschitz"), _network())


def _step_and_network(name: str, **arguments):
    network = _network() if name != "lipschitz" else wn.nets.LipschitzMLP(3, (8,))
    network(tf.constant(IMAGES))
    return steps.create_step(name, **arguments), network


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_composes_with_transformations(name):
    """It is the step on images that were moved first; without arguments none is."""
    composed, network = _step_and_network(name, degrees=30.0, shift=0.5)
    alone = steps.create_step(name)
    moved = composed.apply(tf.constant(IMAGES), DRAW)
    found, expected = _apply(composed, network), _apply(alone, network, images=moved)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-12)
    for one, other in zip(found.gradients, expected.gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    assert abs(found.loss - _apply(alone, network).loss) > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_takes_a_batch_of_unknown_size(name):
    arguments = {"jacobian_weight": 0.1} if name == "spectral" else {}
    step, network = _step_and_network(name, **arguments)

    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec([None, 4, 4, 1], "double"), tf.TensorSpec([None], "int32")],
    )
    def loss(images, labels):
        return step(network, steps.cross_entropy(), images, labels, DRAW).loss

    for count in (6, 4):
        expected = _apply(step, network, images=IMAGES[:count], labels=LABELS[:count]).loss
        np.testing.assert_allclose(loss(IMAGES[:count], LABELS[:count]), expected, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES[:3])
def test_each_draws_anew_and_the_same_when_compiled(name):
    arguments = {"jacobian_weight": 0.1, "iterations": 1} if name == "spectral" else {}
    step, network = steps.create_step(name, **arguments), _network("gelu", dtype=np.float32)

    @tf.function(jit_compile=True, autograph=False)
    def compiled(now):
        return _apply(step, network, draw=Draw(0, now)).loss

    found = [float(_apply(step, network, draw=Draw(0, tf.constant(now))).loss) for now in (0, 1, 1)]
    np.testing.assert_allclose([compiled(tf.constant(now)) for now in (0, 1, 1)], found, rtol=1e-5)
    assert found[1] == found[2] != found[0]
    assert compiled.experimental_get_tracing_count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_black_images_and_flat_networks_give_finite_gradients(name):
    step, network = _step_and_network(name)
    for variable in network.trainable_variables:
        variable.assign(tf.zeros_like(variable))
    outcome = _apply(step, network, images=np.zeros_like(IMAGES))
    assert all(np.isfinite(g).all() for g in outcome.gradients) and np.isfinite(outcome.loss)


class Wide(snt.Module):
    """Notes how it was called."""

    def __init__(self):
        super().__init__()
        self.linear, self.modes = snt.Linear(3), []

    def __call__(self, images, is_training):
        self.modes.append(is_training)
        return self.linear(snt.flatten(images))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES[:3])
def test_one_call_is_of_training(name):
    network = Wide()
    network(tf.constant(IMAGES), False)
    _apply(steps.create_step(name), network)
    assert network.modes.count(True) == 1


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("adversarial", {"radius": -1}, r"radius must be a number in \[0, inf\), got -1"),
        ("adversarial", {"norm": "l1"}, r"norm must be one of \['l2', 'linf'\], got 'l1'"),
        ("adversarial", {"num_steps": 0}, "num_steps must be an integer >= 1, got 0"),
        ("adversarial", {"step_size": 0}, "step_size must be a finite number > 0, got 0"),
        ("adversarial", {"random_start": 1}, "random_start must be True or False, got 1"),
        ("adversarial", {"degrees": 200}, r"degrees must be a number in \[0, 180\], got 200"),
        ("virtual_adversarial", {"radius": "x"}, r"radius must be a number in .* got 'x'"),
        ("virtual_adversarial", {"weight": -1}, r"weight must be a number in .* got -1"),
        ("virtual_adversarial", {"iterations": 0}, "iterations must be an integer >= 1, got 0"),
        ("spectral", {"weight": -1}, r"weight must be a number in .* got -1"),
        ("spectral", {"jacobian_weight": float("inf")}, r"jacobian_weight must be .* got inf"),
        ("spectral", {"iterations": 1.5}, "iterations must be an integer >= 1, got 1.5"),
        ("spectral", {"jacobian_iterations": 0}, "jacobian_iterations must be an integer >= 1"),
        ("lipschitz", {"radius": -0.1}, r"radius must be a number in \[0, inf\), got -0.1"),
        ("lipschitz", {"temperature": 0}, "temperature must be a finite number > 0, got 0"),
    ],
)
def test_bad_arguments(name, arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        steps.create_step(name, **arguments)


def test_the_metric_of_the_divergence():
    y, z = RNG.normal(size=(2, 5, 4))
    p = tf.nn.softmax(y).numpy()
    expected = [(np.diag(q) - np.outer(q, q)) @ w for q, w in zip(p, z, strict=True)]
    np.testing.assert_allclose(fisher_metric(tf.constant(y), tf.constant(z)), expected, rtol=1e-12)
