"""Softmax attention by random features, whose cost is linear in the number of tokens."""

from typing import Any

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.functional.attention import _chunks, _inputs
from weirdonetworks.functional.attention.linear import linear_attention
from weirdonetworks.functional.attention.normaliser import divide_by_totals

KINDS = ("positive", "trigonometric", "orthogonal", "leverage")
# Features among which leverage chooses, for each that it takes, and its ridge, relative to what
# all of them together give a key.
_CANDIDATES, _RIDGE = 8, 1e-3
_CHUNK = 64  # tokens of causal attention at once


def random_projection(
    num_features: int,
    size: int,
    orthogonal: bool = False,
    seed: int = 0,
    dtype: tf.DType = tf.float32,
) -> tf.Tensor:
    """Directions w ~ N(0, I), [num_features, size].

    With `orthogonal`, each `size` of them are orthogonal to one another; each by itself is still
    normal.

    Raises:
      ValueError: sizes that are not integers >= 1, a seed that is none >= 0, an `orthogonal` that
        is no bool, or a type that is not floating.

    Source: Yu et al. 2016, "Orthogonal random features".
    """
    m = _checks.integer("num_features", num_features)
    d = _checks.integer("size", size)
    rng = np.random.default_rng(_checks.integer("seed", seed, 0))
    return _draw(m, d, _checks.flag("orthogonal", orthogonal), rng, _floating(dtype))


