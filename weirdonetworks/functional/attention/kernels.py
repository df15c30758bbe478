"""Attention as a kernel smoother, softmax attention the one of e^(q . k / sqrt(d))."""

import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.functional.attention import _inputs
from weirdonetworks.functional.attention.normaliser import divide_by_totals


class Kernel(NamedTuple):
    """k(q, k).

    Attributes:
      function: (queries [..., n, d], keys [..., m, d]) -> [..., n, m].
      nonnegative: whether it is >= 0 for all queries and keys, as what divides by its sum needs.
    """

    function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    nonnegative: bool


def _scores(queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    return tf.matmul(queries, keys, transpose_b=True) / math.sqrt(queries.shape[-1])


def _exponential(queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    return tf.exp(_scores(queries, keys))


def _gaussian(queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    mean = tf.reduce_mean(keys, axis=-2, keepdims=True)  # of differences, only rounding knows it
    queries, keys = queries - mean, keys - mean
    norms = [tf.reduce_sum(x * x, axis=-1) / math.sqrt(x.shape[-1]) for x in (queries, keys)]
    squares = norms[0][..., :, None] + norms[1][..., None, :] - 2 * _scores(queries, keys)
    return tf.exp(-tf.maximum(squares, 0) / 2)


def _square(queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    return (1 + _scores(queries, keys)) ** 2


KERNELS: dict[str, Kernel] = {
    "exponential": Kernel(_exponential, True),
    "gaussian": Kernel(_gaussian, True),
    "square": Kernel(_square, True),
    "linear": Kernel(_scores, False),
}


def kernel_attention(
    queries: tf.Tensor,
    keys: tf.Tensor,
    values: tf.Tensor,
    kernel: str | Kernel = "exponential",
    mask: tf.Tensor | None = None,
    causal: bool = False,
    normalize: bool = True,
) -> tf.Tensor:
    """y_i = sum_j m_ij k(q_i, k_j) v_j / sum_j m_ij k(q_i, k_j): Nadaraya and Watson's smoother.

    With s = q . k / sqrt(d): `exponential` e^s, `gaussian` e^(-|q - k|^2 / (2 sqrt(d))), `square`
    (1 + s)^2, and `linear` s, which may be negative. The exponential makes it softmax attention
    (`softmax_attention` is the same without overflow); for keys of one norm, so does the Gaussian.
    A query that sees no key gives 0, and so does one from which all keys are so far that the kernel
    is 0 to rounding.

    Args:
      queries: [..., n, d].
      keys: [..., m, d].
      values: [..., m, e].
      kernel: a name of `KERNELS`, or one of your own.
      mask: what is seen: True and False, or weights >= 0, [..., n, m] or what broadcasts to it.
      causal: whether query i sees keys 0 to i alone; needs as many keys as queries.
      normalize: whether to divide; without, y_i = sum_j m_ij k(q_i, k_j) v_j.

    Raises:
      ValueError: shapes that do not fit; a negative mask (told where it is not traced); an unknown
        kernel; one that may be negative, together with `normalize`.

    Source: Tsai et al. 2019, "Transformer dissection".
    """
    queries, keys, values = _inputs.triple(queries, keys, values)
    if isinstance(kernel, Kernel):
        if not callable(kernel.function):
            raise ValueError(
                f"kernel must have a function, got {_checks.received(kernel.function)}"
            )
    else:
        kernel = KERNELS[_checks.choice("kernel", kernel, KERNELS)]
    normalize = _checks.flag("normalize", normalize)
    if normalize and not kernel.nonnegative:
        raise ValueError(
            "kernel must be >= 0 for normalize=True: its sum may be 0, got one that may be negative"
        )
    weights, k = _inputs.weights(mask, queries, keys, causal), kernel.function(queries, keys)
    # What is not seen may have overflowed.
    k = k if weights is None else tf.where(weights > 0, k, tf.zeros([], k.dtype)) * weights
    sums = tf.matmul(k, values)
    return divide_by_totals(sums, tf.reduce_sum(k, axis=-1)) if normalize else sums


def softmax_attention(
    queries: tf.Tensor,
    keys: tf.Tensor,
    values: tf.Tensor,
    mask: tf.Tensor | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> tf.Tensor:
    """y_i = sum_j p_ij v_j, p_ij = m_ij e^(s_ij) / sum_l m_il e^(s_il), s_ij = scale q_i . k_j.

    The reference for all other forms. Scores of any size that is finite: the largest that is seen
    is taken off. A query that sees no key gives 0.

    Args:
      queries: [..., n, d].
      keys: [..., m, d].
      values: [..., m, e].
      mask: what is seen: True and False, or weights >= 0, [..., n, m] or what broadcasts to it.
      causal: whether query i sees keys 0 to i alone; needs as many keys as queries.
      scale: 1 / sqrt(d) by default.

    Raises:
      ValueError: shapes that do not fit; a negative mask (told where it is not traced); a scale
        that is no number > 0.

    Source: Vaswani et al. 2017, "Attention is all you need".
    """
    queries, keys, values = _inputs.triple(queries, keys, values)
    d = queries.shape[-1]
    scale = 1 / math.sqrt(d) if scale is None else _checks.positive("scale", scale)
    scores = scale * tf.matmul(queries, keys, transpose_b=True)
    weights = _inputs.weights(mask, queries, keys, causal)
    if weights is not None:
        # Finite, not -inf, of which the largest taken off would be NaN where nothing is seen.
        scores = tf.where(weights > 0, scores, tf.constant(scores.dtype.min, scores.dtype))
    scores -= tf.stop_gradient(tf.reduce_max(scores, axis=-1, keepdims=True))
    p = tf.exp(scores) if weights is None else tf.exp(scores) * weights
    return divide_by_totals(tf.matmul(p, values), tf.reduce_sum(p, axis=-1))
