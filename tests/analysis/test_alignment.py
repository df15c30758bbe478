"""Rotations between networks: exact where one is the other turned, and the law of large numbers."""

import copy

import numpy as np
import pytest
import scipy.linalg
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers
from weirdonetworks.analysis import (
    align_networks,
    dense_layers,
    procrustes,
    random_rotation,
    residual,
)


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _mlp(hidden_sizes=(9, 7), features: int = 5, seed: int = 0, **kwargs) -> wn.nets.MLP:
    tf.random.set_seed(seed)
    network = wn.nets.MLP(3, hidden_sizes, **kwargs)
    network(tf.constant(_normal(1, features)))
    helpers.randomise_zeros(network, seed=seed)
    return network


@pytest.mark.slow
def test_a_rotation_is_found():
    source, rotation = _normal(50, 6), random_rotation(6, seed=1)
    found = procrustes(source @ rotation, source)
    np.testing.assert_allclose(found, rotation, atol=1e-12)
    assert residual(source @ rotation, source @ found) < 1e-25


def test_it_is_the_best_of_all():
    target, source = _normal(50, 4), _normal(50, 4, seed=1)
    best = procrustes(target, source)
    np.testing.assert_allclose(best.T @ best, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(best, scipy.linalg.orthogonal_procrustes(source, target)[0])
    least = residual(target, source @ best)
    near = [best @ scipy.linalg.expm(0.1 * (s - s.T)) for s in _normal(50, 4, 4, seed=2)]
    others = [*near, *(random_rotation(4, seed=i) for i in range(200))]
    assert all(residual(target, source @ other) > least for other in others)


def test_the_residual():
    target, source = _normal(50, 4), _normal(50, 4, seed=1)
    nuclear = np.sum(np.linalg.svd(source.T @ target, compute_uv=False))
    formula = 1 - 2 * nuclear / (np.sum(target**2) + np.sum(source**2))
    assert residual(target, source @ procrustes(target, source)) == pytest.approx(formula)
    assert residual(target, target) == 0 and residual(target, -target) == 2
    assert residual([[1, 0]], [[0, 3]]) == 1 and residual(target, 0 * target) == 1


@pytest.mark.slow
def test_random_rotations():
    drawn = np.array([random_rotation(3, seed=i) for i in range(3000)])
    np.testing.assert_allclose(drawn @ drawn.transpose(0, 2, 1) - np.eye(3), 0, atol=1e-12)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose((drawn**2).mean(axis=0), 1 / 3, atol=0.02)  # QR alone is not uniform
    assert 0.45 < np.mean(np.linalg.det(drawn) > 0) < 0.55
    np.testing.assert_array_equal(random_rotation(3, seed=2), drawn[2])


def _permuted(network: wn.nets.MLP, seed: int = 3) -> wn.nets.MLP:
    """The same function: hidden units in another order."""
    network = copy.deepcopy(network)
    generator = np.random.default_rng(seed)
    *hidden, _ = layers = dense_layers(network)
    for layer, following in zip(hidden, layers[1:], strict=True):
        order = generator.permutation(layer.w.shape[1])
        layer.w.assign(layer.w.numpy()[:, order])
        layer.b.assign(layer.b.numpy()[order])
        following.w.assign(following.w.numpy()[order])
    return network


@pytest.mark.slow
def test_a_network_in_another_order_is_aligned_exactly():
    network, inputs = _mlp(), _normal(200, 5)
    permuted = _permuted(network)
    np.testing.assert_allclose(network(inputs), permuted(inputs), rtol=1e-9)
    found = align_networks(network, permuted, inputs, held_out=_normal(100, 5, seed=1))
    for hidden in found.hidden:
        assert hidden.residual < 1e-20
        assert hidden.unaligned > 0.1 and hidden.random > 0.1
        np.testing.assert_allclose(np.sort(hidden.rotation)[:, -1], 1)  # a permutation
    for weights in found.weights:
        assert weights.frobenius == pytest.approx(0, abs=1e-12)
        assert weights.bures == pytest.approx(0, abs=1e-7)
    assert found.weights[0].frobenius_unaligned == pytest.approx(0, abs=1e-12)  # inputs are fixed
    assert found.weights[1].frobenius_unaligned > 0.1 < found.weights[2].bures_unaligned


@pytest.mark.slow
def test_a_linear_network_may_turn_as_it_likes():
    network, inputs = _mlp(activation="identity"), _normal(200, 5)
    turned = copy.deepcopy(network)
    first, second, _ = turned.layers
    rotation = random_rotation(9)
    first.w.assign(first.w @ rotation), first.b.assign(tf.linalg.matvec(rotation.T, first.b))
    second.w.assign(rotation.T @ second.w)
    hidden, _ = align_networks(network, turned, inputs).hidden
    assert hidden.residual < 1e-20 and hidden.unaligned > 0.1
    # With an activation in between, that is another network.
    network, turned = _mlp(), copy.deepcopy(turned)
    turned.activation = network.activation
    assert align_networks(network, turned, inputs).hidden[0].residual > 1e-3


@pytest.mark.slow
def test_wide_random_networks_are_rotations_of_each_other():
    """By the law of large numbers for the kernel of random features; not so of other kernels."""
    inputs, held_out = _normal(600, 5), _normal(300, 5, seed=1)
    left, spoilt = [], []
    for width in (8, 32, 128):
        a, b = (_mlp((width,), seed=seed, activation="relu") for seed in (0, 1))
        left.append(align_networks(a, b, inputs, held_out).hidden[0].residual)
        b.layers[0].w.assign(b.layers[0].w * np.array([[3], [1], [1], [1], [0.1]]))
        spoilt.append(align_networks(a, b, inputs, held_out).hidden[0].residual)
    assert all(later < earlier / 2 for earlier, later in zip(left, left[1:], strict=False))
    assert left[-1] < 0.04 and min(spoilt) > 0.05


@pytest.mark.slow
def test_held_out_inputs_show_what_is_fitted_to_noise():
    """As many inputs as units: a rotation fits whatever it is given."""
    a, b = (_mlp((64,), features=64, seed=seed) for seed in (0, 1))
    inputs, held_out = _normal(64, 64), _normal(500, 64, seed=1)
    seen = align_networks(a, b, inputs).hidden[0].residual
    unseen = align_networks(a, b, inputs, held_out).hidden[0].residual
    assert unseen > seen + 0.1


def test_what_is_left_may_be_more_than_one_on_held_out_inputs():
    """One unit each, x_0 and x_1: which sign aligns them depends on the inputs."""
    a, b = (snt.Sequential([snt.Linear(1, with_bias=False), snt.Linear(3)]) for _ in range(2))
    for network, weights in ((a, [[1.0], [0.0]]), (b, [[0.0], [1.0]])):
        network(tf.zeros([1, 2]))
        dense_layers(network)[0].w.assign(weights)
    same, opposite = (np.array([[1, sign], [2, sign * 2]], np.float32) for sign in (1, -1))
    assert align_networks(a, b, same).hidden[0].residual == pytest.approx(0, abs=1e-9)
    assert align_networks(a, b, opposite).hidden[0].residual == pytest.approx(0, abs=1e-9)
    found = align_networks(a, b, same, opposite).hidden[0]
    assert found.residual == pytest.approx(2) and found.unaligned == pytest.approx(2)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "spread"), [(1, 0.9), (64, 0.5)])