def _draw(m: int, d: int, orthogonal: bool, rng: Any, dtype: tf.DType) -> tf.Tensor:
    """By NumPy, whose numbers are the same in eager execution, in graphs and in XLA."""
    _checks.memory("num_features must leave directions that fit in memory", m, 8 * m * d)
    normal = rng.normal(size=[m, d])
    if orthogonal:
        q, r = np.linalg.qr(rng.normal(size=[-(-m // d), d, d]))
        q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]  # uniform among all rotations
        directions = q.swapaxes(1, 2).reshape(-1, d)[:m]
        normal = directions * np.linalg.norm(normal, axis=1, keepdims=True)
    return tf.constant(normal, dtype)


def _floating(dtype: tf.DType) -> tf.DType:
    try:
        found = tf.as_dtype(dtype)
    except (TypeError, ValueError):
        found = None
    if found not in (tf.float32, tf.float64):
        raise ValueError(f"dtype must be float32 or float64, got {_checks.received(dtype)}")
    return found


def positive_features(x: tf.Tensor, projection: tf.Tensor) -> tf.Tensor:
    """phi_i(x) = e^(w_i . x - |x|^2 / 2) / sqrt(m), [..., tokens, m].

    E phi(q) . phi(k) = e^(q . k), and all are > 0. For normal w the relative variance is
    (e^(|q + k|^2) - 1) / m: |q + k| has to be small for few features to do.

    Args:
      x: [..., tokens, d].
      projection: w, [m, d], as of `random_projection`.

    Raises:
      ValueError: shapes that do not fit.

    Source: Choromanski et al. 2021, "Rethinking attention with performers".
    """
    x, projected = _project(x, projection)
    return tf.exp(projected - _half_square(x)) / projected.shape[-1] ** 0.5


def trigonometric_features(x: tf.Tensor, projection: tf.Tensor) -> tf.Tensor:
    """e^(|x|^2 / 2) [cos(w_i . x), sin(w_i . x)] / sqrt(m), [..., tokens, 2 m]: the same kernel.

    E phi(q) . phi(k) = e^(q . k); the variance over m features, relative to e^((|q|^2 + |k|^2) / 2)
    and with delta = |q - k|, is (1 - e^(-delta^2))^2 / (2 m). What they say of a kernel may be
    negative.

    Args:
      x: [..., tokens, d].
      projection: w, [m, d], as of `random_projection`.

    Raises:
      ValueError: shapes that do not fit.

    Source: Rahimi and Recht 2007, "Random features for large-scale kernel machines".
    """
    x, projected = _project(x, projection)
    waves = tf.concat([tf.cos(projected), tf.sin(projected)], axis=-1)
    return tf.exp(_half_square(x)) * waves / projected.shape[-1] ** 0.5


def _project(x: tf.Tensor, projection: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    x = _inputs.tokens("x", x)
    w = _inputs.tokens("projection", projection, x.dtype)
    if w.shape.rank != 2 or w.shape[1] != x.shape[-1]:
        raise ValueError(f"projection must be [features, {x.shape[-1]}], got shape {w.shape}")
    return x, tf.matmul(x, w, transpose_b=True)


def _half_square(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(x * x, axis=-1, keepdims=True) / 2


def random_feature_attention(
    queries: tf.Tensor,
    keys: tf.Tensor,
    values: tf.Tensor,
    num_features: int = 64,
    kind: str = "positive",
    causal: bool = False,
    normalize: bool = True,
    seed: int = 0,
) -> tf.Tensor:
    """y_i = sum_j phi(q_i) . phi(k_j) v_j / sum_j phi(q_i) . phi(k_j), E phi(q) . phi(k) = e^s_ij.

    Softmax attention, s = q . k / sqrt(d), in the limit of many features, at a cost linear in the
    tokens. `kind`:

    * `positive`: `positive_features` of normal directions.
    * `orthogonal`: the same, of orthogonal directions.
    * `leverage`: drawn from eight times as many, in proportion to their ridge leverage scores: how
      far a feature of these keys is from being made up by the others. Their weights are such that
      the mean stays the same.
    * `trigonometric`: `trigonometric_features`. Their kernel may be negative: `normalize` must be
      False, and y_i = sum_j phi(q_i) . phi(k_j) v_j.

    Args:
      queries: [..., n, d].
      keys: [..., m, d].
      values: [..., m, e].
      num_features: of each token; twice as many numbers for `trigonometric`.
      kind: of features.
      causal: whether query i sees keys 0 to i alone; not with `leverage`, which sees all of them.
        Later keys change nothing, not even rounding. A key is not seen by a query if no feature of
        both is within the range of the type, relative to the largest of each.
      normalize: whether to divide.
      seed: of the directions.

    Raises:
      ValueError: shapes that do not fit, num_features that is no integer >= 1, an unknown kind, or
        arguments that contradict each other, as said above.

    Sources: Choromanski et al. 2021, "Rethinking attention with performers"; for leverage scores
    of features, Li et al. 2019, "Towards a unified analysis of random Fourier features".
    """
    queries, keys, values = _inputs.triple(queries, keys, values)
    kind = _checks.choice("kind", kind, KINDS)
    m = _checks.integer("num_features", num_features)
    causal = _checks.flag("causal", causal)
    normalize = _checks.flag("normalize", normalize)
    if kind == "trigonometric" and normalize:
        raise ValueError(
            "normalize must be False for kind='trigonometric', whose kernels may be negative, "
            "got True"
        )
    if kind == "leverage" and causal:
        raise ValueError(
            "causal must be False for kind='leverage', which looks at all keys, got True"
        )
    if kind == "leverage":
        _inputs.transformable("queries", queries)
    d = queries.shape[-1]
    candidates = m * _CANDIDATES if kind == "leverage" else m
    rng = np.random.default_rng(_checks.integer("seed", seed, 0))
    w = _draw(candidates, d, kind == "orthogonal", rng, queries.dtype)
    q, k = queries * d**-0.25, keys * d**-0.25
    if kind == "trigonometric":
        q, k = trigonometric_features(q, w), trigonometric_features(k, w)
        return linear_attention(q, k, values, causal, normalize=False)
    q_log, k_log = (_project(x, w)[1] - _half_square(x) for x in (q, k))
    if kind == "leverage":
        q_log, k_log = _by_leverage(q_log, k_log, m, rng)
    if not normalize:
        return linear_attention(tf.exp(q_log), tf.exp(k_log) / m, values, causal, normalize=False)
    return _quotient(q_log, k_log, values, causal)


def _quotient(q_log: tf.Tensor, k_log: tf.Tensor, values: tf.Tensor, causal: bool) -> tf.Tensor:
    """Linear attention of features that are given by their logarithms, of any size."""
    if causal:  # a factor of each key, which its sums get back, relative to keys before it alone
        top = _largest(k_log, -1)
        q, k = tf.exp(q_log - _largest(q_log, -1)), tf.exp(k_log - top)
        v = tf.concat([values, tf.ones_like(values[..., :1])], axis=-1)
        found = _chunks.scaled_causal_sums(q, k, v, top[..., 0], _CHUNK)
        return divide_by_totals(found[..., :-1], found[..., -1])
    top = _largest(k_log, -2)  # factors of each feature, and of each query, that cancel
    q_log, k_log = q_log + top, k_log - top
    return linear_attention(tf.exp(q_log - _largest(q_log, -1)), tf.exp(k_log), values)


def _largest(logs: tf.Tensor, axis: int) -> tf.Tensor:
    return tf.stop_gradient(tf.reduce_max(logs, axis=axis, keepdims=True))


def _by_leverage(
    q_log: tf.Tensor, k_log: tf.Tensor, m: int, rng: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """m of all features, drawn with p in proportion to leverage, times 1 / (candidates p)."""
    k = tf.exp(k_log - tf.reduce_max(k_log, axis=[-2, -1], keepdims=True))
    tokens, candidates = k.shape[-2:]
    ridge = _RIDGE * tf.reduce_sum(k * k, axis=[-2, -1])[..., None, None] / tokens

    def shifted(gram: tf.Tensor) -> tf.Tensor:
        return gram + ridge * tf.eye(gram.shape[-1], dtype=gram.dtype)

    # diag(K^T (K K^T + r)^-1 K) = diag((K^T K + r)^-1 K^T K): by the smaller of the two squares.
    if tokens < candidates:
        solved = tf.linalg.solve(shifted(tf.matmul(k, k, transpose_b=True)), k)
        scores = tf.reduce_sum(k * solved, axis=-2)
    else:
        gram = tf.matmul(k, k, transpose_a=True)
        scores = tf.linalg.diag_part(tf.linalg.solve(shifted(gram), gram))
    # Half of each draw is uniform: no feature that the keys do not need has an endless weight.
    share = tf.maximum(tf.stop_gradient(scores), 0)
    share = share / tf.reduce_sum(share, axis=-1, keepdims=True)
    p = share / 2 + 1 / (2 * candidates)
    ends = tf.cumsum(p, axis=-1)
    # The first feature whose cumulative probability is above the draw.
    draws = tf.constant(rng.random(m), p.dtype)
    chosen = tf.reduce_sum(tf.cast(ends[..., None, :] <= draws[:, None], tf.int32), axis=-1)
    chosen = tf.minimum(chosen, candidates - 1)
    taken = tf.one_hot(chosen, candidates, axis=-1, dtype=k.dtype)  # [..., m, candidates]
    weight = -tf.math.log(candidates * tf.linalg.matvec(taken, p))
    q_log, k_log = (tf.matmul(x, taken, transpose_b=True) for x in (q_log, k_log))
    return q_log, k_log + weight[..., None, :]
