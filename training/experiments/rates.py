"""How a learning rate is chosen: by trials of their own, from a ladder that goes on."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

CHOICE_SEED = 1000  # of the trials that choose, whose test accuracy nobody reads
HALF_DECADES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0)


@dataclasses.dataclass(frozen=True)
class Ladder:
    """Rates that are tried, and those beyond them while the best is at an end of what was tried.

    Attributes:
      start: the first rates; {value: rates} with the values of `axis`, if that is given.
      axis: the axis on which the start depends.
      rungs: all rates, in ascending order, `start` among them.
      name: of what is chosen, the column of the choice.
      metric: the column of a trial's row that is to be large, on validation data.
    """

    start: Sequence[float] | Mapping[Any, Sequence[float]]
    axis: str | None = None
    rungs: Sequence[float] = HALF_DECADES
    name: str = "learning_rate"
    metric: str = "validation_accuracy"

    def __post_init__(self):
        starts = self.start.values() if self.axis else [self.start]
        for start in starts:
            if not start or not set(start) <= set(self.rungs):
                raise ValueError(f"start must be rates among the rungs {self.rungs}, got {start}")
        if list(self.rungs) != sorted(set(self.rungs)):
            raise ValueError(f"rungs must ascend, got {self.rungs}")

    def next(self, axes: Mapping[str, Any], tried: Mapping[float, Mapping[str, Any]]) -> list[float]:
        """The rates that are to be tried now, none if the best is inside.

        tried: the row of each rate so far; one whose status is not "done" is never the best.
        """
        start = self.start[axes[self.axis]] if self.axis else self.start
        missing = [rate for rate in start if rate not in tried]
        if missing:
            return missing
        best = self.best(tried)
        if best is None:
            return []
        place = self.rungs.index(best)
        beside = self.rungs[max(place - 1, 0) : place + 2]
        return [rate for rate in beside if rate not in tried]

    def best(self, tried: Mapping[float, Mapping[str, Any]]) -> float | None:
        """The rate with the largest metric, the smallest of equals; None if all diverged."""
        done = {rate: row for rate, row in tried.items() if row["status"] == "done"}
        return min(done, key=lambda rate: (-done[rate][self.metric], rate), default=None)
