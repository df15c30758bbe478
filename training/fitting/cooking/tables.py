"""The rows that a network is fitted to, and those by which it is chosen."""

from typing import Any, NamedTuple

import numpy as np

from weirdonetworks import _checks


class Data(NamedTuple):
    """Rows to fit and rows to choose by."""

    train_inputs: np.ndarray
    train_targets: np.ndarray
    validation_inputs: np.ndarray
    validation_targets: np.ndarray


def split(inputs: Any, targets: Any, validation: float = 0.25, seed: int = 0) -> Data:
    """A random share `validation` of the rows to choose by, the others to fit.

    Raises:
      ValueError: inputs and targets of different length, or a share that leaves a split empty.
    """
    inputs, targets = np.asarray(inputs), np.asarray(targets)
    if not inputs.shape or not targets.shape or len(inputs) != len(targets):
        raise ValueError(
            "inputs and targets must have the same number of rows, "
            f"got shapes {inputs.shape} and {targets.shape}"
        )
    share = _checks.number("validation", validation, 0, 1, open_high=True)
    count = round(share * len(inputs))
    if not 0 < count < len(inputs):
        raise ValueError(
            f"validation must leave rows in both splits of {len(inputs)}, got {validation!r}"
        )
    order = np.random.default_rng(seed).permutation(len(inputs))
    chosen, rest = order[:count], order[count:]
    return Data(inputs[rest], targets[rest], inputs[chosen], targets[chosen])


def checked(data: Data) -> Data:
    """The data as arrays; floating targets of the inputs' type, [rows] as [rows, 1].

    Raises:
      ValueError: rows that no fit can take.
    """
    arrays = [np.asarray(array) for array in data]
    for name, i in (("train", 0), ("validation", 2)):
        inputs, targets = arrays[i : i + 2]
        if inputs.ndim < 1 or targets.ndim < 1 or len(inputs) != len(targets) or not len(inputs):
            raise ValueError(
                f"{name} inputs and targets must have the same number of rows, at least one, "
                f"got shapes {inputs.shape} and {targets.shape}"
            )
        if inputs.dtype.kind != "f" or targets.dtype.kind not in "fiu":
            raise ValueError(
                f"{name} inputs must be floating and targets floating or labels, "
                f"got {inputs.dtype} and {targets.dtype}"
            )
        for what, array in (("inputs", inputs), ("targets", targets)):
            if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
                raise ValueError(f"{name} {what} must be finite, got NaN or infinity")
        if targets.dtype.kind == "f":
            targets = targets.astype(inputs.dtype)
            arrays[i + 1] = targets[:, None] if targets.ndim == 1 else targets
    for i, what in enumerate(("inputs", "targets")):
        shapes = arrays[i].shape[1:], arrays[i + 2].shape[1:]
        types = arrays[i].dtype, arrays[i + 2].dtype
        if shapes[0] != shapes[1] or types[0] != types[1]:
            raise ValueError(
                f"{what} must be alike in both splits, got {types[0]} of shape {shapes[0]} and "
                f"{types[1]} of shape {shapes[1]} a row"
            )
    return Data(*arrays)
