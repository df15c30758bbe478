"""Checks of queries, keys, values and masks, in one place for all forms."""

from typing import Any

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks


def tokens(name: str, inputs: tf.Tensor, dtype: tf.DType | None = None) -> tf.Tensor:
    """Returns `inputs` as floating [..., tokens, features] with static sizes of both."""
    if dtype is None:
        inputs = _tensor_checks.floating(name, inputs)
    else:
        inputs = _tensor_checks.of_type(name, inputs, "queries", dtype)
    if inputs.shape.rank is None or inputs.shape.rank < 2 or not all(inputs.shape[-2:]):
        raise ValueError(
            f"{name} must be [..., tokens, features] with static sizes >= 1, got shape "
            f"{inputs.shape}"
        )
    return inputs


def triple(
    queries: Any,
    keys: Any,
    values: Any,
    names: tuple[str, str, str] = ("queries", "keys", "values"),
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns all three, which must fit each other."""
    queries = tokens(names[0], queries)
    keys, values = tokens(names[1], keys, queries.dtype), tokens(names[2], values, queries.dtype)
    if keys.shape[-1] != queries.shape[-1]:
        raise ValueError(
            f"{names[1]} must have as many features as {names[0]}, {queries.shape[-1]}, got "
            f"{keys.shape[-1]}"
        )
    if values.shape[-2] != keys.shape[-2]:
        raise ValueError(
            f"{names[2]} must be as many as {names[1]}, {keys.shape[-2]}, got {values.shape[-2]}"
        )
    leading(dict(zip(names, (x.shape[:-2] for x in (queries, keys, values)), strict=True)))
    return queries, keys, values


def leading(shapes: dict[str, tf.TensorShape]) -> tf.TensorShape:
    """What the leading shapes broadcast to, by name; raises ValueError where they do not."""
    found = tf.TensorShape([])
    for shape in shapes.values():
        try:
            found = tf.broadcast_static_shape(found, shape)
        except ValueError:
            *others, last = shapes
            names, told = f"{', '.join(others)} and {last}", ", ".join(map(str, shapes.values()))
            raise ValueError(
                f"{names} must have leading shapes that broadcast, got {told}"
            ) from None
    return found


def same_tokens(queries: tf.Tensor, keys: tf.Tensor) -> None:
    """Raises ValueError unless there is a key for each query, as an order of both needs."""
    if queries.shape[-2] != keys.shape[-2]:
        raise ValueError(
            f"keys must be as many as queries, {queries.shape[-2]}, got {keys.shape[-2]}"
        )


def weights(mask: Any, queries: tf.Tensor, keys: tf.Tensor, causal: bool) -> tf.Tensor | None:
    """The mask as numbers >= 0 that broadcast with the scores, or None where all is seen."""
    rows, columns = queries.shape[-2], keys.shape[-2]
    dtype = queries.dtype
    found = None
    if mask is not None:
        boolean = getattr(mask, "dtype", None) in (tf.bool, np.bool_, bool)
        found = (
            tf.cast(mask, dtype)
            if boolean
            else _tensor_checks.of_type("mask", mask, "queries", dtype)
        )
        try:
            shape = tf.broadcast_static_shape(found.shape[-2:], tf.TensorShape([rows, columns]))
        except ValueError:
            shape = None
        if found.shape.rank is None or shape != tf.TensorShape([rows, columns]):
            raise ValueError(
                f"mask must be [..., queries, keys], [..., {rows}, {columns}], or broadcast to it, "
                f"got shape {found.shape}"
            )
        inputs = {"queries": queries, "keys": keys, "mask": found}
        leading({name: x.shape[:-2] for name, x in inputs.items()})
        nonnegative("mask", found)
    if _checks.flag("causal", causal):
        same_tokens(queries, keys)
        found = triangle(rows, dtype) if found is None else found * triangle(rows, dtype)
    return found


def triangle(tokens: int, dtype: tf.DType) -> tf.Tensor:
    """[tokens, tokens], 1 on the diagonal and below: made, as a large constant fills a graph."""
    places = tf.range(tokens)
    return tf.cast(places[:, None] >= places, dtype)


def nonnegative(name: str, value: tf.Tensor, why: str = "") -> None:
    """Raises ValueError for numbers below 0, unless a graph is traced; NaN is none of them."""
    known = tf.get_static_value(value)
    if known is not None and np.any(known < 0):
        raise ValueError(f"{name} must be >= 0{why}, got {known[known < 0].flat[0]:.6g}")


def finite(name: str, value: tf.Tensor) -> None:
    """Raises ValueError for numbers that are not finite and >= 0, unless a graph is traced."""
    known = tf.get_static_value(value)
    if known is not None and not np.all(np.isfinite(known) & (known >= 0)):
        wrong = known[~(np.isfinite(known) & (known >= 0))].flat[0]
        raise ValueError(f"{name} must be finite and >= 0, got {wrong:.6g}")


def transformable(name: str, value: tf.Tensor) -> tf.Tensor:
    """Returns a tensor of a type that has Fourier transforms and eigenvalues."""
    if value.dtype not in (tf.float32, tf.float64):
        raise ValueError(f"{name} must be float32 or float64, got {value.dtype.name}")
    return value
