"""Networks drawn from covariances: what is drawn, what is copied, and how well they do."""

import copy

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers
from weirdonetworks.analysis import (
    activations,
    dense_layers,
    refit_head,
    residual,
    sample_network,
)


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _mlp(hidden_sizes=(6, 4), features: int = 3, **kwargs) -> wn.nets.MLP:
    network = wn.nets.MLP(3, hidden_sizes, **kwargs)
    network(tf.constant(_normal(1, features)))
    helpers.randomise_zeros(network)
    return network


def _augmented(layer: snt.Linear) -> np.ndarray:
    return np.concatenate([layer.w.numpy(), layer.b.numpy()[None]])


@pytest.mark.slow
def test_the_first_layer_has_the_covariance_of_the_reference():
    reference, inputs = _mlp((100,)), _normal(10, 3)
    target = _augmented(reference.layers[0])
    target *= np.array([[3.0], [1], [0.2], [1]])
    reference.layers[0].w.assign(target[:3])
    draws = [_augmented(sample_network(reference, inputs, i).layers[0]) for i in range(60)]
    units = np.concatenate(draws, axis=1)  # [in + 1, draws of units]
    expected = target @ target.T / 100
    spread = np.sqrt(np.outer(np.diag(expected), np.diag(expected)) / units.shape[1])
    assert np.all(np.abs(units @ units.T / units.shape[1] - expected) < 5 * spread)
    # Units are normal, independent of each other and of the reference's, and of mean 0.
    kurtosis = np.mean(units**4, axis=1) / np.mean(units**2, axis=1) ** 2
    np.testing.assert_allclose(kurtosis, 3, atol=0.3)
    for others in (np.roll(units, 1, axis=1), np.tile(target, 60), np.ones_like(units)):
        scale = 5 * np.sqrt(np.mean(units**2, axis=1) * np.mean(others**2, axis=1))
        assert np.all(np.abs(np.mean(units * others, axis=1)) < scale / np.sqrt(units.shape[1]))


@pytest.mark.slow
def test_further_layers_are_turned_to_what_they_are_given():
    reference, inputs = _mlp((8, 100), activation="relu"), _normal(100, 3)
    layer = reference.layers[1]
    layer.w.assign(layer.w * np.array([[3.0], [1], [0.2], [1], [1], [1], [2], [0.1]]))
    target = _augmented(layer)
    units = []
    for seed in range(60):
        network = sample_network(reference, inputs, seed)
        hidden, known = (activations(n, inputs)[0] for n in (network, reference))
        u, _, v = np.linalg.svd(hidden.T @ known)
        drawn = _augmented(network.layers[1])
        units.append(np.concatenate([(u @ v).T @ drawn[:8], drawn[8:]]))  # turned back
    units = np.concatenate(units, axis=1)
    expected = target @ target.T / 100
    spread = np.sqrt(np.outer(np.diag(expected), np.diag(expected)) / units.shape[1])
    assert np.all(np.abs(units @ units.T / units.shape[1] - expected) < 5 * spread)


@pytest.mark.slow
def test_white_weights_keep_the_size_only():
    reference, inputs = _mlp((300, 300)), _normal(10, 3)
    reference.layers[0].w.assign(reference.layers[0].w * np.array([[5.0], [1], [0.1]]))
    draws = [sample_network(reference, inputs, i, coloured=False) for i in range(3)]
    for number in (0, 1):
        layer = reference.layers[number]
        units = np.concatenate([n.layers[number].w.numpy() for n in draws], axis=1)
        size = np.mean(layer.w.numpy() ** 2)
        covariance = units @ units.T / units.shape[1]
        np.testing.assert_allclose(covariance, size * np.eye(len(units)), atol=0.25 * size)
        biases = np.mean([n.layers[number].b.numpy() ** 2 for n in draws])
        assert biases == pytest.approx(np.mean(layer.b.numpy() ** 2), rel=0.2)


