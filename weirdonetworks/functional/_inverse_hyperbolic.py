"""artanh and arsinh by operations that converters have: TFLite has neither, ONNX no log1p."""

import tensorflow as tf

# Up to here the series of artanh: the logarithm of a number near 1 would lose digits.
_NEAR = 0.25


def artanh(u: tf.Tensor) -> tf.Tensor:
    """(log(1 + u) - log(1 - u)) / 2 for |u| < 1, to a few roundings."""
    near = tf.abs(u) < _NEAR
    far = tf.where(near, tf.cast(0.5, u.dtype), u)
    far = 0.5 * tf.math.log((1 + far) / (1 - far))
    return tf.where(near, _series(tf.where(near, u, tf.zeros_like(u))), far)


def arsinh(x: tf.Tensor) -> tf.Tensor:
    """sign(x) log(|x| + sqrt(x^2 + 1)) for finite x, to nine roundings."""
    size = tf.abs(x)
    near = size < _NEAR
    # The same for every c > 0, so c takes no part in the gradient; this one keeps x^2 finite.
    c = tf.stop_gradient(tf.maximum(size, 1))
    root = tf.sqrt(tf.square(size / c) + tf.square(1 / c))
    far = tf.sign(x) * (tf.math.log(size / c + root) + tf.math.log(c))
    small = tf.where(near, x, tf.zeros_like(x))
    return tf.where(near, _series(small * tf.math.rsqrt(1 + tf.square(small))), far)


def _series(u: tf.Tensor) -> tf.Tensor:
    """artanh u = u + u^3 / 3 + u^5 / 5 + ..., exact to rounding for |u| <= 1/4."""
    square, total = tf.square(u), tf.zeros_like(u)
    for k in range(12 if u.dtype == tf.float64 else 5, 0, -1):
        total = square * (total + 1 / (2 * k + 1))
    return u + u * total
