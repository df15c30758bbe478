"""Checks of arguments: every error names the argument, the rule and the value received."""

import contextlib
import itertools
from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np

MOST_SIZES = 1000  # layers of a network
_MOST_SIGNS = 200  # of a value that an error tells


def received(value: Any) -> str:
    """The value as an error tells it: its repr in one line, cut if it is long."""
    if isinstance(value, np.ndarray) and value.size > 10:
        return f"an array of {value.dtype} {list(value.shape)}"
    if isinstance(value, (str, bytes, list, tuple)):
        value = value[: 2 * _MOST_SIGNS]  # what its repr shows at most
    if isinstance(value, int) and value.bit_length() > 4 * _MOST_SIGNS:
        return f"an integer of {value.bit_length()} bits"
    text = " ".join(repr(value).split("\n"))
    return text if len(text) <= _MOST_SIGNS else f"{text[: _MOST_SIGNS - 4]} ..."


def integer(name: str, value: Any, minimum: int = 1, maximum: int | None = None) -> int:
    """Returns `value` as an int in [minimum, maximum]."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ValueError(f"{name} must be an integer >= {minimum}, got {received(value)}")
    if maximum is not None and value > maximum:
        raise ValueError(f"{name} must be an integer <= {maximum}, got {received(value)}")
    return int(value)


def sizes(name: str, values: Any, allow_empty: bool = True) -> tuple[int, ...]:
    """Returns `values` as a tuple of positive ints."""
    # A set has no order.
    unfit = isinstance(values, (str, bytes, Set, Mapping))
    if unfit or not isinstance(values, Iterable):
        raise ValueError(f"{name} must be a sequence of integers >= 1, got {received(values)}")
    values = tuple(itertools.islice(values, MOST_SIZES + 1))
    if len(values) > MOST_SIZES:
        raise ValueError(f"{name} must hold at most {MOST_SIZES} sizes, got more")
    if not values and not allow_empty:
        raise ValueError(f"{name} must hold at least one size, got {received(values)}")
    return tuple(integer(f"{name}[{i}]", value) for i, value in enumerate(values))


def number(name: str, value: Any, low: float, high: float, open_high: bool = False) -> float:
    """Returns `value` as a float in [low, high], or in [low, high) with `open_high`."""
    ok = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not ok or not low <= value <= high or (open_high and value == high):
        end = ")" if open_high else "]"
        raise ValueError(f"{name} must be a number in [{low}, {high}{end}, got {received(value)}")
    return float(value)


def positive(name: str, value: Any) -> float:
    """Returns `value` as a finite float > 0."""
    ok = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not ok or not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a finite number > 0, got {received(value)}")
    return float(value)


def rate(name: str, value: Any) -> float:
    """Returns `value` as a dropout rate in [0, 1)."""
    return number(name, value, 0, 1, open_high=True)


def flag(name: str, value: Any) -> bool:
    """Returns `value`, which must be True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {received(value)}")
    return bool(value)


def choice(name: str, value: Any, options: Iterable[str]) -> str:
    """Returns `value`, which must be one of `options`."""
    options = list(options)
    # An array would answer `in` with many truth values.
    if not isinstance(value, (str, int, np.integer)) or value not in options:
        raise ValueError(f"{name} must be one of {options}, got {received(value)}")
    return value


def pixels(name: str, values: Any) -> np.ndarray:
    """Returns `values`, integers from 0 to 255 or floats in [0, 1], as float32 in [0, 1]."""
    array = None
    with contextlib.suppress(ValueError, TypeError, NotImplementedError):  # ragged; no values yet
        array = np.asarray(values)
    if array is None or array.dtype.kind not in "uif":
        raise ValueError(f"{name} must be an array of numbers, got {received(values)}")
    white = 1 if array.dtype.kind == "f" else 255
    if array.size and not (array.min() >= 0 and array.max() <= white):  # NaN is neither
        raise ValueError(
            f"{name} must be integers from 0 to 255 or floats in [0, 1], "
            f"got {array.dtype} from {array.min()} to {array.max()}"
        )
    return array.astype(np.float32) / np.float32(white)


def image_shape(name: str, value: Any, words: str = "(height, width)") -> tuple[int, int]:
    """Returns `value` as two integers >= 1."""
    shape = sizes(name, value)
    if len(shape) != 2:
        raise ValueError(f"{name} must be {words}, got {received(value)}")
    return shape


def memory(rule: str, value: Any, size: float) -> None:
    """Refuses what needs more bytes than are free, where the system tells how many are.

    TensorFlow would try for ten seconds, or be killed.
    """
    try:
        with open("/proc/meminfo") as file:
            free = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError, IndexError):
        return
    if size > 1024 * free:
        needed, there = f"{min(size, 10**30) / 2**30:.1f} GiB", f"{free / 2**20:.1f} free"
        raise ValueError(f"{rule}, got {received(value)}, which needs {needed} of {there}")
