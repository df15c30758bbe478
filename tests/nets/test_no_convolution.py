"""There is no convolution and no batch normalisation in any network."""

import re

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers

FORBIDDEN = re.compile("conv|batchnorm|batch_norm", re.IGNORECASE)
SPEC = tf.TensorSpec([None, 28, 28, 1], tf.float32)


def forbidden(net: snt.Module) -> set[str]:
    """Types of forbidden operations in a training step's graph, and of forbidden modules."""
    net(tf.zeros([2, 28, 28, 1]), is_training=True)

    def training_step(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = tf.reduce_sum(tf.square(net(images, is_training=True)))
        return tape.gradient(loss, [images, *net.trainable_variables])

    ops = helpers.graph_ops(training_step, SPEC)
    ops += helpers.graph_ops(lambda images: net(images, is_training=False), SPEC)
    assert {"MatMul", "Placeholder"} <= {op.type for op in ops}
    classes = {cls.__name__ for m in net.submodules for cls in type(m).__mro__}
    return {name for name in {op.type for op in ops} | classes if FORBIDDEN.search(name)}


@pytest.mark.slow
@pytest.mark.parametrize("name", wn.list_networks())
def test_networks_do_without(name):
    assert not forbidden(wn.create_network(name, dropout=0.1))


class Control(snt.Module):
    """A network with a part that must be found."""

    def __init__(self, part, hide):
        super().__init__()
        self.part, self.hide, self.linear = part, hide, snt.Linear(3)

    def __call__(self, images, is_training):
        def call():
            if isinstance(self.part, snt.Conv2D):
                return self.part(images)
            return self.part(images, is_training=is_training)

        return self.linear(snt.flatten(self.hide(call)))


def _in_a_loop(call):
    return tf.while_loop(lambda i, _: i < 2, lambda i, _: (i + 1, call()), [0, call()])[1]


HIDING = {
    "in sight": lambda call: call(),
    "in a function": lambda call: tf.function(call)(),
    "in a branch": lambda call: tf.cond(tf.random.uniform([]) < 0.5, call, lambda: 2 * call()),
    "in a loop": _in_a_loop,
}


@pytest.mark.slow
@pytest.mark.parametrize("hide", HIDING)
def test_a_convolution_is_found(hide):
    found = forbidden(Control(snt.Conv2D(1, 3), HIDING[hide]))
    assert {"Conv2D", "Conv2DBackpropFilter", "Conv2DBackpropInput", "ConvND"} <= found


@pytest.mark.slow
def test_batch_normalisation_is_found():
    assert "BatchNorm" in forbidden(Control(snt.BatchNorm(True, True), HIDING["in sight"]))
    fused = lambda images: tf.compat.v1.nn.fused_batch_norm(images, [1.0], [0.0])[0]  # noqa: E731
    net = Control(lambda images, is_training: fused(images), HIDING["in sight"])
    assert any("FusedBatchNorm" in name for name in forbidden(net))


def _rows_are_alone(net: snt.Module) -> bool:
    """Whether an image's logits in training are the same in any company."""
    images = tf.random.stateless_uniform([6, 28, 28, 1], [0, 0])
    net(images, is_training=True)
    alone = [net(images[i : i + 2], is_training=True) for i in (0, 2, 4)]
    together = net(images, is_training=True)
    return np.allclose(together, tf.concat(alone, axis=0), rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", wn.list_networks())
def test_images_of_a_batch_do_not_see_each_other(name):
    assert _rows_are_alone(wn.create_network(name))


def test_in_batch_normalisation_they_do():
    assert not _rows_are_alone(Control(snt.BatchNorm(True, True), HIDING["in sight"]))
