"""Checks of arguments: every error names the argument, the rule and the value received."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf


def integer(name: str, value: Any, minimum: int = 1) -> int:
    """Returns `value` as an int of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ValueError(f"{name} must be an integer >= {minimum}, got {value!r}")
    return int(value)


def sizes(name: str, values: Any, allow_empty: bool = True) -> tuple[int, ...]:
    """Returns `values` as a tuple of positive ints."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ValueError(f"{name} must be a sequence of integers >= 1, got {values!r}")
    values = tuple(values)
    if not values and not allow_empty:
        raise ValueError(f"{name} must hold at least one size, got {values!r}")
    return tuple(integer(f"{name}[{i}]", value) for i, value in enumerate(values))


def number(name: str, value: Any, low: float, high: float, open_high: bool = False) -> float:
    """Returns `value` as a float in [low, high], or in [low, high) with `open_high`."""
    ok = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not ok or not low <= value <= high or (open_high and value == high):
        end = ")" if open_high else "]"
        raise ValueError(f"{name} must be a number in [{low}, {high}{end}, got {value!r}")
    return float(value)


def positive(name: str, value: Any) -> float:
    """Returns `value` as a finite float > 0."""
    ok = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not ok or not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}")
    return float(value)


def rate(name: str, value: Any) -> float:
    """Returns `value` as a dropout rate in [0, 1)."""
    return number(name, value, 0, 1, open_high=True)


def flag(name: str, value: Any) -> bool:
    """Returns `value`, which must be True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def choice(name: str, value: Any, options: Iterable[str]) -> str:
    """Returns `value`, which must be one of `options`."""
    options = list(options)
    # An array would answer `in` with many truth values.
    if not isinstance(value, (str, int, np.integer)) or value not in options:
        raise ValueError(f"{name} must be one of {options}, got {value!r}")
    return value


def image_shape(name: str, value: Any) -> tuple[int, int]:
    """Returns `value` as (height, width)."""
    shape = sizes(name, value)
    if len(shape) != 2:
        raise ValueError(f"{name} must be (height, width), got {value!r}")
    return shape


def floating(name: str, inputs: tf.Tensor) -> tf.Tensor:
    """Returns `inputs` as a tensor of a floating type."""
    try:
        inputs = tf.convert_to_tensor(inputs)
    except (TypeError, ValueError):
        kind = type(inputs).__name__
        raise ValueError(f"{name} must be a tensor of a floating type, got {kind}") from None
    if not inputs.dtype.is_floating:
        raise ValueError(
            f"{name} must be of a floating type (tf.cast it, and scale images to [0, 1]), "
            f"got {inputs.dtype.name}"
        )
    return inputs


def features(module: Any, inputs: tf.Tensor) -> tf.Tensor:
    """Returns `inputs` as floating [batch, in] with a static `in`, the same at each call.

    The size of the first call is kept in `module.input_size`.
    """
    label = type(module).__name__
    inputs = floating(f"{label} inputs", inputs)
    if inputs.shape.rank != 2:
        raise ValueError(f"{label} inputs must be [batch, features], got shape {inputs.shape}")
    size = inputs.shape[1]
    if not size:
        raise ValueError(
            f"{label} inputs must have a static number of features >= 1, got shape {inputs.shape}"
        )
    known = getattr(module, "input_size", None)
    if known is not None and size != known:
        raise ValueError(
            f"{label} inputs must have {known} features as at the first call, got {size}"
        )
    module.input_size = size
    return same_dtype(module, inputs)


def same_dtype(module: Any, inputs: tf.Tensor) -> tf.Tensor:
    """Returns `inputs`, which must be of the type of the first call, kept in `input_dtype`."""
    known = getattr(module, "input_dtype", inputs.dtype)
    if inputs.dtype != known:
        raise ValueError(
            f"{type(module).__name__} inputs must be {known.name} as at the first call, "
            f"got {inputs.dtype.name} (tf.cast them)"
        )
    module.input_dtype = known
    return inputs


def grid(name: str, inputs: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Returns images [batch, height, width] or [batch, height, width, channels] as the latter."""
    inputs = floating(name, inputs)
    if inputs.shape.rank == 3:
        inputs = inputs[..., None]
    if inputs.shape.rank != 4 or tuple(inputs.shape[1:3]) != tuple(shape) or not inputs.shape[3]:
        height, width = shape
        raise ValueError(
            f"{name} must be images [batch, {height}, {width}, channels] "
            f"or [batch, {height}, {width}], got shape {inputs.shape}"
        )
    return inputs
