"""The restricted Boltzmann machine, against enumeration; contrastive divergence and its bias."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.layers import RestrictedBoltzmannMachine


def _built(visible: int = 4, hidden: int = 3, scale: float = 1.0, seed: int = 0):
    layer, rng = RestrictedBoltzmannMachine(hidden), np.random.default_rng(seed)
    layer(np.zeros([1, visible]))
    for variable in layer.trainable_variables:
        variable.assign(scale * rng.normal(size=variable.shape))
    return layer


def _all(n: int) -> np.ndarray:
    return np.array(list(itertools.product([0.0, 1.0], repeat=n)))


def _energies(layer) -> np.ndarray:
    """E(v, h) of all states, [2^visible, 2^hidden], in NumPy."""
    w, b, c = (v.numpy() for v in (layer.w, layer.b, layer.c))
    v, h = _all(len(b)), _all(len(c))
    return -(v @ b)[:, None] - h @ c - v @ w @ h.T


def test_the_energy():
    layer = _built()
    v, h = np.repeat(_all(4), 8, axis=0), np.tile(_all(3), [16, 1])
    np.testing.assert_allclose(layer.energy(v, h), _energies(layer).ravel(), rtol=1e-12, atol=1e-12)


def test_the_free_energy_is_the_sum_over_hidden_states():
    layer = _built()
    expected = -np.log(np.exp(-_energies(layer)).sum(axis=1))
    np.testing.assert_allclose(layer(_all(4))[:, 0], expected, rtol=1e-12)
    assert np.ptp(expected) > 1


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(4, 3), (3, 4), (1, 1), (6, 5), (12, 13)])
def test_the_partition_function_is_the_sum_over_all_states(sizes):
    layer = _built(*sizes)
    if sum(sizes) < 20:
        expected = np.log(np.exp(-_energies(layer)).sum())
    else:  # of the side that is not enumerated
        w, b, c = (v.numpy() for v in (layer.w, layer.b, layer.c))
        h = _all(sizes[1])
        expected = np.log(np.sum(np.exp(h @ c) * np.prod(1 + np.exp(h @ w.T + b), axis=1)))
    assert float(layer.log_partition()) == pytest.approx(expected, rel=1e-12)
    compiled = tf.function(layer.log_partition, jit_compile=True, autograph=False)
    assert float(compiled()) == pytest.approx(expected, rel=1e-12)


def test_probabilities_of_units_are_conditional_ones():
    layer = _built()
    joint = np.exp(-_energies(layer))
    hidden = joint @ _all(3) / joint.sum(axis=1, keepdims=True)
    visible = joint.T @ _all(4) / joint.sum(axis=0)[:, None]
    np.testing.assert_allclose(layer.hidden(_all(4)), hidden, rtol=1e-12)
    np.testing.assert_allclose(layer.visible(_all(3)), visible, rtol=1e-12)


def _exact(layer, data: np.ndarray) -> list[np.ndarray]:
    """Expectations of v h, v and h under the model minus those given the data, in NumPy."""
    joint = np.exp(-_energies(layer))
    joint /= joint.sum()
    v, h = _all(4), _all(3)
    model = [v.T @ joint @ h, v.T @ joint.sum(axis=1), joint.sum(axis=0) @ h]
    hidden = layer.hidden(data).numpy()
    given = [data.T @ hidden / len(data), data.mean(axis=0), hidden.mean(axis=0)]
    return [m - g for m, g in zip(model, given, strict=True)]


DATA = np.array([[1.0, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0], [1, 1, 1, 0]])


@pytest.mark.slow
def test_the_exact_gradient():
    layer = _built()
    expected = _exact(layer, DATA)
    for found, own in zip(layer.likelihood_gradient(DATA), expected, strict=True):
        np.testing.assert_allclose(found, own, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(4, 3), (11, 12), (13, 11)])
def test_the_exact_gradient_is_the_slope_of_the_likelihood(sizes):
    """Of several parts of the states, on either side, compiled and not; by a tape of all."""
    layer = _built(*sizes)
    data = np.random.default_rng(1).integers(0, 2, (5, sizes[0])).astype(float)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(layer(data)) + layer.log_partition()
    expected = tape.gradient(loss, [layer.w, layer.b, layer.c])
    compiled = tf.function(layer.likelihood_gradient)
    for gradients in (layer.likelihood_gradient(data), compiled(data)):
        for found, own in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(found, own, rtol=1e-9, atol=1e-12)


_PEAKS = """
import resource, tensorflow as tf
from weirdonetworks.layers import RestrictedBoltzmannMachine
for size in (10, 16):
    layer, x = RestrictedBoltzmannMachine(size), tf.ones([2, 500])
    layer(x)
    layer.likelihood_gradient(x)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_the_memory_of_the_exact_gradient_does_not_grow_with_the_states():
    """2^10 and 2^16 states of 500 units: a tape of all would keep 125 MB for each array."""
    command = [sys.executable, "-c", _PEAKS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    few, many = (int(line) / 1024 for line in done.stdout.split())
    assert many - few < 100, (few, many)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(12, 13), (13, 12)])
