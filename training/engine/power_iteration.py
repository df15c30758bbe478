"""Directions in which a function of images moves most, by power iteration."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

Function = Callable[[tf.Tensor], tf.Tensor]


def unit(x: tf.Tensor) -> tf.Tensor:
    """x / |x|_2 of each of the batch, [batch, ...]; 0 where x is 0."""
    axes = list(range(1, x.shape.rank))
    # Squares of what is divided by the largest do not underflow; XLA takes less than tiny for 0.
    largest = tf.reduce_max(tf.abs(x), axis=axes, keepdims=True)
    is_zero = largest < np.finfo(x.dtype.as_numpy_dtype).tiny
    x = tf.where(is_zero, tf.zeros_like(x), x / tf.where(is_zero, tf.ones_like(largest), largest))
    norm = tf.sqrt(tf.reduce_sum(tf.square(x), axis=axes, keepdims=True))
    return x / tf.where(is_zero, tf.ones_like(norm), norm)


def power_iteration(product: Function, start: tf.Tensor, iterations: int) -> tf.Tensor:
    """v <- unit(M v), `iterations` times from unit(start): towards the leading eigenvector.

    product: v -> M v for a symmetric M >= 0 of each of the batch. No gradient passes.
    """
    step = lambda i, v: (i + 1, unit(product(v)))  # noqa: E731
    loop = tf.while_loop(lambda i, _: i < iterations, step, (tf.constant(0), unit(start)))
    return tf.stop_gradient(loop[1])


def jacobian_product(f: Function, x: tf.Tensor, v: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """f(x) and J v, with the Jacobian J of f at x."""
    with tf.autodiff.ForwardAccumulator(x, v) as accumulator:
        y = f(x)
    return y, accumulator.jvp(y, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def curvature_product(
    f: Function, x: tf.Tensor, v: tf.Tensor, metric: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    """J^T G J v, with the Jacobian J of f at x; metric: (f(x), z) -> G z."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y, moved = jacobian_product(f, x, v)
        u = tf.stop_gradient(metric(y, moved))
    return tape.gradient(y, x, u, tf.UnconnectedGradients.ZERO)


def identity_metric(y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    """z: J^T J, whose largest eigenvalue is the square of the norm of J."""
    return z


def fisher_metric(y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    """p (z - p.z), p = softmax y: the Hessian of KL(softmax y || softmax(y + z)) at z = 0."""
    p = tf.nn.softmax(y)
    return p * (z - tf.reduce_sum(p * z, axis=1, keepdims=True))
