"""How far outside the training box the rows lie."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Extrapolation:
    """Where rows lie with respect to the smallest and largest training value of each feature.

    A row inside may still be far from all training rows if the features were correlated.

    Attributes:
      inside: [rows], whether every feature lies within its range, ends included.
      decades: [rows], log10 of the largest factor by which a feature lies beyond its range; 0
        inside.
      feature: which feature that is; None inside.
      statements: the same in words, "inside" or such as "m1 = 16 is beyond its largest training
        value 5 by a factor of 3.2".
    """

    inside: np.ndarray
    decades: np.ndarray
    feature: tuple[str | None, ...]
    statements: tuple[str, ...]


def extrapolation(X: Any, low: Any, high: Any, names: Sequence[str]) -> Extrapolation:  # noqa: N803
    """Compares X > 0, [rows, features], with a box 0 < low <= high, [features] each.

    Raises ValueError for shapes that do not fit, or values that are not so.
    """
    x, low, high = (np.asarray(value, np.float64) for value in (X, low, high))
    names = tuple(names)
    shape = (len(names),)
    if low.shape != shape or high.shape != shape or not np.all((low > 0) & (low <= high)):
        raise ValueError(
            f"low and high must be {len(names)} values each with 0 < low <= high, "
            f"got {low} and {high}"
        )
    if not np.all(np.isfinite(high)):
        raise ValueError(f"high must be finite, got {high}")
    if x.ndim != 2 or x.shape[1:] != shape:
        raise ValueError(f"X must be [rows, {len(names)}], got shape {x.shape}")
    if not np.all(np.isfinite(x) & (x > 0)):
        raise ValueError(f"X must be finite and > 0, got {x[~(np.isfinite(x) & (x > 0))][0]} in it")
    log_x, log_low, log_high = np.log10(x), np.log10(low), np.log10(high)
    beyond = np.maximum(log_x - log_high, log_low - log_x)
    outside = (x < low) | (x > high)
    # Outside by less than a logarithm resolves is outside all the same.
    beyond = np.where(outside, np.maximum(beyond, 0), -1)
    worst = np.argmax(beyond, axis=1)
    inside = ~np.any(outside, axis=1)
    decades = np.where(inside, 0, np.max(beyond, axis=1))
    feature, statements = [], []
    for row, i in enumerate(worst):
        if inside[row]:
            feature.append(None)
            statements.append("inside")
            continue
        value, others = x[row, i], np.sum(outside[row]) - 1
        end, bound = ("largest", high[i]) if value > high[i] else ("smallest", low[i])
        feature.append(names[i])
        statements.append(
            f"{names[i]} = {value:.4g} is beyond its {end} training value {bound:.4g} "
            f"by a factor of {_factor(decades[row])}"
            + (f", and {others} more outside" if others else "")
        )
    return Extrapolation(inside, decades, tuple(feature), tuple(statements))


def _factor(decades: float) -> str:
    """10^decades with three digits of what is above 1: 3.2, 1.00012, 1e+400."""
    if decades >= 300:
        return f"1e+{decades:.0f}"
    factor = 10.0**decades
    return f"{factor:.3g}" if factor > 1.1 else f"{1 + float(f'{factor - 1:.3g}'):.15g}"
