"""The plain step, and what all steps share: objective, outcome, images that are moved first."""

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import sonnet as snt
import tensorflow as tf

from training.data.transformations import Draw, Transformations

Objective = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Outcome(NamedTuple):
    """The result of a step: scalar loss, logits [batch, classes], a gradient per variable.

    `after(rate)`, if any, is called when the optimizer has applied the gradients, with the
    learning rate of the step; it may update the variables further.
    """

    loss: tf.Tensor
    logits: tf.Tensor
    gradients: Sequence[tf.Tensor]
    after: Callable[[tf.Tensor], None] | None = None


Step = Callable[[snt.Module, Objective, tf.Tensor, tf.Tensor, Draw], Outcome]


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
    network: snt.Module,
    objective: Objective,
    images: tf.Tensor,
    labels: tf.Tensor,
    draw: Draw | None = None,
) -> Outcome:
    """The gradient of the objective on the batch; draws nothing."""
    with tf.GradientTape() as tape:
        logits = network(images, is_training=True)
        loss = objective(logits, labels)
    return Outcome(loss, logits, tape.gradient(loss, network.trainable_variables))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distorted(Transformations, abc.ABC):
    """A step, `act`, on images that arguments of `Transformations` move first; by default none."""

    degrees: float = 0.0

    def __post_init__(self):
        if self.moves:
            super().__post_init__()

    def __call__(self, network, objective, images, labels, draw: Draw) -> Outcome:
        images = self.apply(images, draw) if self.moves else images
        # What the step draws is independent of the transformations.
        return self.act(network, objective, images, labels, draw.fork(2))

    @abc.abstractmethod
    def act(self, network, objective, images, labels, draw: Draw) -> Outcome:
        """What the step does with the images as they are now."""
