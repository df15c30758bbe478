"""Combinations that stay in the range of what they combine."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional.squashes import get_squash


def convex_combination(
    values: tf.Tensor, scores: tf.Tensor, squash: str | None = None, scale: float = 1.0
) -> tf.Tensor:
    """y_m = sum_n w_mn v_n, w_mn = exp(s_mn) / sum_k exp(s_mk): [..., n, d] -> [..., m, d].

    Scores are [..., m, n]. Weights are >= 0 and sum to 1, so that each y lies between the least and
    the largest of the n values. Scores that are variables make a layer, `layers.ConvexCombination`;
    scores q . k / sqrt(d) that come from the input make softmax attention.

    With a squash g of `SQUASHES`, the quasi-arithmetic mean of numbers on a scale c,

        y_m = c g^-1(sum_n w_mn g(v_n / c)),

    which lies in the same range, and which large values move less than those within c of 0.

    What rounding would put outside of the range is put on its end, also where g(v / c) has been
    rounded to 1; the gradient is that of the formula, and 0 where the formula overflows (values
    next to the largest of their type). Values must be finite.

    Sources: Vaswani et al. 2017, "Attention is all you need"; Kolmogorov 1930, "Sur la notion de
    la moyenne".

    Raises:
      ValueError: values or scores that are not floating, or of different types, less than two
        axes, different n, n = 0 or leading axes that do not broadcast; an unknown squash; or a
        scale that is not a number > 0 which their type holds.
    """
    values = _tensor_checks.floating("values", values)
    scores = _tensor_checks.floating("scores", scores)
    for name, tensor, form in (("values", values, "n, d"), ("scores", scores, "m, n")):
        if tensor.shape.rank is None or tensor.shape.rank < 2:
            raise ValueError(f"{name} must be [..., {form}], got shape {tensor.shape}")
    if scores.dtype != values.dtype:
        raise ValueError(
            f"scores must be {values.dtype.name} as the values, got {scores.dtype.name}"
        )
    if not values.shape[-2:-1].is_compatible_with(scores.shape[-1:]):
        raise ValueError(
            f"scores must be [..., m, n] with the n of values {values.shape}, "
            f"got shape {scores.shape}"
        )
    if values.shape[-2] == 0:
        raise ValueError(f"values must be at least one to combine, got shape {values.shape}")
    try:
        tf.broadcast_static_shape(values.shape[:-2], scores.shape[:-2])
    except ValueError:
        raise ValueError(
            f"scores must have leading axes that broadcast with those of values {values.shape}, "
            f"got shape {scores.shape}"
        ) from None
    pair = None if squash is None else get_squash(squash)
    scale = _checks.positive("scale", scale)
    largest = float(values.dtype.max)
    smallest = 4 / largest  # that is not subnormal
    if not smallest <= scale <= largest:
        raise ValueError(
            f"scale must be in [{smallest:.3g}, {largest:.3g}] for {values.dtype.name}, got {scale}"
        )
    weights = tf.nn.softmax(scores)
    if pair is None:
        mean = tf.matmul(weights, values)
    else:
        ratios = values / scale
        ends = tf.sign(values) * values.dtype.max
        ratios = tf.where(tf.math.is_inf(ratios), ends, ratios)  # a clip may swallow NaN under XLA
        mean = scale * pair.unsquash(tf.matmul(weights, pair.squash(ratios)))
    least = tf.reduce_min(values, axis=-2, keepdims=True)
    largest = tf.reduce_max(values, axis=-2, keepdims=True)
    # In this order the result is a number of the range to the bit, with the gradient of the mean.
    inside = tf.stop_gradient(tf.clip_by_value(mean, least, largest))
    slope = tf.where(tf.math.is_inf(mean), tf.zeros_like(mean), mean - tf.stop_gradient(mean))
    return inside + slope
