"""Checks of arrays and seeds that a user gives."""

import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from weirdonetworks import _checks


def checked_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    """These seeds, which may repeat. Raises ValueError if they are not integers >= 0."""
    if isinstance(seeds, (str, bytes)) or not isinstance(seeds, Iterable):
        raise ValueError(f"seeds must be a sequence of integers >= 0, got {seeds!r}")
    return tuple(_checks.integer(f"seeds[{i}]", seed, 0) for i, seed in enumerate(seeds))


def checked_numbers(name: str, values: Any, kinds: str = "buif") -> np.ndarray:
    """An array of these real numbers. Raises ValueError for other kinds, and for ragged rows."""
    rule = "integers" if kinds == "iu" else "real numbers"
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):
        got = f"got {reprlib.repr(values)}"
        raise ValueError(f"{name} must be an array of {rule}, all rows alike, {got}") from None
    if array.dtype.kind not in kinds:
        got = f"got {array.dtype} {reprlib.repr(array.tolist())}"
        raise ValueError(f"{name} must be an array of {rule}, {got}")
    return array
