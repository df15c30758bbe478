"""Numbers of types that are too narrow for what is computed with them."""

import math

import tensorflow as tf


def widened(x: tf.Tensor) -> tf.Tensor:
    """Half precision as single, in which squares of its numbers do not overflow."""
    return tf.cast(x, tf.float32) if x.dtype.size < 4 else x


def root_of_largest(dtype: tf.DType) -> float:
    """A power of two whose square is a number of the type, and from which on x^2 + 2 = x^2."""
    return 2.0 ** (math.frexp(float(dtype.max))[1] // 2 - 1)
