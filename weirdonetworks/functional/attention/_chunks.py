"""Causal sums in time linear in the tokens: squares within chunks, states between them."""

import tensorflow as tf

from weirdonetworks.functional.attention import _inputs


def causal_sums(queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor, chunk: int) -> tf.Tensor:
    """sum_(j <= i) (q_i . k_j) v_j, [..., n, e]."""
    q, k, v = (_split(x, chunk) for x in (queries, keys, values))
    within = tf.matmul(lower(tf.matmul(q, k, transpose_b=True)), v)
    before = tf.cumsum(tf.matmul(k, v, transpose_a=True), axis=-3, exclusive=True)
    return _joined(within + tf.matmul(q, before), keys.shape[-2])


def scaled_causal_sums(
    queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor, logs: tf.Tensor, chunk: int
) -> tf.Tensor:
    """e^(-t_i) sum_(j <= i) e^(s_j) (q_i . k_j) v_j, t_i = max_(j <= i) s_j, for logs s, [..., n].

    Neither overflows nor rounds by what comes later; t is constant for gradients.
    """
    q, k, v, s = (_split(x, chunk) for x in (queries, keys, values, logs[..., None]))
    s = s[..., 0]  # [..., chunks, chunk]
    top = tf.reduce_max(s, axis=-1)
    sums = tf.matmul(k, v * tf.exp(s - top[..., None])[..., None], transpose_a=True)
    start = tf.fill(tf.shape(top[..., 0]), top.dtype.min), tf.zeros_like(sums[..., 0, :, :])
    parts = _chunks_first(top, -1), _chunks_first(sums, -3)
    tops, states = tf.scan(_add, parts, start)
    tops, states = (
        tf.concat([first[None], each[:-1]], axis=0)
        for first, each in zip(start, (tops, states), strict=True)
    )
    before, state = _chunks_last(tops, -1)[..., None], _chunks_last(states, -3)
    places = tf.range(s.shape[-1])
    seen = places[:, None] >= places
    t = tf.reduce_max(tf.where(seen, s[..., None, :], s.dtype.min), axis=-1)
    t = tf.stop_gradient(tf.maximum(before, t))
    weights = tf.exp(tf.where(seen, s[..., None, :] - t[..., None], 0))
    within = tf.matmul(lower(tf.matmul(q, k, transpose_b=True) * weights), v)
    found = within + tf.exp(before - t)[..., None] * tf.matmul(q, state)
    return _joined(found, keys.shape[-2])


def lower(scores: tf.Tensor) -> tf.Tensor:
    """[..., n, n], 0 above the diagonal, where scores may be of any size, or NaN."""
    seen = _inputs.triangle(scores.shape[-1], tf.bool)
    return tf.where(seen, scores, tf.zeros([], scores.dtype))


def _add(state: tuple[tf.Tensor, ...], chunk: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
    """(max of logs, sums relative to it) of the chunks until now, with those of one more."""
    top = tf.maximum(state[0], chunk[0])
    shares = (tf.exp(each[0] - top)[..., None, None] * each[1] for each in (state, chunk))
    return top, tf.add(*shares)


def _split(x: tf.Tensor, chunk: int) -> tf.Tensor:
    """[..., n, size] -> [..., chunks, chunk, size], with tokens of zeros at the end."""
    n, size = x.shape[-2:]
    chunk = min(chunk, n)
    chunks = -(-n // chunk)
    x = tf.pad(x, [[0, 0]] * (x.shape.rank - 2) + [[0, chunks * chunk - n], [0, 0]])
    return tf.reshape(x, tf.concat([tf.shape(x)[:-2], [chunks, chunk, size]], axis=0))


def _joined(x: tf.Tensor, n: int) -> tf.Tensor:
    """[..., chunks, chunk, size] -> [..., n, size]."""
    tokens, size = x.shape[-3] * x.shape[-2], x.shape[-1]
    return tf.reshape(x, tf.concat([tf.shape(x)[:-3], [tokens, size]], axis=0))[..., :n, :]


def _chunks_first(x: tf.Tensor, axis: int) -> tf.Tensor:
    axes = list(range(x.shape.rank))
    return tf.transpose(x, [axes.pop(axis), *axes])


def _chunks_last(x: tf.Tensor, axis: int) -> tf.Tensor:
    axes = list(range(1, x.shape.rank))
    axes.insert(len(axes) + 1 + axis, 0)
    return tf.transpose(x, axes)
