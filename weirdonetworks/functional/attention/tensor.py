"""Convolution and attention as one contraction."""

import tensorflow as tf

from weirdonetworks import _tensor_checks
from weirdonetworks.functional.attention import _inputs


def tensor_attention(inputs: tf.Tensor, matrices: tf.Tensor, thetas: tf.Tensor) -> tf.Tensor:
    """Y = sum_k A_k^T X Theta_k, [..., n, e]: which tokens are seen, times what is made of them.

    With A_k that shift an image by the places of a kernel it is a convolution, whose weights are
    Theta_k; with A_k(x)^T the softmax weights of head k, and Theta_k its values' times its output's
    weights, it is attention with heads.

    Args:
      inputs: X, [..., m, d].
      matrices: A, [..., K, m, n].
      thetas: Theta, [K, d, e].

    Raises:
      ValueError: shapes that do not fit.

    Source: Andreoli 2019, "Convolution, attention and structure embedding".
    """
    inputs = _inputs.tokens("inputs", inputs)
    m, d = inputs.shape[-2:]
    matrices = _tensor_checks.of_type("matrices", matrices, "inputs", inputs.dtype)
    if matrices.shape.rank is None or matrices.shape.rank < 3 or matrices.shape[-2] != m:
        raise ValueError(f"matrices must be [..., K, {m}, n], got shape {matrices.shape}")
    thetas = _tensor_checks.of_type("thetas", thetas, "inputs", inputs.dtype)
    terms = matrices.shape[-3]
    if thetas.shape.rank != 3 or thetas.shape[0] != terms or thetas.shape[1] != d:
        raise ValueError(f"thetas must be [{terms}, {d}, e], got shape {thetas.shape}")
    _inputs.leading({"inputs": inputs.shape[:-2], "matrices": matrices.shape[:-3]})
    made = tf.einsum("...md,kde->...kme", inputs, thetas)
    return tf.reduce_sum(tf.matmul(matrices, made, transpose_a=True), axis=-3)
