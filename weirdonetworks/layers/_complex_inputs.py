"""The inputs of layers on complex numbers."""

from typing import Any

import tensorflow as tf

from weirdonetworks import _tensor_checks


def complex_features(module: Any, inputs: tf.Tensor) -> tf.Tensor:
    """Returns `inputs` as floating [batch, in, 2] with a static `in`, the same at each call.

    The module keeps size and type of its first call: `input_size`, `input_dtype`.
    """
    label = f"{type(module).__name__} inputs"
    inputs = _tensor_checks.parts(label, inputs)
    shape, known = inputs.shape, getattr(module, "input_size", None)
    if shape.rank != 3 or shape[2] != 2 or not shape[1] or known not in (None, shape[1]):
        sizes = f"{known}, 2] as at the first call" if known else "in, 2] with a static size >= 1"
        raise ValueError(
            f"{label} must be [batch, {sizes}, (real, imaginary) in the last axis, "
            f"got shape {shape}"
        )
    return _tensor_checks.same_dtype(module, inputs)
