"""Checks of what commands are asked to go through."""

from collections.abc import Iterable, Sequence
from typing import Any

from weirdonetworks import _checks


def each_once(name: str, values: Sequence[Any], options: Iterable[str] | None = None) -> None:
    """Raises ValueError if there are no values, one of them twice, or one not among `options`."""
    if not values or len(set(values)) < len(values):
        raise ValueError(f"{name} must be at least one, and each once, got {values!r}")
    if options is not None:
        for value in values:
            _checks.choice(name, value, options)


def seeds(values: Sequence[int]) -> None:
    """Raises ValueError if `values` are not different integers >= 0, one at least."""
    if not values or len(set(values)) < len(values) or min(values) < 0:
        raise ValueError(f"seeds must be integers >= 0, at least one, each once, got {values!r}")
