"""Trials: something is done to a configuration, and how that ended."""

import math
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.soak.faults import FAULTS
from tests.soak.group import SAME, Ended, Group

GROUP = 8  # trials of one configuration, which needs an uninterrupted run to compare with


class Trial(NamedTuple):
    """A row of the table; detail and message say what was done, and what was said."""

    seed: int
    subject: str
    fault: str
    end: str
    seconds: float
    detail: str
    message: str


def trials(
    seeds: Sequence[int], faults: Sequence[str], deadline: float = math.inf
) -> Iterator[Trial]:
    """The trials of these seeds, all of one group, that can begin before the time is up."""
    with tempfile.TemporaryDirectory(prefix="soak") as folder:
        group = Group(seeds[0] // GROUP, Path(folder))
        faults = [name for name in faults if group.subject.data or name != "data damaged"]
        shares = np.array([FAULTS[name][0] for name in faults])
        for seed in seeds:
            if (start := time.monotonic()) > deadline:
                break
            rng = np.random.default_rng([seed, 1])
            name = str(rng.choice(faults, p=shares / shares.sum()))
            place = Path(folder) / "trial"
            place.mkdir()
            end, done = SAME, []
            try:
                message = FAULTS[name][1](group, place / "work", rng, done)
            except Ended as ended:
                end, message = ended.end, str(ended)
            shutil.rmtree(place)
            detail = "; ".join([group.subject.detail, *done])
            seconds = time.monotonic() - start
            yield Trial(seed, group.subject.name, name, end, seconds, detail, message)
