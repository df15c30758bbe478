"""Functions over the orbit, [batch, |G|, k] -> [batch, m]: symmetric ones, and one that is not."""

from collections.abc import Callable

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional import maxima

Pooling = Callable[[tf.Tensor], tf.Tensor]


def _orbit(values: tf.Tensor) -> tf.Tensor:
    values = _tensor_checks.floating("values", values)
    if values.shape.rank != 3 or None in values.shape[1:]:
        raise ValueError(
            f"values must be [batch, |G|, k] with static |G| and k, got shape {values.shape}"
        )
    return values


def mean(values: tf.Tensor) -> tf.Tensor:
    """(1 / |G|) sum_g v_g: the Reynolds operator. [batch, |G|, k] -> [batch, k]."""
    return tf.reduce_mean(_orbit(values), axis=1)


def maximum(values: tf.Tensor) -> tf.Tensor:
    """max_g v_g, each feature by itself. [batch, |G|, k] -> [batch, k]."""
    return maxima.maximum(_orbit(values), axis=1)


def logsumexp(values: tf.Tensor) -> tf.Tensor:
    """log sum_g exp v_g, between the mean + log |G| and the maximum + log |G|; [batch, k]."""
    return tf.reduce_logsumexp(_orbit(values), axis=1)


def moments(values: tf.Tensor, num_moments: int = 3) -> tf.Tensor:
    """The mean and the central moments m_j = (1 / |G|) sum_g (v_g - mean)^j, j = 2 .. num_moments.

    [batch, |G|, k] -> [batch, num_moments * k], the means first. All |G| of them together
    determine the values of each feature over the orbit, but for their order.

    Raises:
      ValueError: num_moments < 1.
    """
    num_moments = _checks.integer("num_moments", num_moments)
    values = _orbit(values)
    first = tf.reduce_mean(values, axis=1, keepdims=True)
    power = centred = values - first
    parts = [first[:, 0]]
    for _ in range(2, num_moments + 1):
        power *= centred
        parts.append(tf.reduce_mean(power, axis=1))
    return tf.concat(parts, axis=1)


def order_statistics(values: tf.Tensor) -> tf.Tensor:
    """The values of each feature in ascending order: [batch, |G|, k] -> [batch, |G| k].

    What is smallest comes first, for all features, then what is next. Loses nothing of a feature
    but which g it came from.
    """
    values = tf.sort(_orbit(values), axis=1)
    return tf.reshape(values, [-1, values.shape[1] * values.shape[2]])


def concat(values: tf.Tensor) -> tf.Tensor:
    """All values as they come: [batch, |G|, k] -> [batch, |G| k]. *Not* symmetric.

    g x in place of x permutes the output, so that a network that goes on with it is invariant only
    as far as it learns to be.
    """
    values = _orbit(values)
    return tf.reshape(values, [-1, values.shape[1] * values.shape[2]])


POOLINGS: dict[str, Pooling] = {
    "mean": mean,
    "max": maximum,
    "logsumexp": logsumexp,
    "moments": moments,
    "sorted": order_statistics,
    "concat": concat,
}


def get_pooling(pooling: str | Pooling) -> Pooling:
    """The pooling of a name; a function or module [batch, |G|, k] -> [batch, m] as it is.

    Raises:
      ValueError: an unknown name, or what is neither a name nor callable.
    """
    if callable(pooling):
        return pooling
    if not isinstance(pooling, str) or pooling not in POOLINGS:
        raise ValueError(
            f"pooling must be callable or one of {list(POOLINGS)}, got {_checks.received(pooling)}"
        )
    return POOLINGS[pooling]


def pool(pooling: Pooling, values: tf.Tensor) -> tf.Tensor:
    """pooling(values), which must be [batch, m] with a static m.

    Raises:
      ValueError: it is not.
    """
    pooled = tf.convert_to_tensor(pooling(values))
    if pooled.shape.rank != 2 or pooled.shape[1] is None:
        raise ValueError(
            f"pooling must return [batch, m] for [batch, |G|, k], got shape {pooled.shape}"
        )
    return pooled
