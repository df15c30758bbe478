"""LipschitzMLP: its formula, and that it stretches nothing, whatever its weights."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.nets import MLP, LipschitzMLP
from weirdonetworks.stability import lipschitz_constant

RNG = np.random.default_rng(0)


def _built(images, **kwargs) -> LipschitzMLP:
    net = LipschitzMLP(**{"hidden_sizes": (12, 8), **kwargs})
    net(images)
    helpers.randomise_zeros(net)
    return net


@pytest.mark.slow
def test_formula(noise):
    net = _built(noise)
    x = noise.reshape(20, 784)
    for layer in net.layers[:-1]:
        x = x @ layer.matrix().numpy() + layer.b.numpy()
        x = np.sort(x.reshape(20, -1, 2), axis=2).reshape(20, -1)
    expected = x @ net.layers[-1].matrix().numpy() + net.layers[-1].b.numpy()
    np.testing.assert_allclose(net(noise), expected, rtol=1e-9)


@pytest.mark.slow
def test_it_stretches_nothing():
    """At the start, and with weights of any size; an MLP of these weights does."""
    x, y = RNG.normal(size=(2, 40, 30))
    net = _built(x, iterations=2)
    for size in (0.0, 1.0, 100.0):
        for layer in net.layers:
            layer.w.assign_add(size * RNG.normal(size=layer.w.shape))
        moved = np.linalg.norm(net(x) - net(y), axis=1) / np.linalg.norm(x - y, axis=1)
        assert 0 < moved.max() <= 1
        assert lipschitz_constant(net) <= net.lipschitz_bound * (1 + 1e-8)
    plain = MLP(10, (12, 8))
    plain(x)
    for mine, theirs in zip(plain.layers, net.layers, strict=True):
        mine.w.assign(theirs.w)
    assert lipschitz_constant(plain) > 1e4


@pytest.mark.slow
def test_gradients_keep_their_length():
    """Where no layer narrows on the way back, a logit's gradient has the length 1."""
    x = tf.constant(RNG.normal(size=(9, 8)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = _built(x, num_classes=3, hidden_sizes=(8, 8, 8))(x)[:, 1]
    np.testing.assert_allclose(np.linalg.norm(tape.gradient(logits, x), axis=1), 1, rtol=1e-10)
    with tf.GradientTape() as tape:
        tape.watch(x)
        other = MLP(3, (8, 8, 8), "relu")(x)[:, 1]
    assert np.linalg.norm(tape.gradient(other, x), axis=1).std() > 0.01


@pytest.mark.slow
def test_retract(noise):
    net = _built(noise)
    for layer in net.layers:
        layer.w.assign_add(0.02 * RNG.normal(size=layer.w.shape))
    before = net(noise).numpy()
    net.retract()
    np.testing.assert_allclose(net(noise), before, atol=1e-11)
    for layer in net.layers:
        np.testing.assert_allclose(layer.w, layer.matrix(), atol=1e-12)


def test_odd_sizes():
    with pytest.raises(ValueError, match=r"^hidden_sizes\[1\] must be even, .* got 5$"):
        LipschitzMLP(3, (4, 5))
