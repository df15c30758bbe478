"""What one update does: a batch -> loss, logits and the gradients to apply."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import sonnet as snt
import tensorflow as tf

Objective = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Outcome(NamedTuple):
    """The result of a step: scalar loss, logits [batch, classes], a gradient per variable."""

    loss: tf.Tensor
    logits: tf.Tensor
    gradients: Sequence[tf.Tensor]


def cross_entropy(label_smoothing: float = 0.0) -> Objective:
    """Mean cross-entropy against (1 - s) onehot(label) + s / classes."""

    def objective(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        sparse = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        if not label_smoothing:
            return tf.reduce_mean(sparse)
        uniform = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=1)
        return tf.reduce_mean((1 - label_smoothing) * sparse + label_smoothing * uniform)

    return objective


def plain(
    network: snt.Module, objective: Objective, images: tf.Tensor, labels: tf.Tensor
) -> Outcome:
    """The gradient of the objective on the batch."""
    with tf.GradientTape() as tape:
        logits = network(images, is_training=True)
        loss = objective(logits, labels)
    return Outcome(loss, logits, tape.gradient(loss, network.trainable_variables))