@pytest.mark.slow
def test_the_head_is_the_references_turned():
    reference, inputs = _mlp(), _normal(40, 3)
    network = sample_network(reference, inputs)
    hidden, known = (activations(n, inputs)[-1] for n in (network, reference))
    u, _, v = np.linalg.svd(hidden.T @ known)
    head, target = network.layers[-1], reference.layers[-1]
    np.testing.assert_allclose(head.w, u @ v @ target.w.numpy(), rtol=1e-9)
    np.testing.assert_array_equal(head.b, target.b)
    unaligned = sample_network(reference, inputs, aligned=False).layers[-1]
    np.testing.assert_array_equal(unaligned.w, target.w)


@pytest.mark.slow
def test_a_seed_is_a_draw_and_the_reference_stays():
    reference, inputs = _mlp(dropout=0.2), _normal(40, 3)
    before = [v.numpy() for v in reference.variables]
    one, same, other = (sample_network(reference, inputs, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one(inputs), same(inputs))
    assert np.abs(one(inputs) - other(inputs)).max() > 1e-3
    assert np.abs(one(inputs) - reference(inputs)).max() > 1e-3
    for variable, value in zip(reference.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.slow
def test_wider_networks_compute_the_same_function_at_each_draw():
    """Of one covariance, not the identity; without alignment or colour, another function."""
    inputs, held_out = _normal(600, 4), _normal(300, 4, seed=1)
    controls = {"aligned": {}, "unaligned": {"aligned": False}, "white": {"coloured": False}}
    left = {name: [] for name in controls}
    for width in (8, 32, 128):
        reference = _mlp((width,), features=4, activation="relu")
        first, head = reference.layers
        first.w.assign(first.w * np.array([[2.0], [1], [0.5], [0.1]]))
        head.b.assign(tf.zeros_like(head.b))  # which would be the same in all
        for name, arguments in controls.items():
            networks = [sample_network(reference, inputs, i, **arguments) for i in range(4)]
            misses = [residual(reference(held_out), network(held_out)) for network in networks]
            left[name].append(np.mean(misses))
    narrow, middle, wide = left["aligned"]
    assert wide < middle / 2 < narrow / 4 and wide < 0.05
    assert min(left["unaligned"]) > 0.4 and left["white"][2] > 2 * wide


@pytest.fixture(scope="module")
def task():
    """Two rings, which no linear function of the inputs tells apart, and a trained network."""
    inputs = _normal(2000, 8).astype(np.float32)
    labels = (np.sum(inputs[:, :2] ** 2, axis=1) > 1.4).astype(np.int32)
    tf.random.set_seed(0)
    network = wn.nets.MLP(2, (128,), activation="relu")
    optimizer = snt.optimizers.Adam(0.01)
    network(inputs[:1])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, network(inputs))
            loss = tf.reduce_mean(losses)
        optimizer.apply(
            tape.gradient(loss, network.trainable_variables), network.trainable_variables
        )

    for _ in range(150):
        step()
    return network, inputs, labels


def _accuracy(network: snt.Module, inputs: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(np.argmax(network(inputs), axis=1) == labels))


@pytest.mark.slow
def test_a_sampled_network_classifies(task):
    network, inputs, labels = task
    assert _accuracy(network, inputs, labels) > 0.97
    aligned, unaligned = (
        np.mean(
            [
                _accuracy(sample_network(network, inputs, i, aligned=a), inputs, labels)
                for i in range(5)
            ]
        )
        for a in (True, False)
    )
    assert aligned > 0.85 and unaligned < 0.7


@pytest.mark.slow
def test_a_head_fitted_anew(task):
    network, inputs, labels = task
    white = sample_network(network, inputs, coloured=False, aligned=False)
    before = [v.numpy() for v in white.variables]
    refitted = refit_head(white, inputs, labels)
    assert _accuracy(refitted, inputs, labels) > max(0.8, _accuracy(white, inputs, labels) + 0.1)
    for variable, value in zip(white.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    np.testing.assert_array_equal(refitted.layers[0].w, white.layers[0].w)
    coloured = refit_head(sample_network(network, inputs), inputs, labels)
    assert _accuracy(coloured, inputs, labels) > _accuracy(refitted, inputs, labels) + 0.02


@pytest.mark.slow
def test_the_head_is_the_least_of_its_sum(task):
    network, inputs, labels = task
    network, inputs, labels = copy.deepcopy(network), inputs[:300], labels[:300]
    hidden = activations(network, inputs)[-1].astype(np.float64)
    scale = hidden.var(axis=0).mean()
    head = dense_layers(refit_head(network, inputs, labels, ridge=0.1))[-1]

    def total(w, b):
        misses = hidden @ w + b - np.eye(2)[labels]
        return np.sum(misses**2) / 300 + 0.1 * scale * np.sum(w**2)

    w, b = head.w.numpy().astype(np.float64), head.b.numpy()
    least = total(w, b)
    for seed in range(20):
        change = 1e-3 * _normal(*w.shape, seed=seed)
        assert total(w + change, b) > least < total(w, b + 1e-2 * _normal(2, seed=seed))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [0.0, 0.1, 7.3])
def test_a_head_on_hidden_units_that_do_not_vary(dtype, bias):
    network = wn.nets.MLP(3, (6,), activation="relu")
    inputs = _normal(40, 3).astype(dtype)
    network(inputs)
    hidden = network.layers[0]
    hidden.w.assign(tf.zeros_like(hidden.w)), hidden.b.assign(tf.fill([6], tf.cast(bias, dtype)))
    labels = np.array([0] * 20 + [1] * 15 + [2] * 5)
    head = refit_head(network, inputs, labels).layers[-1]
    np.testing.assert_array_equal(head.w, np.zeros((6, 3)))
    np.testing.assert_allclose(head.b, [0.5, 0.375, 0.125], rtol=1e-6)


@pytest.mark.slow
def test_one_seed_draws_from_the_same_random_numbers():
    """So that white layers of two references are one, up to the size."""
    inputs = _normal(10, 3)
    references = [_mlp((50,)) for _ in range(2)]
    references[1].layers[0].w.assign(_normal(3, 50, seed=5))

    def correlation(*seeds: int) -> float:
        drawn = [
            sample_network(reference, inputs, seed, coloured=False).layers[0].w.numpy().ravel()
            for reference, seed in zip(references, seeds, strict=True)
        ]
        return np.corrcoef(*drawn)[0, 1]

    assert correlation(0, 0) == pytest.approx(1)
    assert abs(correlation(0, 1)) < 0.4


def test_layers_without_bias():
    network = snt.Sequential(
        [snt.Linear(6, with_bias=False), tf.nn.relu, snt.Linear(3, with_bias=False)]
    )
    inputs = tf.constant(_normal(40, 3))
    network(inputs)
    assert sample_network(network, inputs)(inputs).shape == (40, 3)
    with pytest.raises(ValueError, match=r"^network must have a hidden layer, and a bias in its"):
        refit_head(network, inputs, np.zeros(40, int))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_of_the_network(dtype):
    network = wn.nets.MLP(3, (6,))
    inputs = _normal(40, 3).astype(dtype)
    network(inputs)
    assert sample_network(network, inputs)(inputs).dtype == dtype
    assert refit_head(network, inputs, np.zeros(40, int))(inputs).dtype == dtype


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, r"^seed must be an integer >= 0, got -1$"),
        ({"coloured": 1}, r"^coloured must be True or False, got 1$"),
        ({"aligned": "no"}, r"^aligned must be True or False, got 'no'$"),
        ({"inputs": np.ones((2, 3), int)}, r"^inputs must be of a floating type"),
        ({"reference": wn.nets.MLP()}, r"^network must have been called"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        sample_network(**{"reference": _mlp(), "inputs": _normal(4, 3), **arguments})


@pytest.mark.parametrize(
    ("labels", "ridge", "message"),
    [
        (np.zeros(3, int), 1.0, r"^labels must be integers of shape \(4,\), got int64 \(3,\)$"),
        (np.zeros(4), 1.0, r"^labels must be integers of shape \(4,\), got float64 \(4,\)$"),
        (np.array([0, 1, 2, 3]), 1.0, r"^labels must be in 0 .. 2, got 0 .. 3$"),
        (np.array([0, 1, 2, -1]), 1.0, r"^labels must be in 0 .. 2, got -1 .. 2$"),
        (np.zeros(4, int), 0, r"^ridge must be a finite number > 0, got 0$"),
    ],
)
def test_bad_heads(labels, ridge, message):
    with pytest.raises(ValueError, match=message):
        refit_head(_mlp(), _normal(4, 3), labels, ridge)
