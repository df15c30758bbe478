"""A trial: something is done to a run or a study, which then goes on; how that ends."""

import ctypes
import functools
import math
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.soak.damage import files_of, spoil
from tests.soak.process import Child, Moment, Outcome, call
from tests.soak.runs import Run
from tests.soak.studies import OfStudy

GROUP = 8  # trials of one configuration, of which each needs an uninterrupted run to compare with
SUBJECTS = (Run, OfStudy)
# How a trial ends. A crash loses nothing, so only damage may end in a word.
SAME, WORD, SILENT, BROKEN = "same numbers", "a word", "silent", "broken"


class Trial(NamedTuple):
    """A row of the table; detail and message say what was done, and what was said."""

    seed: int
    subject: str
    fault: str
    end: str
    seconds: float
    detail: str
    message: str


class Ended(Exception):
    """How a trial ended, if not with the same numbers."""

    def __init__(self, end: str, message: str):
        super().__init__(message)
        self.end = end


class Group:
    """A configuration in a folder, and its uninterrupted run."""

    def __init__(self, group: int, folder: Path):
        rng = np.random.default_rng([group, 0])
        self.subject = SUBJECTS[int(rng.random() < 0.35)](rng, folder)
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


# Does something in a folder, says in `done` what, and lets it end; returns notes.
Fault = Callable[[Group, Path, np.random.Generator, list[str]], str]


def _killed(group: Group, workdir: Path, rng: np.random.Generator, done: list[str]) -> str:
    for _ in range(rng.integers(1, 4)):
        group.crash(workdir, group.moment(rng, signal.SIGKILL), done)
    return group.finish(workdir)


def _interrupted(group: Group, workdir: Path, rng: np.random.Generator, done: list[str]) -> str:
    group.crash(workdir, group.moment(rng, signal.SIGINT), done)
    return group.finish(workdir)


def _disk_full(group: Group, workdir: Path, rng: np.random.Generator, done: list[str]) -> str:
    """Once or twice; then there is room."""
    sizes = [-(-path.stat().st_size // 4096) * 4096 for path in files_of(group.whole)]
    limits = sorted(rng.uniform(0, 1.2 * sum(sizes), rng.integers(1, 3)).astype(int).tolist())
    done.append(f"{limits} bytes")
    with disk(workdir.parent) as resize:
        for limit in limits:
            resize(limit)
            outcome = call(group.subject.work(workdir), workdir)
            last = outcome.stderr.splitlines()[-1:]
            full = outcome.code == 1 and last[0].startswith(f"error: workdir {workdir}")
            if (outcome.code and not full) or "Traceback" in outcome.stderr:
                raise Ended(BROKEN, f"{limit} bytes: code {outcome.code}: {outcome.stderr}")
            done += last if full else ["there was room"]
        resize(None)
        return group.finish(workdir)


def _two_owners(group: Group, workdir: Path, rng: np.random.Generator, done: list[str]) -> str:
    """At once, and perhaps the first is killed."""
    moment = group.moment(rng, signal.SIGKILL) if rng.random() < 0.5 else None
    later = max(0.0, float(rng.uniform(-1, 1))) * group.seconds
    work = group.subject.work(workdir)
    first = Child(work, workdir, moment)
    time.sleep(later)
    outcomes = [child.wait() for child in (first, Child(work, workdir))]
    refused = [o.code == 1 and "is in use, by a command that" in o.stderr for o in outcomes]
    done += [f"{later:.2f} s apart", f"{sum(refused)} refused", str(moment or "none killed")]
    for outcome, one in zip(outcomes, refused, strict=True):
        if not one and outcome.code not in (0, -signal.SIGKILL) or "Traceback" in outcome.stderr:
            raise Ended(BROKEN, f"code {outcome.code}: {outcome.stderr}")
    if all(refused):
        raise Ended(BROKEN, "both were refused")
    return group.finish(workdir)


def _damaged(group: Group, workdir: Path, rng: np.random.Generator, done: list[str]) -> str:
    """After its end."""
    shutil.copytree(group.whole, workdir)
    done.append(spoil(workdir, int(rng.integers(2**31))))
    return group.finish_damaged(workdir, done[-1])


def _killed_damaged(group: Group, workdir: Path, rng: np.random.Generator, done: list[str]) -> str:
    group.crash(workdir, group.moment(rng, signal.SIGKILL), done)
    if not files_of(workdir):
        return group.finish(workdir)
    done.append(spoil(workdir, int(rng.integers(2**31))))
    return group.finish(workdir, done[-1])


def _data_damaged(group: Group, workdir: Path, rng: np.random.Generator, done: list[str]) -> str:
    """After its end, or after a crash."""
    data = group.subject.data
    kept = data.with_name("kept")
    shutil.copytree(data, kept)
    try:
        if finished := rng.random() < 0.5:
            shutil.copytree(group.whole, workdir)
        else:
            group.crash(workdir, group.moment(rng, signal.SIGKILL), done)
        done.append(spoil(data, int(rng.integers(2**31))))
        end = group.finish_damaged if finished else group.finish
        return end(workdir, done[-1])
    finally:
        shutil.rmtree(data)
        kept.rename(data)


FAULTS: dict[str, tuple[float, Fault]] = {
    "killed": (0.25, _killed),
    "interrupted": (0.1, _interrupted),
    "disk full": (0.15, _disk_full),
    "two owners": (0.1, _two_owners),
    "damaged": (0.25, _damaged),
    "killed, damaged": (0.1, _killed_damaged),
    "data damaged": (0.05, _data_damaged),
}


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


@functools.cache
def can_mount() -> bool:
    """Whether this process may mount disks, which from then on nobody else sees."""
    try:
        # os.unshare(os.CLONE_NEWNS) as of Python 3.12; Linux, and the superuser.
        if ctypes.CDLL(None).unshare(0x20000):
            return False
        subprocess.run(["mount", "--make-rprivate", "/"], check=True, capture_output=True)
    except (AttributeError, OSError, subprocess.CalledProcessError):
        return False
    return True


@contextmanager
def disk(folder: Path) -> Iterator[Callable[[int | None], None]]:
    """A disk of its own in a folder, whose size may grow; None is enough.

    Where it cannot be mounted, no file of a child may be larger than that, and than what it says.
    """
    if not can_mount():
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)

        def resize(size: int | None) -> None:
            limit = unlimited if size is None else (max(size, 8192), unlimited[1])
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)

        try:
            yield resize
        finally:
            resize(None)
        return

    def mount(size: int, *options: str) -> None:
        size = max(size, 4096)  # 0 would be without limit
        words = ["mount", "-t", "tmpfs", "-o", ",".join([*options, f"size={size}"]), "soak"]
        subprocess.run([*words, str(folder)], check=True, capture_output=True)

    mount(0)
    try:
        yield lambda size: mount(2**28 if size is None else size, "remount")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)
