"""Checks of what commands are asked to go through."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from weirdonetworks import _checks


def each_once(name: str, values: Sequence[Any], options: Iterable[str] | None = None) -> None:
    """Raises ValueError if there are no values, one of them twice, or one not among `options`."""
    ok = isinstance(values, Collection) and not isinstance(values, str) and len(values) > 0
    found = list(values) if ok else []
    if not ok or any(value in found[:i] for i, value in enumerate(found)):
        raise ValueError(
            f"{name} must be at least one, and each once, got {_checks.received(values)}"
        )
    if options is not None:
        for value in values:
            _checks.choice(name, value, options)


def seeds(values: Sequence[int]) -> None:
    """Raises ValueError if `values` are not different integers >= 0, one at least."""
    if isinstance(values, Collection) and not isinstance(values, Sequence):
        raise ValueError(f"seeds must be a list of integers >= 0, got {_checks.received(values)}")
    known = (int, np.integer)
    whole = isinstance(values, Sequence) and all(
        isinstance(v, known) and not isinstance(v, bool) and v >= 0 for v in values
    )
    if not whole or not values or len(set(values)) < len(values):
        raise ValueError(
            f"seeds must be integers >= 0, at least one, each once, got {_checks.received(values)}"
        )
