"""Optimizers by name and the schedule of the learning rate."""

import math
from collections.abc import Callable, Sequence

import sonnet as snt
import tensorflow as tf

from training.engine.exponentiated_gradient import ExponentiatedGradient
from weirdonetworks import _checks


class Adam(snt.optimizers.Adam):
    """Sonnet's Adam, with the corrections of the biases moved into two scalars:

        alpha (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
          = (alpha r / (1 - b1^t)) m / (sqrt(v) + eps r)

    with r = sqrt(1 - b2^t). That is a root and a division a weight in place of a root and three
    divisions, which were two fifths of the time of an update (Kingma and Ba 2015, end of section 2,
    for eps r instead of eps).
    """

    def apply(self, updates: Sequence[tf.Tensor | None], parameters: Sequence[tf.Variable]):
        """Updates the parameters in place; those whose update is None stay."""
        self._initialize(parameters)
        self.step.assign_add(1)
        for g, x, m, v in zip(updates, parameters, self.m, self.v, strict=True):
            if g is None:
                continue
            g = tf.convert_to_tensor(g)
            alpha, b1, b2, eps, t = (
                tf.cast(value, g.dtype)
                for value in (self.learning_rate, self.beta1, self.beta2, self.epsilon, self.step)
            )
            r = tf.sqrt(1 - b2**t)
            m.assign(b1 * m + (1 - b1) * g)
            v.assign(b2 * v + (1 - b2) * tf.square(g))
            x.assign_sub(alpha * r / (1 - b1**t) * m / (tf.sqrt(v) + eps * r))


OPTIMIZERS: dict[str, Callable[[tf.Variable], snt.Optimizer]] = {
    "adam": lambda rate: Adam(rate),
    "sgd": lambda rate: snt.optimizers.SGD(rate),
    "momentum": lambda rate: snt.optimizers.Momentum(rate, momentum=0.9),
    "rmsprop": lambda rate: snt.optimizers.RMSProp(rate),
    "eg": lambda rate: ExponentiatedGradient(rate),
}

SCHEDULES: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "constant": tf.ones_like,
    "linear": lambda t: 1 - t,
    "cosine": lambda t: 0.5 * (1 + tf.cos(math.pi * t)),
}


def create_optimizer(name: str, learning_rate: float | tf.Tensor | tf.Variable) -> snt.Optimizer:
    """The optimizer of this name; its learning rate is a variable, so that it can be scheduled.

    learning_rate: a number > 0, or a tensor or variable, of which the value is taken as it is now.

    Raises:
      ValueError: an unknown name, or a rate that is neither.
    """
    _checks.choice("optimizer", name, OPTIMIZERS)
    if not isinstance(learning_rate, (tf.Tensor, tf.Variable)):
        _checks.positive("learning_rate", learning_rate)
    return OPTIMIZERS[name](
        tf.Variable(learning_rate, dtype=tf.float32, trainable=False, name="learning_rate")
    )


def scheduled(
    name: str, peak: float, step: tf.Tensor, total_steps: int, warmup_steps: int
) -> tf.Tensor:
    """The learning rate of a step: a linear rise to `peak`, then the schedule down to the end."""
    step = tf.cast(step, tf.float32)
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    rise = tf.minimum(1.0, (step + 1) / (warmup_steps + 1))
    return peak * rise * SCHEDULES[name](tf.clip_by_value(progress, 0.0, 1.0))
