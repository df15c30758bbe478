"""Regression on rows of one's own by the layer itself."""

import numpy as np
import tensorflow as tf

from training.engine import optimizers
from training.studies.autoactivation.checked import checked_numbers
from weirdonetworks import _checks
from weirdonetworks.functional.parameter_activations import get_parameter_activation
from weirdonetworks.layers.autoactivation import AutoactivationDense


def fit(
    x: np.ndarray,
    y: np.ndarray,
    parameter_activation: str = "exp",
    sign: str = "paired",
    *,
    optimizer: str = "sgd",
    learning_rate: float = 0.1,
    steps: int = 100,
    seed: int = 0,
) -> tuple[AutoactivationDense, np.ndarray]:
    """Fits y = phi(W) x to rows by the layer itself: the layer, and the loss before each step.

    The loss is half of the mean squared error over all rows. For data of one's own, and what the
    tests hold `run` against.

    Args:
      x: [rows, inputs]. y: [rows].

    Raises:
      ValueError: other shapes, what is no real number, or not finite, or negative for a map that
        makes positive weights only (sign = `positive`); an unknown optimizer, a rate that is not
        finite and > 0, no steps, a seed that is no integer >= 0; or what the layer refuses.
    """
    _checks.choice("optimizer", optimizer, optimizers.OPTIMIZERS)
    _checks.positive("learning_rate", learning_rate)
    _checks.integer("steps", steps)
    _checks.integer("seed", seed, 0)
    x, y = (checked_numbers(*pair).astype(np.float64) for pair in (("x", x), ("y", y)))
    if x.ndim != 2 or not x.size or y.shape != x.shape[:1]:
        raise ValueError(f"x must be [rows, inputs] and y [rows], got {x.shape} and {y.shape}")
    for name, values in (("x", x), ("y", y)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite, got {values[~np.isfinite(values)][0]}")
        positive = sign == "positive" and get_parameter_activation(parameter_activation).lower >= 0
        if positive and values.min() < 0:
            raise ValueError(
                f"{name} must be >= 0 for {parameter_activation!r} with sign='positive' (or give "
                f"sign='paired'), got {values.min():g}"
            )
    tf.random.set_seed(seed)
    layer = AutoactivationDense(1, parameter_activation, sign, with_bias=False)
    rows, targets = tf.constant(x), tf.constant(y)
    layer(rows)
    step = optimizers.create_optimizer(optimizer, learning_rate)
    if hasattr(step, "_initialize"):
        step._initialize(layer.trainable_variables)

    @tf.function(jit_compile=True, autograph=False)
    def descend():
        def one_step(i, losses):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(layer(rows)[:, 0] - targets)) / 2
            variables = layer.trainable_variables
            step.apply(tape.gradient(loss, variables), variables)
            return i + 1, losses.write(i, loss)

        losses = tf.TensorArray(tf.float64, steps)
        return tf.while_loop(lambda i, _: i < steps, one_step, (0, losses))[1].stack()

    return layer, descend().numpy()
