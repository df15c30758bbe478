"""Attention without softmax, as Galerkin's projection and as Fourier's integral."""

import tensorflow as tf

from weirdonetworks import _tensor_checks
from weirdonetworks.functional.attention import _inputs
from weirdonetworks.functional.normalized import layer_norm


def galerkin_attention(queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Y = Q (LN(K)^T LN(V)) / m, linear in the m tokens; equal to (Q LN(K)^T) LN(V) / m.

    The columns of Q are functions on the places of the tokens, and so are those of K and V; K^T V
    / m are integrals of their products. It is one step of a Petrov-Galerkin projection, of which
    `petrov_galerkin_projection` is the whole. LN is the layer normalisation of each token. Each
    token sees all: an integral knows no order.

    Args:
      queries: [..., n, d].
      keys: [..., m, d].
      values: [..., m, e].

    Raises:
      ValueError: shapes that do not fit.

    Source: Cao 2021, "Choose a transformer: Fourier or Galerkin".
    """
    queries, keys, values = _inputs.triple(queries, keys, values)
    k, v = layer_norm(keys), layer_norm(values)
    return tf.matmul(queries, tf.matmul(k, v, transpose_a=True) / keys.shape[-2])


def fourier_attention(queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Y = (LN(Q) LN(K)^T) V / m, quadratic in the tokens: an integral with the kernel q . k.

    Args:
      queries: [..., n, d].
      keys: [..., m, d].
      values: [..., m, e].

    Raises:
      ValueError: shapes that do not fit.

    Source: Cao 2021, "Choose a transformer: Fourier or Galerkin".
    """
    queries, keys, values = _inputs.triple(queries, keys, values)
    q, k = layer_norm(queries), layer_norm(keys)
    return tf.matmul(tf.matmul(q, k, transpose_b=True) / keys.shape[-2], values)


def petrov_galerkin_projection(trial: tf.Tensor, test: tf.Tensor) -> tf.Tensor:
    """P = Q (K^T Q)^-1 K^T, [..., n, n]: P v is in the span of Q, and v - P v orthogonal to K.

    P P = P, and |v - P v| <= |P| min_w |v - w| over the w in the span of Q, for any P that is
    neither 0 nor the identity (Xu and Zikatanov 2003): as good as the best, up to a constant. With
    K = Q it is the orthogonal projection, whose |P| is 1. K^T Q must have an inverse.

    Args:
      trial: Q, [..., n, d], functions in which to approximate.
      test: K, [..., n, d], functions to which the error is to be orthogonal.

    Raises:
      ValueError: types other than float32 and float64, shapes that differ, more functions than
        places, or (where it is not traced) K^T Q without an inverse.
    """
    trial = _inputs.transformable("trial", _inputs.tokens("trial", trial))
    test = _tensor_checks.of_type("test", test, "trial", trial.dtype)
    if test.shape.rank is None or test.shape[-2:] != trial.shape[-2:]:
        raise ValueError(f"test must be of the shape of trial, {trial.shape}, got {test.shape}")
    if trial.shape[-1] > trial.shape[-2]:
        raise ValueError(
            f"trial must have at most as many functions as places, {trial.shape[-2]}, got "
            f"{trial.shape[-1]}"
        )
    _inputs.leading({"trial": trial.shape[:-2], "test": test.shape[:-2]})
    gram = tf.matmul(test, trial, transpose_a=True)
    try:
        solved = tf.linalg.solve(gram, tf.linalg.matrix_transpose(test))
    except tf.errors.InvalidArgumentError:
        raise ValueError("test must make K^T Q one with an inverse, got a singular one") from None
    return tf.matmul(trial, solved)
