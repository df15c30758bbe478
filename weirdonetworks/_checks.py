"""Checks of arguments: every error names the argument, the rule and the value received."""

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

MOST_SIZES = 1000  # layers of a network


def integer(name: str, value: Any, minimum: int = 1, maximum: int | None = None) -> int:
    """Returns `value` as an int in [minimum, maximum]."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ValueError(f"{name} must be an integer >= {minimum}, got {value!r}")
    if maximum is not None and value > maximum:
        raise ValueError(f"{name} must be an integer <= {maximum}, got {value!r}")
    return int(value)


def sizes(name: str, values: Any, allow_empty: bool = True) -> tuple[int, ...]:
    """Returns `values` as a tuple of positive ints."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ValueError(f"{name} must be a sequence of integers >= 1, got {values!r}")
    values = tuple(itertools.islice(values, MOST_SIZES + 1))
    if len(values) > MOST_SIZES:
        raise ValueError(f"{name} must hold at most {MOST_SIZES} sizes, got more")
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
        raise ValueError(
            f"{rule}, got {value!r}, which needs {size / 2**30:.1f} GiB of {free / 2**20:.1f} free"
        )
