"""Linear attention under the heat kernel of a graph."""

import numpy as np
import tensorflow as tf

from weirdonetworks import _tensor_checks
from weirdonetworks.functional.attention import _inputs
from weirdonetworks.functional.attention.linear import masked_attention


def heat_kernel(laplacian: tf.Tensor, time: tf.Tensor | float = 1.0) -> tf.Tensor:
    """e^(-t L), [..., n, n]: what the heat equation u' = -L u makes of each place after time t.

    All numbers are >= 0 and each row sums to 1, for L = D - W of a graph with weights W >= 0. What
    is below 16 eps is rounding, and set to 0. Gradients reach t; L is data, and gets none.

    Args:
      laplacian: L, [..., n, n], symmetric, without negative eigenvalues.
      time: t >= 0, a number, or [..., 1, 1].

    Raises:
      ValueError: a matrix that is not square, or (untraced) not finite and symmetric; a time
        that is negative, infinite, or of another shape.
    """
    laplacian = _inputs.transformable("laplacian", _tensor_checks.floating("laplacian", laplacian))
    shape, eps = laplacian.shape, np.finfo(laplacian.dtype.as_numpy_dtype).eps
    if shape.rank is None or shape.rank < 2 or not shape[-1] or shape[-1] != shape[-2]:
        raise ValueError(f"laplacian must be square, [..., n, n], got shape {shape}")
    known = tf.get_static_value(laplacian)
    if known is not None and not np.isfinite(known).all():
        raise ValueError("laplacian must be finite, got one that is not")
    if known is not None and not np.allclose(known, known.swapaxes(-1, -2), 1e-5, 1e-5):
        raise ValueError("laplacian must be symmetric, got one that is not")
    time = _tensor_checks.of_type("time", time, "laplacian", laplacian.dtype)
    if time.shape.rank and time.shape[-2:] != [1, 1]:
        raise ValueError(f"time must be a number or [..., 1, 1], got shape {time.shape}")
    _inputs.finite("time", time)
    _inputs.leading({"laplacian": shape[:-2], "time": time.shape[:-2]})
    rates, modes = tf.linalg.eigh(tf.stop_gradient(laplacian))
    # Of the rate 0, rounding makes one that grows.
    decay = tf.exp(-time * tf.maximum(rates, 0)[..., None, :])
    kernel = tf.matmul(modes * decay, modes, transpose_b=True)
    return tf.where(kernel <= 16 * eps, tf.zeros_like(kernel), kernel)


def graph_attention(
    queries: tf.Tensor,
    keys: tf.Tensor,
    values: tf.Tensor,
    laplacian: tf.Tensor,
    time: tf.Tensor | float = 1.0,
    normalize: bool = True,
) -> tf.Tensor:
    """y_i = sum_j m_ij (q_i . k_j) v_j / sum_j m_ij (q_i . k_j), m = e^(-t L).

    Tokens at the nodes of a graph see those that heat reaches from theirs: their own at t = 0, and
    all alike, of a connected graph, for large t.

    Args:
      queries: features of them, [..., n, d], >= 0 where normalized.
      keys: features of them, [..., n, d], >= 0 where normalized.
      values: [..., n, e].
      laplacian: L, [..., n, n], symmetric.
      time: t >= 0.
      normalize: whether to divide.

    Raises:
      ValueError: what `heat_kernel` and `masked_attention` refuse.

    Source: Choromanski et al. 2022, "From block-Toeplitz matrices to differential equations on
    graphs".
    """
    return masked_attention(queries, keys, values, heat_kernel(laplacian, time), normalize)
