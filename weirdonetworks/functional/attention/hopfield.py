"""A modern Hopfield network, whose update is attention."""

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.functional.attention import _inputs
from weirdonetworks.functional.attention.kernels import softmax_attention


def hopfield_update(states: tf.Tensor, patterns: tf.Tensor, beta: float = 1.0) -> tf.Tensor:
    """x <- sum_j p_j k_j, p = softmax(beta k_j . x): attention whose values are its keys.

    Each update lowers `hopfield_energy` or leaves it. For large beta and patterns far from one
    another, a state near a pattern is carried to it in one step; for small beta, to their mean.

    Args:
      states: x, [..., n, d].
      patterns: k, [..., m, d].
      beta: inverse temperature, > 0.

    Raises:
      ValueError: shapes that do not fit, or a beta that is no number > 0.

    Source: Ramsauer et al. 2021, "Hopfield networks is all you need".
    """
    states, patterns, beta = _checked(states, patterns, beta)
    return softmax_attention(states, patterns, patterns, scale=beta)


def hopfield_energy(states: tf.Tensor, patterns: tf.Tensor, beta: float = 1.0) -> tf.Tensor:
    """E = -log(mean_j e^(beta k_j . x)) / beta + |x|^2 / 2 + max_j |k_j|^2 / 2 >= 0, [..., n].

    Args:
      states: x, [..., n, d].
      patterns: k, [..., m, d].
      beta: inverse temperature, > 0.

    Raises:
      ValueError: shapes that do not fit, or a beta that is no number > 0.
    """
    states, patterns, beta = _checked(states, patterns, beta)
    products = tf.matmul(states, patterns, transpose_b=True)
    best = tf.reduce_max(products, axis=-1, keepdims=True)
    # log of a mean near 1 divided by a small beta: log1p and expm1 keep what rounding would take.
    below = tf.math.expm1(beta * (products - best))
    mean = best[..., 0] + tf.math.log1p(tf.reduce_mean(below, axis=-1)) / beta
    largest = tf.reduce_max(tf.reduce_sum(patterns**2, axis=-1), axis=-1, keepdims=True)
    return tf.reduce_sum(states**2, axis=-1) / 2 + largest / 2 - mean


def _checked(states: tf.Tensor, patterns: tf.Tensor, beta: float) -> tuple:
    states, patterns, _ = _inputs.triple(
        states, patterns, patterns, ("states", "patterns", "patterns")
    )
    limits = np.finfo(states.dtype.as_numpy_dtype)
    if not float(limits.tiny) <= _checks.positive("beta", beta) <= float(limits.max):
        raise ValueError(f"beta must be a number > 0 of {states.dtype.name}, got {beta:g}")
    return states, patterns, beta
