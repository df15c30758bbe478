"""DynamicMLP: its formula, its parameters, and that it learns what needs products."""

import numpy as np
import pytest
import scipy.special
import sonnet as snt
import tensorflow as tf

from tests import helpers
from weirdonetworks.nets import MLP, DynamicMLP

X = np.random.default_rng(0).uniform(size=(6, 3, 3, 1))


def _built(*args, **kwargs) -> DynamicMLP:
    net = DynamicMLP(4, *args, **kwargs)
    net(X)
    helpers.randomise_zeros(net)
    return net


@pytest.mark.slow
@pytest.mark.parametrize("rank", [2, None])
def test_formula(rank):
    net = _built((5, 6), rank, activation="tanh")
    x = X.reshape(6, 9)
    for layer in net.layers[:2]:
        w = layer.weights(x).numpy()
        x = np.tanh(np.einsum("bi,bio->bo", x, w) + layer.b.numpy())
    head = net.layers[2]
    np.testing.assert_allclose(net(X), x @ head.w.numpy() + head.b.numpy(), rtol=1e-10)


def test_without_a_dynamic_part_it_is_an_mlp():
    net, mlp = _built((5,)), MLP(4, (5,))
    mlp(X)
    layer = net.layers[0]
    layer.u.assign(tf.zeros_like(layer.u))
    for dense, linear in zip(net.layers, mlp.layers, strict=True):
        linear.w.assign(dense.w)
        linear.b.assign(dense.b)
    np.testing.assert_allclose(net(X), mlp(X), rtol=1e-10)
    layer.u.assign(tf.ones_like(layer.u))
    assert np.abs(net(X) - mlp(X)).max() > 1e-3


@pytest.mark.parametrize(
    ("rank", "generated"),
    [(2, (9 + 1) * 3 + (3 + 1) * 2 + 2 * (9 + 5)), (None, (9 + 1) * 3 + (3 + 1) * 9 * 5)],
)
def test_number_of_parameters(rank, generated):
    net = _built((5,), rank, generator_sizes=(3,))
    static = (9 + 1) * 5 + (5 + 1) * 4
    assert sum(v.shape.num_elements() for v in net.trainable_variables) == static + generated


@pytest.mark.slow
def test_dropout_acts_in_training_only():
    net = _built((5,), input_dropout=0.5)
    assert np.array_equal(net(X), net(X))
    assert np.any(net(X, is_training=True) != net(X))


@pytest.mark.slow
def test_the_activation_is_the_one_that_was_asked_for():
    x = X.reshape(6, 9)
    for name, function in (("relu", lambda z: np.maximum(z, 0)), ("gelu", None)):
        net = _built((5,), activation=name)
        layer, head = net.layers
        z = np.einsum("bi,bio->bo", x, layer.weights(x)) + layer.b.numpy()
        h = function(z) if function else z * scipy.special.ndtr(z)
        np.testing.assert_allclose(net(X), h @ head.w.numpy() + head.b.numpy(), rtol=1e-10)


def _accuracy_on_signs_of_products(net) -> float:
    """After learning the sign of x_1 x_2 from 256 points, on as many others."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.uniform(-1, 1, [512, 1, 2, 1]), tf.float32)
    labels = tf.cast(x[:, 0, 0, 0] * x[:, 0, 1, 0] > 0, tf.int32)
    net(x)
    optimizer = snt.optimizers.Adam(0.03)
    optimizer._initialize(net.trainable_variables)

    @tf.function(jit_compile=True, autograph=False)
    def step():
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels[:256], net(x[:256]))
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)

    for _ in range(300):
        step()
    return float(np.mean(np.argmax(net(x[256:]), axis=1) == labels[256:]))


@pytest.mark.slow
@pytest.mark.parametrize("rank", [2, None])
def test_it_learns_what_needs_products(rank):
    """Without an activation: weights that depend on the input multiply it, and an MLP's do not."""
    tf.random.set_seed(0)
    net = DynamicMLP(2, (4,), rank, activation="identity")
    assert _accuracy_on_signs_of_products(net) > 0.9
    assert _accuracy_on_signs_of_products(MLP(2, (4,), activation="identity")) < 0.7
