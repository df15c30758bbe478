"""Orders of iteration that are learned: they stay within their interval and do not stick there."""

import tensorflow as tf

from weirdonetworks.functional import exp_iterate


def bounded(theta: tf.Tensor, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
    """theta cut to [low, high], both ends included: alpha of `functional.exp_iterate`.

    Inside, the gradient is that of the identity, so alpha moves at the same speed everywhere (a
    sigmoid would slow down towards its ends and never reach them). At the ends and beyond, it is
    that of the identity as long as a descent leads back inside, and 0 otherwise: a theta that
    momentum has carried out does not stay out, as it would behind `tf.clip_by_value`.
    """
    theta = tf.convert_to_tensor(theta)
    low, high = tf.constant(low, theta.dtype), tf.constant(high, theta.dtype)

    @tf.custom_gradient
    def cut(theta):
        def gradient(upstream):
            outwards = ((theta <= low) & (upstream > 0)) | ((theta >= high) & (upstream < 0))
            return tf.where(outwards, tf.zeros_like(upstream), upstream)

        return tf.clip_by_value(theta, low, high), gradient

    return cut(theta)


def iterate(x: tf.Tensor, alpha: float | tf.Tensor) -> tf.Tensor:
    """exp^[alpha](x) for an alpha that may be learned, with a gradient in alpha that is finite.

    It is less than 1 / alpha for x < 0, and e^-x at alpha = 0, which overflows, and is NaN in a sum
    of both signs. So there, x < -40 takes no part in it.
    """
    if not tf.is_tensor(alpha):
        return exp_iterate(x, alpha)
    steep = tf.logical_and(tf.equal(alpha, 0), x < -40)
    return tf.where(steep, x, exp_iterate(tf.where(steep, tf.zeros_like(x), x), alpha))
