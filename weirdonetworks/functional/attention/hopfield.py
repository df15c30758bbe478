"""A modern Hopfield network, whose update is attention."""

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
    beta = _checks.positive("beta", beta)
    states, patterns = _pair(states, patterns)
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
    beta = _checks.positive("beta", beta)
    states, patterns = _pair(states, patterns)
    scores = beta * tf.matmul(states, patterns, transpose_b=True)
    m = tf.cast(patterns.shape[-2], states.dtype)
    mean = (tf.reduce_logsumexp(scores, axis=-1) - tf.math.log(m)) / beta
    largest = tf.reduce_max(tf.reduce_sum(patterns**2, axis=-1), axis=-1, keepdims=True)
    return tf.reduce_sum(states**2, axis=-1) / 2 + largest / 2 - mean


def _pair(states: tf.Tensor, patterns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    states = _inputs.tokens("states", states)
    patterns = _inputs.tokens("patterns", patterns, states.dtype)
    if patterns.shape[-1] != states.shape[-1]:
        raise ValueError(
            f"patterns must have as many features as states, {states.shape[-1]}, got "
            f"{patterns.shape[-1]}"
        )
    return states, patterns
