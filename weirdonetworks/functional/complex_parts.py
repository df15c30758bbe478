"""Complex numbers as two real ones, (real, imaginary) in the last axis: moduli, and a rectifier."""

import tensorflow as tf

from weirdonetworks import _tensor_checks


def modulus(z: tf.Tensor) -> tf.Tensor:
    """|z| = sqrt(re^2 + im^2): [..., 2] -> [...], with slope 0 at 0.

    The same for e^(i t) z as for z. Squares are taken of the parts by the larger one, so that none
    overflows.
    """
    z = _tensor_checks.parts("z", z)
    if not z.shape.rank or z.shape[-1] != 2:
        raise ValueError(f"z must be [..., 2], (real, imaginary), got shape {z.shape}")
    return _polar(z)[0]


def mod_relu(z: tf.Tensor, bias: tf.Tensor | float) -> tf.Tensor:
    """relu(|z| + b) z / |z|, and 0 at 0: [..., n, 2] -> [..., n, 2].

    A rectifier of the modulus that keeps the phase: mod_relu(e^(i t) z) = e^(i t) mod_relu(z), as
    no rectifier of the two parts does. With b < 0, numbers up to -b become 0; with b > 0 it jumps
    at 0, and b = 0 is the identity.

    Args:
      z: [..., n, 2].
      bias: b, a number or [n].

    Raises:
      ValueError: z is not floating [..., n, 2], or b of another shape or type.

    Source: Arjovsky, Shah and Bengio 2016, "Unitary evolution recurrent neural networks".
    """
    z = _tensor_checks.parts("z", z)
    if not z.shape.rank or z.shape.rank < 2 or z.shape[-1] != 2:
        raise ValueError(f"z must be [..., n, 2], (real, imaginary), got shape {z.shape}")
    bias = _tensor_checks.of_type("bias", bias, "z", z.dtype)
    if bias.shape.rank and tuple(bias.shape) != (z.shape[-2],):
        raise ValueError(f"bias must be a number or [{z.shape[-2]}], got shape {bias.shape}")
    size, direction = _polar(z)
    return tf.nn.relu(size + bias)[..., None] * direction


def _polar(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """|z|, [...], and z / |z|, [..., 2], which is 0 at 0."""
    # Neither depends on c, so that c takes no part in the gradient.
    c = tf.stop_gradient(tf.reduce_max(tf.abs(z), axis=-1))
    c = tf.where((c == 0) | tf.math.is_inf(c), tf.ones_like(c), c)
    scaled = z / c[..., None]
    square = tf.reduce_sum(tf.square(scaled), axis=-1)
    is_zero = square == 0
    root = tf.sqrt(tf.where(is_zero, tf.ones_like(square), square))
    return tf.where(is_zero, square, c * root), scaled / root[..., None]