def test_the_exact_gradient_keeps_no_states(sizes):
    """That of a tape over log Z, in parts as well, which keeps a part's states for each of them."""
    layer, size = _built(*sizes, scale=0.3), sizes[0]
    data = np.random.default_rng(1).random([5, size])

    def by_tape(inputs):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(inputs)) + layer.log_partition()
        return tape.gradient(loss, [layer.w, layer.b, layer.c])

    for found, own in zip(layer.likelihood_gradient(data), by_tape(data), strict=True):
        np.testing.assert_allclose(found, own, rtol=1e-8, atol=1e-12)
    spec = tf.TensorSpec([None, size], tf.float64)
    kept = [
        [op.type for op in helpers.graph_ops(function, spec)].count("TensorListPushBack")
        for function in (by_tape, layer.likelihood_gradient)
    ]
    assert kept[0] > 0 and kept[1] == 0


@pytest.mark.slow
def test_the_bias_of_contrastive_divergence_falls_with_k():
    """To nothing; that of the exact gradient is nothing, and a batch of the model's has none."""
    layer = _built(scale=1.5)
    expected = np.concatenate([g.ravel() for g in _exact(layer, DATA)])
    data, repeats = np.repeat(DATA, 500, axis=0), 20
    cd = tf.function(layer.contrastive_divergence)

    def bias(k: int) -> tuple[float, float]:
        """Its size, and that of three standard errors."""
        found = np.array([np.concatenate([tf.reshape(g, [-1]) for g in cd(data, k, tf.constant(s))])
                          for s in range(repeats)])  # fmt: skip
        error = found.std(axis=0, ddof=1) / np.sqrt(repeats)
        return np.linalg.norm(found.mean(axis=0) - expected), 3 * np.linalg.norm(error)

    sizes = [bias(k) for k in (1, 2, 4, 100)]
    for (one, own), (other, its) in itertools.pairwise(sizes[:3]):
        assert one - own > other + its, sizes
    assert sizes[0][0] > 10 * sizes[0][1] and sizes[3][0] < sizes[3][1]
    exact = np.concatenate([tf.reshape(g, [-1]) for g in layer.likelihood_gradient(data)])
    assert np.linalg.norm(exact - expected) < 1e-12


@pytest.mark.slow
def test_the_first_call_may_be_that_of_a_gradient():
    for gradient in (
        lambda layer: layer.likelihood_gradient(DATA),
        lambda layer: layer.contrastive_divergence(DATA, 1, 0),
    ):
        found = gradient(RestrictedBoltzmannMachine(3))
        assert [value.shape for value in found] == [[4, 3], [4], [3]]


