"""Linear attention: a masked square, a recurrence that streams, or chunks of both; delta rule."""

from typing import Any, NamedTuple

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional.attention import _chunks, _inputs
from weirdonetworks.functional.attention.normaliser import divide_by_totals

FORMS = ("chunked", "recurrent", "quadratic")


class LinearState(NamedTuple):
    """What the recurrence keeps of the keys and values that it has seen.

    Attributes:
      sums: sum_j k_j v_j^T, [..., d, e].
      totals: sum_j k_j, [..., d].
    """

    sums: tf.Tensor
    totals: tf.Tensor


def masked_attention(
    queries: tf.Tensor,
    keys: tf.Tensor,
    values: tf.Tensor,
    mask: tf.Tensor | None = None,
    normalize: bool = True,
) -> tf.Tensor:
    """y_i = sum_j m_ij (q_i . k_j) v_j / sum_j m_ij (q_i . k_j), computed as it stands.

    The reference for all forms of linear attention: quadratic in the tokens.

    Args:
      queries: features of them, [..., n, d], >= 0 where normalized.
      keys: features of them, [..., m, d], >= 0 where normalized.
      values: [..., m, e].
      mask: True and False, or weights >= 0, [..., n, m] or what broadcasts to it.
      normalize: whether to divide.

    Raises:
      ValueError: shapes that do not fit; negative numbers, where they may not be (told where they
        are not traced).
    """
    queries, keys, values = _features(queries, keys, values, normalize)
    scores = tf.matmul(queries, keys, transpose_b=True)
    weights = _inputs.weights(mask, queries, keys, False)
    scores = scores if weights is None else scores * weights
    sums = tf.matmul(scores, values)
    return divide_by_totals(sums, tf.reduce_sum(scores, axis=-1)) if normalize else sums


def linear_attention(
    queries: tf.Tensor,
    keys: tf.Tensor,
    values: tf.Tensor,
    causal: bool = False,
    form: str = "chunked",
    normalize: bool = True,
    chunk_size: int = 64,
) -> tf.Tensor:
    """y_i = S_i^T q_i / (z_i . q_i), S_i = sum_j k_j v_j^T, z_i = sum_j k_j; causal: over j <= i.

    Its cost is linear in the tokens. Queries and keys are features, k(q, k) = q . k. For causal
    attention, `form` is how it is computed: `quadratic` by `masked_attention`, `recurrent` by a
    state that each token changes (`linear_attention_step`; here all states are kept, for their
    gradients), `chunked` by squares within chunks and the states between them. All agree; without
    `causal`, all are one product.

    Args:
      queries: features of them, [..., n, d], >= 0 where normalized.
      keys: features of them, [..., m, d], >= 0 where normalized.
      values: [..., m, e].
      causal: whether query i sees keys 0 to i alone; needs as many keys as queries.
      form: `chunked`, `recurrent` or `quadratic`.
      normalize: whether to divide; a query for which the total is 0 gives 0.
      chunk_size: tokens of a chunk.

    Raises:
      ValueError: shapes that do not fit, an unknown form, a chunk_size that is no integer >= 1;
        features below 0 that are to be normalized (told where they are not traced).

    Source: Katharopoulos et al. 2020, "Transformers are RNNs".
    """
    queries, keys, values = _features(queries, keys, values, normalize)
    form, chunk = _checks.choice("form", form, FORMS), _checks.integer("chunk_size", chunk_size)
    # The totals are the sums for values that are all 1.
    v = tf.concat([values, tf.ones_like(values[..., :1])], axis=-1) if normalize else values
    if not _checks.flag("causal", causal):
        found = tf.matmul(queries, tf.matmul(keys, v, transpose_a=True))
    else:
        _inputs.same_tokens(queries, keys)
        if form == "quadratic":
            found = tf.matmul(_chunks.lower(tf.matmul(queries, keys, transpose_b=True)), v)
        elif form == "recurrent":
            found = _recurrent(queries, keys, v)
        else:
            found = _chunks.causal_sums(queries, keys, v, chunk)
    return divide_by_totals(found[..., :-1], found[..., -1]) if normalize else found


def linear_attention_step(
    state: LinearState | None,
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    normalize: bool = True,
) -> tuple[tf.Tensor, LinearState]:
    """One token of a stream: S <- S + k v^T, z <- z + k, y = S^T q / (z . q).

    Args:
      state: what the step before returned, or None before the first token.
      query: features of the token's query, [..., d].
      key: features of its key, [..., d].
      value: [..., e].
      normalize: whether to divide.

    Returns:
      (y, [..., e], and the state after it).

    Raises:
      ValueError: what `linear_attention` refuses, in the words for a single token.
    """
    inputs = (
        _tensor_checks.floating(name, each)
        for name, each in (("query", query), ("key", key), ("value", value))
    )
    rows = (each[..., None, :] if each.shape.rank else each for each in inputs)
    query, key, value = _features(*rows, normalize, ("query", "key", "value"))
    sums = tf.matmul(key, value, transpose_a=True)
    totals = key[..., 0, :]
    if state is not None:
        if not isinstance(state, LinearState):
            raise ValueError(f"state must be None or a LinearState, got {_checks.received(state)}")
        _same_state(state, LinearState(sums, totals))
        sums, totals = state.sums + sums, state.totals + totals
    found = tf.matmul(query, sums)
    if normalize:
        found = divide_by_totals(found, tf.matmul(query, totals[..., None])[..., 0])
    return found[..., 0, :], LinearState(sums, totals)


