"""Linear attention under the heat kernel of a graph."""

import tensorflow as tf

from weirdonetworks import _tensor_checks
from weirdonetworks.functional.attention.linear import masked_attention


def heat_kernel(laplacian: tf.Tensor, time: tf.Tensor | float = 1.0) -> tf.Tensor:
    """e^(-t L), [..., n, n]: what the heat equation u' = -L u makes of each place after time t.

    All numbers are >= 0 and each row sums to 1, for L = D - W of a graph with weights W >= 0;
    what rounding leaves below 0 is set to 0.

    Args:
      laplacian: L, [..., n, n], symmetric.
      time: t >= 0, a number, or what broadcasts with [..., 1, 1].

    Raises:
      ValueError: a matrix that is not square, or (where it is not traced) not symmetric; a negative
        time.
    """
    laplacian = _tensor_checks.floating("laplacian", laplacian)
    shape = laplacian.shape
    if shape.rank is None or shape.rank < 2 or not shape[-1] or shape[-1] != shape[-2]:
        raise ValueError(f"laplacian must be square, [..., n, n], got shape {shape}")
    known = tf.get_static_value(laplacian)
    if known is not None and abs(known - known.swapaxes(-1, -2)).max() > 1e-5 * abs(known).max():
        raise ValueError("laplacian must be symmetric, got one that is not")
    time = _tensor_checks.of_type("time", time, "laplacian", laplacian.dtype)
    told = tf.get_static_value(time)
    if told is not None and not (told >= 0).all():
        raise ValueError(f"time must be >= 0, got {told.min():.6g}")
    rates, modes = tf.linalg.eigh(laplacian)
    decay = tf.exp(-(time[..., 0] if time.shape.rank else time) * rates)
    return tf.maximum(tf.matmul(modes * decay[..., None, :], modes, transpose_b=True), 0)


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
