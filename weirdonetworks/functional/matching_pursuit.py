"""Sparse solutions of linear equations: orthogonal matching pursuit, of one vector or several."""

from typing import Any, NamedTuple

import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.functional import _greedy


class Pursuit(NamedTuple):
    """What a pursuit found.

    Attributes:
      support: [..., k], the columns in the order in which they were taken, each once.
      coefficients: those of all d columns, 0 off the support.
      residual: y - A coefficients, orthogonal to all columns of the support.
    """

    support: tf.Tensor
    coefficients: tf.Tensor
    residual: tf.Tensor


def orthogonal_matching_pursuit(A: tf.Tensor, y: tf.Tensor, k: int) -> Pursuit:
    """k columns of A that explain y, taken one by one, and the least squares on them.

        j = argmax_i |a_i^* r| / |a_i|,    S <- S + {j},    r = y - A_S A_S^+ y.

    A sparse y = A x is found again where A is like a random matrix, with about 2 k ln d rows; where
    columns are alike, others are taken. Columns of any length; one that is 0, or that others
    of the support make up, gets the coefficient 0, as all do once nothing is left of y. Numbers
    may be as large or small as normal ones are: A and y are divided by their lengths first.

    Columns are made orthogonal as they are taken (Gram-Schmidt, twice), not by the normal
    equations: errors grow with the condition number of A_S, not with its square. First derivatives
    are those of the least squares, with the support held constant.

    Args:
      A: [n, d], one for all y, or [..., n, d], one for each; real or complex, n and d static.
      y: [..., n], of the type of A.
      k: columns to take, at most n and at most d.

    Returns:
      The support [..., k], coefficients [..., d] and residual [..., n].

    Source: Pati, Rezaiifar and Krishnaprasad 1993, "Orthogonal matching pursuit: recursive function
    approximation with applications to wavelet decomposition"; what it recovers: Tropp and Gilbert
    2007, "Signal recovery from random measurements via orthogonal matching pursuit". Theirs does
    not divide by |a_i|, and of random matrices with few rows recovers less.

    Raises:
      ValueError: no matrices or vectors of one floating or complex type whose shapes agree, or
        another k.
    """
    A, y = _checked(A, y, "[..., n]", 1)
    found = _pursue(A, y[..., None], k)
    return Pursuit(found.support, found.coefficients[..., 0], found.residual[..., 0])


def simultaneous_matching_pursuit(A: tf.Tensor, y: tf.Tensor, k: int) -> Pursuit:
    """`orthogonal_matching_pursuit` of several vectors on the same k columns.

        j = argmax_i |a_i^* R| / |a_i|,    R = Y - A_S A_S^+ Y,

    with the length of the row a_i^* R for its absolute value.

    Args:
      A: as there.
      y: [..., n, m], m static.
      k: as there.

    Returns:
      The support [..., k], coefficients [..., d, m] and residual [..., n, m].

    Source: Tropp, Gilbert and Strauss 2006, "Algorithms for simultaneous sparse approximation. Part
    I: greedy pursuit"; theirs adds up absolute values, ours squares, which no rotation of the m
    vectors changes.

    Raises:
      ValueError: as there.
    """
    return _pursue(*_checked(A, y, "[..., n, m]", 2), k)


def _pursue(A: tf.Tensor, y: tf.Tensor, k: int) -> Pursuit:
    rows, columns = A.shape[-2:]
    k = _checks.integer("k", k)
    if k > min(rows, columns):
        raise ValueError(
            f"k must be at most the rows and columns of A, {rows} x {columns}, got {k}"
        )
    leading, vectors = tf.shape(y)[:-2], y.shape[-1]
    y = tf.reshape(y, [-1, rows, vectors])
    A = A if A.shape.rank == 2 else tf.reshape(A, [-1, rows, columns])
    shape = (rows, columns) if A.shape.rank == 2 else (None, rows, columns)
    take = _greedy.taker(shape, (None, rows, vectors), A.dtype, k)
    A, by_column = _greedy.of_length_one(A, -2)
    y, by_vector = _greedy.of_length_one(y, [-2, -1])
    support, q, r, fit, residual = take(tf.stop_gradient(A), tf.stop_gradient(y))
    chosen = _greedy.columns_at(A, support)
    # A step of the normal equations from the solution held constant is its derivative.
    alive = tf.cast(tf.reduce_any(q != 0, axis=-1), A.dtype)[..., None]  # [batch, k, 1]
    slope = tf.matmul(chosen, y - tf.matmul(chosen, fit), adjoint_a=True)
    # Between the two solves, or what is left of y beside a dependent column goes to the others.
    slope = alive * tf.linalg.triangular_solve(r, slope, lower=False, adjoint=True)
    fit = _as_slope_of(fit, tf.linalg.triangular_solve(r, slope, lower=False))
    residual = _as_slope_of(residual, y - tf.matmul(chosen, fit))
    places = tf.one_hot(support, columns, dtype=A.dtype)
    coefficients = tf.matmul(places, fit, transpose_a=True)
    coefficients = _greedy.twice(coefficients, tf.linalg.matrix_transpose(by_column) / by_vector)
    residual = _greedy.twice(residual, 1 / by_vector)
    return Pursuit(
        tf.reshape(support, tf.concat([leading, [k]], 0)),
        tf.reshape(coefficients, tf.concat([leading, [columns, vectors]], 0)),
        tf.reshape(residual, tf.concat([leading, [rows, vectors]], 0)),
    )


def _as_slope_of(value: tf.Tensor, formula: tf.Tensor) -> tf.Tensor:
    """The value, with the derivatives of the formula."""
    return value + (formula - tf.stop_gradient(formula))


def _checked(A: Any, y: Any, shape: str, rank: int) -> tuple[tf.Tensor, tf.Tensor]:
    A = _numbers("A", A)
    if A.shape.rank is None or A.shape.rank < 2 or not all(A.shape[-2:]):
        raise ValueError(f"A must be [..., n, d] with static sizes >= 1, got shape {A.shape}")
    y = _numbers("y", y)
    if y.dtype != A.dtype:
        raise ValueError(f"y must be of the type of A, {A.dtype.name}, got {y.dtype.name}")
    rows, leading = A.shape[-2], A.shape[:-2]
    if y.shape.rank is None or y.shape.rank < rank or not all(y.shape[y.shape.rank - rank :]):
        raise ValueError(f"y must be {shape} with static sizes >= 1, got shape {y.shape}")
    own = y.shape[: y.shape.rank - rank]
    agree = leading.rank == 0 or leading.is_compatible_with(own)
    if y.shape[-rank] != rows or not agree:
        raise ValueError(f"y must be {shape} of A, of shape {A.shape}, got shape {y.shape}")
    return A, y


def _numbers(name: str, value: Any) -> tf.Tensor:
    """Floating, as `_tensor_checks` has it, or complex."""
    try:
        value = tf.convert_to_tensor(value)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise ValueError(
            f"{name} must be a tensor of a floating or complex type, got {kind}"
        ) from None
    if value.dtype not in (tf.float32, tf.float64, tf.complex64, tf.complex128):
        raise ValueError(
            f"{name} must be float32, float64, complex64 or complex128, got {value.dtype.name}"
        )
    return value
