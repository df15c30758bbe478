"""A configuration: its uninterrupted run, with which what has been disturbed is compared."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np

from tests.soak.damage import files_of
from tests.soak.process import Moment, Outcome, call
from tests.soak.runs import Run
from tests.soak.studies import OfStudy

# How a trial ends. A crash loses nothing, so only damage may end in a word.
SAME, WORD, SILENT, BROKEN = ENDS = ("same numbers", "a word", "silent", "broken")
_STUDIES = 0.35  # of all configurations, the others are runs


class Ended(Exception):
    """How a trial ended, if not with the same numbers."""

    def __init__(self, end: str, message: str):
        super().__init__(message)
        self.end = end


class Group:
    """A configuration in a folder, and its uninterrupted run."""

    def __init__(self, group: int, folder: Path):
        rng = np.random.default_rng([group, 0])
        self.subject = (OfStudy if rng.random() < _STUDIES else Run)(rng, folder)
        self.whole = folder / "whole"
        # What is compiled for the first is kept for the others: half of the time of each.
        kept = f"--tf_xla_persistent_cache_directory={folder / 'compiled'}"
        os.environ["TF_XLA_FLAGS"] = kept
        outcome = call(self.subject.work(self.whole, resume=False), self.whole)
        self.events, self.seconds = outcome.events, outcome.seconds
        if outcome.code:
            raise RuntimeError(f"{self.subject.detail} failed: {outcome.stderr}")
        self._expected = [self._told(outcome), self._told(self._look(self.whole))]
        self._names = self._listed(self.whole)
        os.environ["TF_XLA_FLAGS"] = f"{kept} --tf_xla_persistent_cache_read_only"

    def _look(self, workdir: Path) -> Outcome:
        return call(self.subject.look(workdir), workdir)

    def _told(self, outcome: Outcome) -> tuple[list[str], Any]:
        """The numbers that a command printed, and those that were read."""
        lines = [x for x in outcome.stdout.splitlines() if x.startswith(self.subject.told)]
        return lines, outcome.value

    def _listed(self, workdir: Path) -> list[str]:
        return [str(path.relative_to(workdir)) for path in files_of(workdir)]

    def _judge(self, outcome: Outcome, expected: tuple[list[str], Any], spoiled: str) -> str:
        """Raises Ended for other numbers; returns the notes. spoiled: what may be named, if any."""
        said = outcome.stderr.splitlines()
        last = said[-1] if said else ""
        if "Traceback" in outcome.stderr or outcome.code not in (0, 1):
            raise Ended(BROKEN, f"code {outcome.code}: {outcome.stderr}")
        if outcome.code:
            names = [name for word in spoiled.split()[1:] for name in (word, Path(word).name)]
            named = any(name in last for name in names)
            raise Ended(WORD if last.startswith("error: ") and named else BROKEN, last)
        if self._told(outcome) != expected:
            raise Ended(SILENT, f"{self._told(outcome)}, not {expected}; {outcome.stderr}")
        return "; ".join(x for x in said if not re.match(r"epoch \d+: loss|nearest_means", x))

    def finish(self, workdir: Path, spoiled: str = "") -> str:
        """Goes on, looks, and compares. Returns the notes, raises Ended for another end."""
        outcome = call(self.subject.work(workdir), workdir)
        notes = self._judge(outcome, self._expected[0], spoiled)
        notes += self._judge(self._look(workdir), self._expected[1], spoiled)
        if not spoiled and (names := self._listed(workdir)) != self._names:
            raise Ended(BROKEN, f"files {names}, not {self._names}")
        return notes

    def finish_damaged(self, workdir: Path, spoiled: str) -> str:
        """Looks at what has ended, too, before and after; the worse of two ends counts."""
        ends: list[Ended] = []
        notes = ""
        for step in (
            lambda: self._judge(self._look(workdir), self._expected[1], spoiled),
            lambda: self.finish(workdir, spoiled),
        ):
            try:
                notes += step()
            except Ended as ended:
                ends.append(ended)
        if ends:
            raise max(ends, key=lambda ended: (WORD, BROKEN, SILENT).index(ended.end))
        return notes

    def moment(self, rng: np.random.Generator, number: int) -> Moment:
        """When a signal comes: within, at or between writes, or at any time."""
        kind, event = rng.choice(4), int(rng.integers(1, self.events + 1))
        if kind == 0:
            return Moment(number, seconds=float(rng.uniform(0, 1.1 * self.seconds)))
        if kind == 1:
            return Moment(number, event=event, delay=float(rng.uniform(0, 0.005)))
        if kind == 2 and number == signal.SIGKILL:
            return Moment(number, event=event, share=float(rng.uniform()))
        return Moment(number, event=event)

    def crash(self, workdir: Path, moment: Moment, done: list[str]) -> None:
        """Begins, or goes on, and is ended by a signal, unless it ends before."""
        done.append(str(moment))
        outcome = call(self.subject.work(workdir), workdir, moment)
        ended = 130 if moment.signal == signal.SIGINT else -moment.signal
        if outcome.code not in (0, ended) or "Traceback" in outcome.stderr:
            raise Ended(BROKEN, f"code {outcome.code}: {outcome.stderr}")
