"""The loop of matching pursuit: columns taken one by one, and made orthogonal to one another."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf


@functools.lru_cache(maxsize=32)
def taker(A: tuple, y: tuple, dtype: tf.DType, k: int) -> Callable[..., tuple[tf.Tensor, ...]]:
    """`_take` for these shapes: a graph, also where it is called eagerly, which is slower."""
    signature = [tf.TensorSpec(shape, dtype) for shape in (A, y)]
    return tf.function(functools.partial(_take, k=k), input_signature=signature, autograph=False)


def _take(A: tf.Tensor, y: tf.Tensor, k: int) -> tuple[tf.Tensor, ...]:
    """support [batch, k], Q^T [batch, k, n], R [batch, k, k], the least squares, the residual.

    Of columns whose lengths are 1, or 0.
    """
    batch, (rows, columns), dtype = tf.shape(y)[0], A.shape[-2:], A.dtype
    smallest = rows * np.finfo(dtype.as_numpy_dtype).eps

    def step(i, support, free, q, r, z, residual):
        scores = _length(tf.matmul(A, residual, adjoint_a=True), axis=-1)
        scores = tf.where(tf.math.is_nan(scores), tf.zeros_like(scores), scores)
        scores = tf.where(free, scores, -1)
        place = tf.argmax(scores, axis=-1, output_type=tf.int32)
        new = columns_at(A, place[:, None])  # [batch, n, 1]
        rest, shares = new, tf.zeros([batch, k, 1], dtype)
        for _ in range(2):
            share = tf.matmul(tf.math.conj(q), rest)
            shares, rest = shares + share, rest - tf.matmul(q, share, transpose_a=True)
        length = _length(rest, axis=-2)[..., None]
        known = length <= smallest  # of 1, the length of the column
        unit = tf.where(known, tf.zeros_like(rest), rest / tf.cast(length, dtype))
        diagonal = tf.cast(tf.where(known, tf.ones_like(length), length), dtype)
        here = tf.one_hot(i, k, dtype=dtype)
        q += here[:, None] * tf.linalg.matrix_transpose(unit)
        r += (shares + here[:, None] * diagonal) * here
        part = tf.matmul(unit, residual, adjoint_a=True)
        z += here[:, None] * part
        residual -= unit * part
        support += place[:, None] * tf.one_hot(i, k, dtype=tf.int32)
        free = tf.logical_and(free, tf.range(columns) != place[:, None])
        return i + 1, support, free, q, r, z, residual

    start = (
        0,
        tf.zeros([batch, k], tf.int32),
        tf.fill([batch, columns], True),
        tf.zeros([batch, k, rows], dtype),
        tf.zeros([batch, k, k], dtype),
        tf.zeros([batch, k, y.shape[-1]], dtype),
        y,
    )
    _, support, _, q, r, z, residual = tf.while_loop(
        lambda i, *_: i < k, step, start, maximum_iterations=k
    )
    return support, q, r, tf.linalg.triangular_solve(r, z, lower=False), residual


def _length(values: tf.Tensor, axis: int) -> tf.Tensor:
    largest, rest = _factors(values, axis)
    return tf.squeeze(largest * rest, axis)


def _factors(values: tf.Tensor, axis: int | list[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Of the length, without squares of numbers that might be 0 or infinite."""
    values = tf.abs(values)
    largest = tf.reduce_max(values, axis, keepdims=True)
    shares = tf.math.divide_no_nan(values, largest)
    return largest, tf.sqrt(tf.reduce_sum(tf.square(shares), axis, keepdims=True))


def of_length_one(values: tf.Tensor, axis: int | list[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """The values over their length, and its root's inverse: that of the length might be 0."""
    largest, rest = _factors(tf.stop_gradient(values), axis)
    root = tf.sqrt(largest) * tf.sqrt(rest)
    inverse = 1 / tf.where(root > 0, root, tf.ones_like(root))
    return twice(values, inverse), inverse


def twice(values: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """values factor^2; the square might be infinite."""
    factor = tf.cast(factor, values.dtype)
    return values * factor * factor


def columns_at(A: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """[batch, n, m] of A and places [batch, m]."""
    rows = tf.linalg.matrix_transpose(A)
    found = tf.gather(rows, places, batch_dims=0 if A.shape.rank == 2 else 1)
    return tf.linalg.matrix_transpose(found)
