"""What divides the sums of attention by their weights, and cannot divide by zero."""

import tensorflow as tf

from weirdonetworks import _tensor_checks


def divide_by_totals(sums: tf.Tensor, totals: tf.Tensor) -> tf.Tensor:
    """y_i = sums_i / totals_i where totals_i > 0, and 0 where nothing is seen, totals_i = 0.

    Weights must be >= 0: of weights of both signs, the total may be 0 or below where the sum is
    not, and the quotient means nothing. Gradients are finite everywhere.

    Args:
      sums: [..., n, e], the values times their weights.
      totals: [..., n], the weights, for leading shapes that broadcast.

    Raises:
      ValueError: tensors that are not floating, or of other shapes.
    """
    sums = _tensor_checks.floating("sums", sums)
    totals = _tensor_checks.of_type("totals", totals, "sums", sums.dtype)
    try:
        tf.broadcast_static_shape(sums.shape[:-1], totals.shape)
    except ValueError:
        raise ValueError(
            "totals must be of the shape of sums without the last axis, or broadcast to it, got "
            f"{totals.shape} for {sums.shape}"
        ) from None
    seen = tf.logical_not(tf.expand_dims(totals, -1) <= 0)  # NaN stays NaN
    # Divided by 1 where nothing is seen, so that no gradient is 0 times infinity.
    divisor = tf.where(seen, tf.expand_dims(totals, -1), tf.ones([], totals.dtype))
    return tf.where(seen, sums / divisor, tf.zeros([], sums.dtype))