def delta_rule(
    queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor, rates: tf.Tensor | float = 1.0
) -> tf.Tensor:
    """S_t = S_(t-1) + b_t k_t (v_t - S_(t-1)^T k_t)^T, y_t = S_t^T q_t, S_0 = 0.

    Linear attention that writes what the memory does not say yet: after a unit key with the rate
    1, S^T k = v, whatever was written at it before. For keys that are orthonormal it is causal
    linear attention without normalisation.

    Args:
      queries: [..., n, d].
      keys: [..., n, d]; of norm 1, if nothing is to grow.
      values: [..., n, e].
      rates: b, a number, or [..., n].

    Raises:
      ValueError: shapes that do not fit.

    Source: Schlag, Irie and Schmidhuber 2021, "Linear transformers are secretly fast weight
    programmers".
    """
    queries, keys, values = _inputs.triple(queries, keys, values)
    _inputs.same_tokens(queries, keys)
    n = keys.shape[-2]
    rates = _tensor_checks.of_type("rates", rates, "queries", queries.dtype)
    if rates.shape.rank and rates.shape[-1] not in (1, n):
        raise ValueError(f"rates must be a number or [..., {n}], got shape {rates.shape}")
    inputs = {"queries": queries.shape[:-2], "keys": keys.shape[:-2], "values": values.shape[:-2]}
    if rates.shape.rank:
        _inputs.leading({**inputs, "rates": rates.shape[:-1]})
    rates = rates[..., None] if rates.shape.rank else rates
    rates = rates * tf.ones_like(keys[..., :1])
    keys = keys + tf.zeros_like(rates)  # rates may be those of a batch that nothing else has

    def step(state: tf.Tensor, token: tuple[tf.Tensor, ...]) -> tf.Tensor:
        key, value, rate = token
        told = tf.einsum("...de,...d->...e", state, key)
        return state + (rate * key)[..., :, None] * (value - told)[..., None, :]

    return _scan(step, queries, keys, values, rates)


def _features(
    queries: Any, keys: Any, values: Any, normalize: bool, names=("queries", "keys", "values")
) -> tuple[tf.Tensor, ...]:
    found = _inputs.triple(queries, keys, values, names)
    if _checks.flag("normalize", normalize):
        for name, each in zip(names[:2], found[:2], strict=True):
            _inputs.nonnegative(name, each, " for normalize=True")
    return found


def _same_state(state: LinearState, added: LinearState) -> None:
    """Raises ValueError unless a state is one to which the other can be added."""
    sizes = ("sums", state.sums, added.sums, 2), ("totals", state.totals, added.totals, 1)
    for name, held, other, axes in sizes:
        held = _tensor_checks.of_type(f"{name} of state", held, "query", other.dtype)
        if held.shape.rank is None or held.shape[-axes:] != other.shape[-axes:]:
            raise ValueError(
                f"{name} of state must be [..., {', '.join(map(str, other.shape[-axes:]))}], got "
                f"shape {held.shape}"
            )
        _inputs.leading({f"{name} of state": held.shape[:-axes], "key": other.shape[:-axes]})


def _recurrent(queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    def step(state: tf.Tensor, token: tuple[tf.Tensor, ...]) -> tf.Tensor:
        key, value, _ = token
        return state + key[..., :, None] * value[..., None, :]

    return _scan(step, queries, keys, values, tf.ones_like(keys[..., :1]))


def _scan(step, queries: tf.Tensor, *tokens: tf.Tensor) -> tf.Tensor:
    """y_t = S_t^T q_t, S_t = step(S_(t-1), token t), [..., n, e]."""
    shape = tf.shape(tokens[0][..., 0, 0] + tokens[1][..., 0, 0] + queries[..., 0, 0])
    d, e = tokens[0].shape[-1], tokens[1].shape[-1]
    last = [_time_first(x, shape) for x in tokens]
    start = tf.zeros(tf.concat([shape, [d, e]], axis=0), queries.dtype)
    states = tf.scan(step, tuple(last), start)
    found = tf.einsum("t...de,t...d->t...e", states, _time_first(queries, shape))
    rank = found.shape.rank
    return tf.transpose(found, [*range(1, rank - 1), 0, rank - 1])


def _time_first(x: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """[..., n, size] -> [n, *shape, size]."""
    x = tf.broadcast_to(x, tf.concat([shape, tf.shape(x)[-2:]], axis=0))
    rank = x.shape.rank
    return tf.transpose(x, [rank - 2, *range(rank - 2), rank - 1])
