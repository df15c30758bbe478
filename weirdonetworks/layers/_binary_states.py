"""The energy of a layer of binary units with one of hidden ones, and sums over all states of it."""

import tensorflow as tf

_INNER = 10  # units whose 2^10 states are summed at once


def free_energy(visible: tf.Tensor, w: tf.Tensor, b: tf.Tensor, c: tf.Tensor) -> tf.Tensor:
    """F(v) = -b . v - sum_j log(1 + e^(c_j + sum_i v_i w_ij)), [batch]."""
    return -tf.tensordot(visible, b, 1) - tf.reduce_sum(
        tf.nn.softplus(tf.matmul(visible, w) + c), axis=1
    )


def log_partition(w: tf.Tensor, b: tf.Tensor, c: tf.Tensor) -> tf.Tensor:
    """log sum_v e^-F(v), over all v."""
    inner, outer = _parts(w)
    return tf.reduce_logsumexp(tf.map_fn(lambda rest: _part(inner, rest, w, b, c), outer))


def log_partition_gradient(w: tf.Tensor, b: tf.Tensor, c: tf.Tensor) -> list[tf.Tensor]:
    """That of `log_partition` in w, b and c: part by part, as a tape would keep all states."""
    inner, outer = _parts(w)
    whole, units = log_partition(w, b, c), [w, b, c]

    def add(sums: list[tf.Tensor], rest: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(units)
            part = _part(inner, rest, *units)
        share = tf.exp(part - whole)
        return [a + share * own for a, own in zip(sums, tape.gradient(part, units), strict=True)]

    return tf.foldl(add, outer, [tf.zeros_like(value) for value in units])


def _part(inner: tf.Tensor, rest: tf.Tensor, *units: tf.Tensor) -> tf.Tensor:
    """log of the sum over inner states, the other units being in one state."""
    rest = tf.broadcast_to(rest, [inner.shape[0], rest.shape[0]])
    return tf.reduce_logsumexp(-free_energy(tf.concat([inner, rest], 1), *units))


def _parts(w: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    size = w.shape[0]
    return _states(min(size, _INNER), w.dtype), _states(max(size - _INNER, 0), w.dtype)


def _states(size: int, dtype: tf.DType) -> tf.Tensor:
    """All binary states of so many units, [2^size, size]."""
    numbers = tf.range(2**size)[:, None]
    return tf.cast(tf.bitwise.right_shift(numbers, tf.range(size)) % 2, dtype)
