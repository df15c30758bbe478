"""Gaps of neighbouring eigenvalues, which tell levels that repel from independent ones."""

import math
from typing import Any, NamedTuple

import numpy as np

from weirdonetworks.analysis import _arrays


class LevelSpacings(NamedTuple):
    """The ratios of neighbouring gaps.

    Attributes:
      ratios: r_i, [n - 2], in [0, 1], from the lowest level on.
      mean: of the ratios.
      error: the standard error of the mean, in which neighbouring ratios, which share a gap, are
        not taken to be independent; NaN for fewer than four ratios.
    """

    ratios: np.ndarray
    mean: float
    error: float


def level_spacings(eigenvalues: Any) -> LevelSpacings:
    """r_i = min(s_i, s_(i+1)) / max(s_i, s_(i+1)) of the gaps s between sorted eigenvalues, [n].

    The mean ratio of large random matrices is

        0.386 = 2 log 2 - 1            independent levels (Poisson)
        0.531, 0.536 = 4 - 2 sqrt(3)   real symmetric ones (GOE), and those of 3 x 3
        0.600, 0.603                   complex Hermitian ones (GUE), and those of 3 x 3

    It needs no density of levels, as neighbours share it. Levels may be eigenvalues of any
    Hermitian matrix, or singular values of weights, whose squares and which have the same ratios up
    to a part of 1 / n: those of independent weights repel as GOE does. Of weights of less than full
    rank, give only the first `rank` of `spectrum`: the rest is rounding.

    Sources: Oganesyan and Huse 2007, "Localization of interacting fermions at high temperature"
    (the ratio); Atas, Bogomolny, Giraud and Roux 2013, "Distribution of the ratio of consecutive
    level spacings in random matrix ensembles" (its means).

    Raises:
      ValueError: fewer than three eigenvalues, some that are not finite, or three equal ones, whose
        gaps have no ratio.
    """
    levels = np.sort(_arrays.array("eigenvalues", eigenvalues, 1, "[n]"))
    if len(levels) < 3:
        raise ValueError(f"eigenvalues must be at least three, got {len(levels)}")
    # By a power of 2, which rounds nothing, so that no gap overflows.
    gaps = np.diff(np.ldexp(levels, -np.frexp(np.abs(levels).max())[1]))
    larger = np.maximum(gaps[1:], gaps[:-1])
    if not larger.all():
        value = levels[int(np.argmin(larger))]
        raise ValueError(f"eigenvalues must have no three that are equal, got {value:.6g} thrice")
    ratios = np.minimum(gaps[1:], gaps[:-1]) / larger
    return LevelSpacings(ratios, float(ratios.mean()), _error(ratios))


def _error(ratios: np.ndarray) -> float:
    """The standard error of the mean of a series whose neighbours are correlated."""
    n = len(ratios)
    if n < 4:
        return math.nan
    deviations = ratios - ratios.mean()
    variance, covariance = np.mean(deviations**2), np.mean(deviations[1:] * deviations[:-1])
    # At least a tenth of what independent ratios would have, where few make it negative.
    return math.sqrt(max(variance + 2 * covariance, variance / 10) / (n - 1))