def test_random_rotations_leave_one_in_the_mean(width, spread):
    a, b = (_mlp((width,), seed=seed, activation="relu") for seed in (0, 1))
    found = [align_networks(a, b, _normal(50, 5), seed=i).hidden[0].random for i in range(40)]
    assert np.mean(found) == pytest.approx(1, abs=0.2 * spread)
    assert np.max(np.abs(np.subtract(found, 1))) < spread


@pytest.mark.slow
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_layers_that_are_zero_in_both_networks_are_equal(layer):
    a, b = _mlp(activation="relu"), _mlp(seed=1, activation="relu")
    for network in (a, b):
        for variable in network.layers[layer].variables:
            variable.assign(tf.zeros_like(variable))
    found = align_networks(a, b, _normal(20, 5))
    assert found.weights[layer] == (0, 0, 0, 0)
    assert all(min(w) > 0 for i, w in enumerate(found.weights) if i != layer)
    if layer < 2:
        assert found.hidden[layer][1:] == (0, 0, 0)
    # In one of them only, all of the other is left.
    found = align_networks(a, _mlp(seed=1, activation="relu"), _normal(20, 5))
    assert found.weights[layer] == (1, 1, 1, 1)
    if layer < 2:
        assert found.hidden[layer][1:] == (1, 1, 1)


@pytest.mark.slow
def test_the_networks_stay_as_they_are():
    a, b = _mlp(), _mlp(seed=1)
    before = [v.numpy() for network in (a, b) for v in network.variables]
    align_networks(a, b, _normal(20, 5))
    for variable, value in zip([*a.variables, *b.variables], before, strict=True):
        np.testing.assert_array_equal(variable, value)


def _sequential() -> snt.Sequential:
    network = snt.Sequential([snt.Linear(9), tf.nn.relu, snt.Linear(7), tf.nn.relu, snt.Linear(3)])
    network(tf.constant(_normal(1, 5)))
    return network


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (_sequential, r"^second must be a network of the class of first, MLP, got Sequential$"),
        (
            lambda: _mlp((9, 8)),
            r"^second must have weights of the shapes of first, \[\(5, 9\), \(9, 7\), \(7, 3\)\], "
            r"got \[\(5, 9\), \(9, 8\), \(8, 3\)\]$",
        ),
        (lambda: _mlp((9,)), r"^second must have weights of the shapes of first, .*\(9, 3\)\]$"),
        (lambda: _mlp(features=4), r"^second must have weights of the shapes of first, .*\(4, 9\)"),
        (lambda: wn.nets.MLP(3, (9, 7)), r"^network must have been called"),
        (lambda: None, r"^network must be a Sonnet module, got None$"),
    ],
)
def test_networks_that_are_not_comparable(second, message):
    with pytest.raises(ValueError, match=message):
        align_networks(_mlp(), second(), _normal(20, 5))


@pytest.mark.parametrize("function", [procrustes, residual])
def test_bad_arrays(function):
    with pytest.raises(ValueError, match=r"^source must have the shape of target, \(2, 3\), got"):
        function(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"^target must be \[n, size\] .* got \(3,\)$"):
        function(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match=r"^source must be finite, got 1 that are not$"):
        function(np.ones((1, 1)), [[np.nan]])


def test_bad_numbers():
    with pytest.raises(ValueError, match=r"^target and source must not both be 0$"):
        residual([[0.0]], [[0.0]])
    with pytest.raises(ValueError, match=r"^size must be an integer >= 1, got 0$"):
        random_rotation(0)
    with pytest.raises(ValueError, match=r"^seed must be an integer >= 0, got -1$"):
        random_rotation(2, seed=-1)
