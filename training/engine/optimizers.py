"""Optimizers by name and the schedule of the learning rate."""

import math
from collections.abc import Callable

import sonnet as snt
import tensorflow as tf

from training.engine.adam import Adam
from training.engine.exponentiated_gradient import ExponentiatedGradient
from training.engine.muon import Muon
from weirdonetworks import _checks

OPTIMIZERS: dict[str, Callable[[tf.Variable], snt.Optimizer]] = {
    "adam": lambda rate: Adam(rate),
    "sgd": lambda rate: snt.optimizers.SGD(rate),
    "momentum": lambda rate: snt.optimizers.Momentum(rate, momentum=0.9),
    "rmsprop": lambda rate: snt.optimizers.RMSProp(rate),
    "muon": lambda rate: Muon(rate),
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