def test_draws_are_a_function_of_the_seed():
    layer = _built()
    one, again, other = (layer.contrastive_divergence(DATA, 2, seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert np.any(one != other)


@pytest.mark.slow
def test_learning_raises_the_likelihood():
    """By either gradient; and what is learned is the data."""
    likelihoods = {}
    for name in ("exact", "cd"):
        layer = _built(scale=0.1)
        step = {
            "exact": tf.function(lambda i, layer=layer: layer.likelihood_gradient(DATA)),
            "cd": tf.function(lambda i, layer=layer: layer.contrastive_divergence(DATA, 5, i)),
        }[name]
        for i in tf.range(300):
            variables = [layer.w, layer.b, layer.c]
            for variable, gradient in zip(variables, step(i), strict=True):
                variable.assign_sub(1.0 * gradient)
        likelihoods[name] = float(-tf.reduce_mean(layer(DATA)) - layer.log_partition())
    best = -np.log(4)
    assert best > likelihoods["exact"] > best - 0.3
    assert best > likelihoods["cd"] > best - 0.7
    uniform = -4 * np.log(2)
    assert min(likelihoods.values()) > uniform + 0.5


def test_gradients_of_the_free_energy():
    layer, x, h = _built(), tf.constant(DATA), 1e-6
    (slope,) = helpers.gradients(layer, x)
    direction = np.random.default_rng(0).normal(size=DATA.shape)
    difference = tf.reduce_sum(layer(x + h * direction) - layer(x - h * direction)) / (2 * h)
    assert float(tf.reduce_sum(slope * direction)) == pytest.approx(float(difference), rel=1e-7)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m: RestrictedBoltzmannMachine(0), "^hidden_size must be an integer >= 1, got 0$"),
        (lambda m: m.contrastive_divergence(DATA, 0, 0), "^k must be an integer >= 1, got 0$"),
        (lambda m: m.contrastive_divergence(DATA, 1, -1), "^seed must be an integer >= 0, got -1$"),
        (
            lambda m: m.contrastive_divergence(DATA, 1, tf.constant(-1)),
            "^seed must be an integer >= 0, got -1$",
        ),
        (
            lambda m: m.contrastive_divergence(DATA, 1, tf.constant(0.5)),
            r"^seed must be an integer >= 0, got float32 of shape \(\)$",
        ),
        (
            lambda m: m.contrastive_divergence(DATA, 1, tf.constant([1, 2])),
            r"^seed must be an integer >= 0, got int32 of shape \(2,\)$",
        ),
        (
            lambda m: m.contrastive_divergence(7 * DATA, 1, 0),
            "^inputs must be 0, 1 or in between, got values from 0.0 to 7.0$",
        ),
        (lambda m: m.likelihood_gradient(np.nan * DATA), "^inputs must be 0, 1 or in between"),
        (lambda m: m.likelihood_gradient(-DATA), "^inputs must be 0, 1 or in between"),
        (
            lambda m: m.hidden(np.ones([2, 5])),
            r"^visible must be \[batch, 4\], got shape \(2, 5\)$",
        ),
        (lambda m: m.hidden(np.ones(4)), r"^visible must be \[batch, 4\], got shape \(4,\)$"),
        (lambda m: m.hidden("no"), "^visible must be numbers of float64, got str$"),
        (
            lambda m: m.hidden(tf.ones([2, 4])),
            "^visible must be of the type of the weights, float64, got float32$",
        ),
        (lambda m: m.visible(np.ones([2, 4])), r"^hidden must be \[batch, 3\], got"),
        (lambda m: m.visible(None), "^hidden must be numbers of float64, got NoneType$"),
        (lambda m: m.energy(np.ones([2, 3]), np.ones([2, 3])), r"^visible must be \[batch, 4\]"),
        (lambda m: m.energy(np.ones([2, 4]), np.ones([2, 4])), r"^hidden must be \[batch, 3\]"),
        (
            lambda m: m.energy(np.ones([2, 4]), np.ones([3, 3])),
            "^hidden must have the batch of visible, 2, got 3$",
        ),
        (
            lambda m: RestrictedBoltzmannMachine(3).hidden(DATA),
            "must be called before it has hidden units, got no call$",
        ),
        (lambda m: m(np.ones([2, 5])), "must have 4 features as at the first call, got 5$"),
        (
            lambda m: _built(21, 22).log_partition(),
            "^the smaller side must have at most 20 units .* got 21 of 21 visible and 22 hidden",
        ),
        (
            lambda m: RestrictedBoltzmannMachine(3).log_partition(),
            "must be called before it has a partition function, got no call$",
        ),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(_built())
