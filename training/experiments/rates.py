"""How a learning rate is chosen: by trials of their own, from a ladder that goes on."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from weirdonetworks.commands.flags import check_choice

CHOICE_SEED = 1000  # of the trials that choose, whose test accuracy nobody reads
HALF_DECADES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0)


@dataclasses.dataclass(frozen=True)
class Ladder:
    """Rates that are tried, and those beyond them while the best is at an end of what was tried.

    Attributes:
      start: the first rates; {value: rates} with the values of `axis`, if that is given.
      axis: the axis on which the start depends, and perhaps the rungs.
      rungs: all rates, in ascending order, `start` among them; or {value: rates} as well.
      name: of what is chosen, the column of the choice.
      metric: the column of a trial's row that is to be large, on validation data.
    """

    start: Sequence[float] | Mapping[Any, Sequence[float]]
    axis: str | None = None
    rungs: Sequence[float] | Mapping[Any, Sequence[float]] = HALF_DECADES
    name: str = "learning_rate"
    metric: str = "validation_accuracy"

    def __post_init__(self):
        for cell in [{self.axis: value} for value in self.start] if self.axis else [{}]:
            start, rungs = self._start(cell), self.all(cell)
            if not start or not set(start) <= set(rungs):
                raise ValueError(f"start must be rates among the rungs {rungs}, got {start}")
            if list(rungs) != sorted(set(rungs)):
                raise ValueError(f"rungs must ascend, got {rungs}")

    def _start(self, axes: Mapping[str, Any]) -> Sequence[float]:
        return self.start[axes[self.axis]] if self.axis else self.start

    def all(self, axes: Mapping[str, Any]) -> Sequence[float]:
        """The rungs of a cell."""
        return self.rungs[axes[self.axis]] if isinstance(self.rungs, Mapping) else self.rungs

    def check(self, *axes: Mapping[str, Sequence[Any]]) -> None:
        """Raises ValueError if a value of the axis has no start."""
        if self.axis:
            check_choice("axis", self.axis, list(axes[0]))
            for value in [value for part in axes for value in part.get(self.axis, ())]:
                if value not in self.start:
                    raise ValueError(
                        f"start must have rates for each {self.axis}, got no {value!r}"
                    )

    def next(
        self, axes: Mapping[str, Any], tried: Mapping[float, Mapping[str, Any]]
    ) -> list[float]:
        """The rates that are to be tried now, none if the best is inside.

        tried: the row of each rate so far; one whose status is not "done" is never the best.
        """
        missing = [rate for rate in self._start(axes) if rate not in tried]
        if missing:
            return missing
        best = self.best(tried)
        if best is None:
            return []
        rungs = self.all(axes)
        place = rungs.index(best)
        beside = rungs[max(place - 1, 0) : place + 2]
        return [rate for rate in beside if rate not in tried]

    def best(self, tried: Mapping[float, Mapping[str, Any]]) -> float | None:
        """The rate with the largest metric, the smallest of equals; None if all diverged.

        Raises:
          ValueError: a trial did not tell the metric.
        """
        done = {rate: row for rate, row in tried.items() if row["status"] == "done"}
        for row in done.values():
            if self.metric not in row:
                raise ValueError(
                    f"a trial must return {self.metric}, by which is chosen, got {row}"
                )
        told = {rate: row[self.metric] for rate, row in done.items()
                if not math.isnan(row[self.metric])}  # fmt: skip
        return min(told, key=lambda rate: (-told[rate], rate), default=None)
