"""What is done to a run or a study, and how it goes on."""

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.soak.damage import files_of, spoil
from tests.soak.disk import disk
from tests.soak.group import BROKEN, Ended, Group
from tests.soak.process import Child, call

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


# With the share of all trials.
FAULTS: dict[str, tuple[float, Fault]] = {
    "killed": (0.25, _killed),
    "interrupted": (0.1, _interrupted),
    "disk full": (0.15, _disk_full),
    "two owners": (0.1, _two_owners),
    "damaged": (0.25, _damaged),
    "killed, damaged": (0.1, _killed_damaged),
    "data damaged": (0.05, _data_damaged),
}
