"""Linear attention under the heat kernel of a graph."""

import numpy as np
import tensorflow as tf

from weirdonetworks import _tensor_checks
from weirdonetworks.functional.attention import _inputs
from weirdonetworks.functional.attention.linear import masked_attention


def heat_kernel(laplacian: tf.Tensor, time: tf.Tensor | float = 1.0) -> tf.Tensor:
    """e^(-t L), [..., n, n]: what the heat equation u' = -L u makes of each place after time t.

    All numbers are >= 0 and each row sums to 1, for L = D - W of a graph with weights W >= 0. What
    is below 16 eps is rounding, and set to 0. First derivatives reach t and all entries of L, of
    equal eigenvalues too; they are those of the exponential of any matrix, symmetric or not.

    Args:
      laplacian: L, [..., n, n], symmetric, without negative eigenvalues.
      time: t >= 0, a number, or [..., 1, 1].

    Raises:
      ValueError: a matrix that is not square, or (untraced) not finite and symmetric; a time
        that is negative, infinite, or of another shape.

    Source of the derivatives: Daleckii and Krein 1965, "Integration and differentiation of
    functions of Hermitian operators and applications to the theory of perturbations".
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
    rates = tf.maximum(rates, 0)[..., None, :]  # of the rate 0, rounding makes one that grows
    kernel = tf.matmul(modes * tf.exp(-time * rates), modes, transpose_b=True)
    kernel = tf.where(kernel <= 16 * eps, tf.zeros_like(kernel), kernel)
    return _with_slope(kernel, laplacian + tf.zeros_like(kernel), time, rates, modes)


def _with_slope(kernel, laplacian, time, rates, modes) -> tf.Tensor:
    """The kernel, with the derivative in L that eigenvectors do not have where rates are equal.

    dK = V (F * (V^T dL V)) V^T, F_ij = (e^(-t r_i) - e^(-t r_j)) / (r_i - r_j), -t e^(-t r_i) for
    r_i = r_j.
    """

    @tf.custom_gradient
    def known(kernel: tf.Tensor, laplacian: tf.Tensor):
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            others = tf.linalg.matrix_transpose(rates)
            apart = time * tf.abs(rates - others)
            equal, one = apart == 0, tf.ones_like(apart)
            mean = tf.where(equal, one, -tf.math.expm1(-apart) / tf.where(equal, one, apart))
            slopes = -time * tf.exp(-time * tf.minimum(rates, others)) * mean
            inner = tf.matmul(modes, tf.matmul(upstream, modes), transpose_a=True)
            found = tf.matmul(modes, slopes * inner)
            return upstream, tf.matmul(found, modes, transpose_b=True)

        return kernel, gradient

    return known(kernel, laplacian)


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
