"""Fixed sparse linear maps whose gradient is a gather as well."""

from functools import cached_property

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks

# Up to this many taps a row are added one after another; more are gathered at once and reduced.
_UNROLLED_TAPS = 16


class SparseMap:
    """A fixed sparse matrix on the first axis of a tensor: y_r = sum_t w_rt x_{i_rt}.

    The gradient of a gather is a scatter, which XLA runs element by element on a CPU. The matrix
    is known here, so the gradient is written as what it is, the transposed matrix, again a gather;
    so is the gradient of the gradient.

    Maps [columns, ...] -> [rows, ...], in any floating type.
    """

    def __init__(self, rows, columns, weights, shape: tuple[int, int]):
        """Takes the entries in coordinate form: weights[k] at (rows[k], columns[k]).

        Raises:
          ValueError: a bad shape, or entries that are not equally many or outside of it.
        """
        self.shape = _checks.sizes("shape", shape)
        if len(self.shape) != 2:
            raise ValueError(f"shape must be (rows, columns), got {_checks.received(shape)}")
        self._rows = _places("rows", rows, self.shape[0])
        self._columns = _places("columns", columns, self.shape[1])
        self._weights = _numbers("weights", weights)
        for name, values in (("columns", self._columns), ("weights", self._weights)):
            if len(values) != len(self._rows):
                raise ValueError(
                    f"{name} must be as many as rows, {len(self._rows)}, got {len(values)}"
                )
        self.indices, self.weights = _pad(self._rows, self._columns, self._weights, self.shape[0])

    @cached_property
    def transpose(self) -> "SparseMap":
        """The transposed matrix."""
        transposed = SparseMap(self._columns, self._rows, self._weights, self.shape[::-1])
        transposed.__dict__["transpose"] = self
        return transposed

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        @tf.custom_gradient
        def product(x):
            return self._gather(x), self.transpose

        return product(tf.convert_to_tensor(x))

    def _gather(self, x: tf.Tensor) -> tf.Tensor:
        taps = self.indices.shape[1]
        if taps > _UNROLLED_TAPS:
            terms = tf.gather(x, self.indices)
            if self.weights is not None:
                terms *= self._column(self.weights, x)
            return tf.reduce_sum(terms, axis=1)
        terms = [tf.gather(x, self.indices[:, t]) for t in range(taps)]
        if self.weights is not None:
            terms = [self._column(self.weights[:, t], x) * y for t, y in enumerate(terms)]
        return sum(terms[1:], terms[0])

    def _column(self, weights: np.ndarray, x: tf.Tensor) -> tf.Tensor:
        return tf.constant(weights.reshape(weights.shape + (1,) * (x.shape.rank - 1)), x.dtype)


def _numbers(name: str, values) -> np.ndarray:
    try:
        array = np.asarray(values)
        if array.dtype.kind in "biuf" and array.ndim == 1:
            return array.astype(np.float64)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{name} must be numbers [n], got {_checks.received(values)}")


def _places(name: str, values, size: int) -> np.ndarray:
    array = _numbers(name, values)
    if not np.all((array >= 0) & (array < size) & (array == np.floor(array))):
        raise ValueError(f"{name} must be integers in [0, {size}), got {_checks.received(values)}")
    return array.astype(np.int64)


def _pad(rows, columns, weights, num_rows):
    """Coordinate form -> indices and weights [num_rows, taps]; no weights where all are one."""
    order = np.argsort(rows, kind="stable")
    counts = np.bincount(rows, minlength=num_rows)
    taps = max(1, int(counts.max(initial=0)))
    slot = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    indices = np.zeros((num_rows, taps), np.int32)
    padded = np.zeros((num_rows, taps))
    indices[rows[order], slot] = columns[order]
    padded[rows[order], slot] = weights[order]
    return indices, None if np.all(padded == 1) else padded
