"""Checks of tensors, in the words of `_checks`; none keeps or changes anything."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf


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


def parts(name: str, inputs: tf.Tensor) -> tf.Tensor:
    """Returns `inputs` as floating, as complex numbers are held: (real, imaginary), last axis."""
    dtype = getattr(inputs, "dtype", None)
    if isinstance(dtype, tf.DType | np.dtype) and tf.as_dtype(dtype).is_complex:
        raise ValueError(
            f"{name} must be of a floating type, (real, imaginary) in the last axis (as by "
            f"tf.stack([tf.math.real(z), tf.math.imag(z)], -1)), got {tf.as_dtype(dtype).name}"
        )
    return floating(name, inputs)


def of_type(name: str, value: Any, other: str, dtype: tf.DType) -> tf.Tensor:
    """Returns `value`, a tensor or numbers, as a tensor of the floating type that `other` has."""
    if not tf.is_tensor(value):
        try:
            if np.iscomplexobj(value):  # TensorFlow would drop the imaginary part
                raise TypeError
            return tf.convert_to_tensor(value, dtype)
        except (TypeError, ValueError):
            kind = type(value).__name__
            raise ValueError(f"{name} must be numbers of {dtype.name}, got {kind}") from None
    value = tf.convert_to_tensor(value)
    if value.dtype != dtype:
        raise ValueError(
            f"{name} must be of the type of {other}, {dtype.name}, got {value.dtype.name}"
        )
    return value


def features(module: Any, inputs: tf.Tensor) -> tf.Tensor:
    """Returns `inputs` as floating [batch, in] with a static `in`, the same at each call.

    The module keeps size and type of its first call: `input_size`, `input_dtype`.
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
    return same_dtype(module, inputs)


def same_dtype(module: Any, inputs: tf.Tensor) -> tf.Tensor:
    """Returns `inputs`, which must be of the type of the first call, `module.input_dtype`.

    Or of that in which the weights are read now, if it is another one, as in mixed precision.
    """
    known = getattr(module, "input_dtype", inputs.dtype)
    if inputs.dtype != known and inputs.dtype != _read_dtype(module):
        raise ValueError(
            f"{type(module).__name__} inputs must be {known.name} as at the first call, "
            f"got {inputs.dtype.name} (tf.cast them)"
        )
    return inputs


def _read_dtype(module: Any) -> tf.DType | None:
    """The type of a weight as modules get it: Sonnet's custom getters may cast it."""
    parts = [module]
    for part in parts:
        # Not by vars(), which getters change, too.
        for name, value in object.__getattribute__(part, "__dict__").items():
            if isinstance(value, set | frozenset):
                continue
            for i, leaf in enumerate(tf.nest.flatten(value)):
                if isinstance(leaf, tf.Variable) and leaf.dtype.is_floating:
                    return tf.nest.flatten(getattr(part, name))[i].dtype
                if isinstance(leaf, tf.Module):
                    parts.append(leaf)
    return None


def grid(name: str, inputs: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Returns images [batch, height, width] or [batch, height, width, channels] as the latter."""
    inputs = floating(name, inputs)
    if inputs.shape.rank == 3:
        inputs = inputs[..., None]
    if inputs.shape.rank != 4 or tuple(inputs.shape[1:3]) != tuple(shape) or not inputs.shape[3]:
        height, width = shape
        size = tuple(inputs.shape[1:3])
        other = inputs.shape.rank == 4 and all(size) and inputs.shape[3]
        hint = f" (for these, create it, or its group, with image_shape={size})" if other else ""
        raise ValueError(
            f"{name} must be images [batch, {height}, {width}, channels] "
            f"or [batch, {height}, {width}], got shape {inputs.shape}{hint}"
        )
    return inputs


def images(name: str, inputs: tf.Tensor) -> tf.Tensor:
    """Returns images [batch, height, width] or [batch, height, width, channels] as the latter."""
    inputs = floating(name, inputs)
    if inputs.shape.rank not in (3, 4) or not all(inputs.shape[1:]):
        raise ValueError(
            f"{name} must be [batch, height, width, channels] or [batch, height, width] with "
            f"static sizes >= 1 after the batch, got shape {inputs.shape}"
        )
    return inputs[..., None] if inputs.shape.rank == 3 else inputs


def same_images(module: Any, inputs: tf.Tensor) -> tf.Tensor:
    """`images`, which must be of the shape and type of the first call.

    The module keeps them: `image_shape`, (height, width, channels), and `input_dtype`.
    """
    inputs = images("images", inputs)
    shape = tuple(inputs.shape[1:])
    known = getattr(module, "image_shape", None) or shape
    if shape != known:
        raise ValueError(f"images must be {known} as at the first call, got {shape}")
    return same_dtype(module, inputs)
