"""Measurements, with what is known of their errors."""

import dataclasses
import functools

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Measurements:
    """Rows of x > 0 and y.

    Attributes:
      x, y: [rows, features] and [rows].
      deviation: standard deviations of y, [rows]; None if nothing is known of them.
      measured: whether they are in the units of y, else they are so up to a factor that is fitted.
      index: the numbers of the rows in the table that was given.
    """

    x: np.ndarray
    y: np.ndarray
    deviation: np.ndarray | None
    measured: bool
    index: np.ndarray

    @functools.cached_property
    def logs(self) -> tuple[np.ndarray, np.ndarray]:
        """log x, centred, [rows, features], and its means, [features]."""
        u = np.log(self.x)
        center = u.mean(axis=0)
        u -= center
        return u, center

    def rows(self, chosen: np.ndarray) -> "Measurements":
        """Some of the rows."""
        deviation = None if self.deviation is None else self.deviation[chosen]
        return Measurements(
            self.x[chosen], self.y[chosen], deviation, self.measured, self.index[chosen]
        )
