"""Sums over all states of binary units, of which one side is enumerated, in parts of 2^10 states.

W is [n, m], b [n], c [m]: the states are those of the n units, p(s) = e^-F(s) / Z.
"""

import tensorflow as tf

LARGEST = 20  # units whose 2^20 states can be enumerated
_INNER = 10  # of them, 2^10 states at once


def free_energy(states: tf.Tensor, w: tf.Tensor, b: tf.Tensor, c: tf.Tensor) -> tf.Tensor:
    """F(s) = -b . s - sum_j log(1 + e^(c_j + sum_i s_i w_ij)), [batch]."""
    return -tf.tensordot(states, b, 1) - tf.reduce_sum(
        tf.nn.softplus(tf.matmul(states, w) + c), axis=1
    )


def log_partition(w: tf.Tensor, b: tf.Tensor, c: tf.Tensor) -> tf.Tensor:
    """log Z = log sum_s e^-F(s)."""
    inner, outer = _parts(w)

    def part(state: tf.Tensor) -> tf.Tensor:
        return tf.reduce_logsumexp(-free_energy(_joined(inner, state), w, b, c))

    return tf.reduce_logsumexp(tf.map_fn(part, outer))


def expectations(w: tf.Tensor, b: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """E s t^T, E s and E t, t the other units: the gradient of log Z in w, b and c.

    Summed part by part: a tape over `log_partition` would keep all states.
    """
    inner, outer = _parts(w)
    log_z = log_partition(w, b, c)

    def add(sums: tuple[tf.Tensor, ...], state: tf.Tensor) -> tuple[tf.Tensor, ...]:
        states = _joined(inner, state)
        p = tf.exp(-free_energy(states, w, b, c) - log_z)[:, None]
        others = tf.sigmoid(tf.matmul(states, w) + c)
        both = tf.matmul(p * states, others, transpose_a=True)
        first, second = tf.reduce_sum(p * states, axis=0), tf.reduce_sum(p * others, axis=0)
        found = both, first, second, tf.reduce_sum(p)
        return tuple(old + new for old, new in zip(sums, found, strict=True))

    shapes = w.shape, b.shape, c.shape, []
    *sums, total = tf.foldl(add, outer, tuple(tf.zeros(shape, w.dtype) for shape in shapes))
    return tuple(value / total for value in sums)  # total is 1 but for the rounding of log Z


def _parts(w: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """All states of the first units, and of the others."""
    size = w.shape[0]
    inner, outer = min(size, _INNER), max(size - _INNER, 0)
    return _states(inner, w.dtype), _states(outer, w.dtype)


def _states(size: int, dtype: tf.DType) -> tf.Tensor:
    """All binary states of so many units, [2^size, size]."""
    numbers = tf.range(2**size)[:, None]
    return tf.cast(tf.bitwise.right_shift(numbers, tf.range(size)) % 2, dtype)


def _joined(inner: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
    """The inner states, each followed by this one of the others."""
    rest = tf.broadcast_to(state, [inner.shape[0], state.shape[0]])
    return tf.concat([inner, rest], axis=1)
