"""Rates in turns, memory in processes of their own, and what both depend on."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

import weirdonetworks as wn
from training.benchmark.frameworks import Contender
from training.benchmark.groups import GROUPS
from weirdonetworks.commands.versions import versions


def measure(
    rivals: Sequence[Contender],
    repeats: int,
    seconds: float,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, list[float]]:
    """The rates, images (or operations) a second, of every contender in every round.

    Each is prepared, runs one epoch to warm up and one to be timed, and then in each round as many
    epochs as fit into so many seconds, at least one.
    """
    running = []
    for rival in rivals:
        progress(rival.name)
        run = rival.prepare()
        run(1)
        start = time.perf_counter()
        run(1)
        epochs = max(1, round(seconds / (time.perf_counter() - start)))
        running.append((rival, run, epochs))
    rates = {rival.name: [] for rival in rivals}
    for _ in range(repeats):
        for rival, run, epochs in running:
            progress(rival.name)
            start = time.perf_counter()
            run(epochs)
            rates[rival.name].append(rival.amount * epochs / (time.perf_counter() - start))
    return rates


def peak_memory(group: str, contender: str) -> float:
    """Megabytes by which a contender raises the memory of a process, while it runs one epoch.

    A new process for each, since a process's peak never falls; what importing took is left out.
    """
    return in_a_process("rise", f"the memory of {contender}", group, contender)


def rise(group: str, contender: str) -> float:
    """`peak_memory`, of this process."""
    (rival,) = [rival for rival in GROUPS[group]().contenders if rival.name == contender]
    before = _peak_so_far()
    rival.prepare()(1)
    return _peak_so_far() - before


def measure_on_one_core(group: str, repeats: int, seconds: float) -> dict[str, list[float]]:
    """`measure` of a group, all of it in one process that may use one core only."""
    words = (group, repeats, seconds)
    return in_a_process("measure_group", f"the group {group}", *words, one_core=True)


def measure_group(group: str, repeats: int, seconds: float) -> dict[str, list[float]]:
    """`measure` of a group, in this process."""
    return measure(GROUPS[group]().contenders, repeats, seconds)


def in_a_process(function: str, what: str, *arguments: Any, one_core: bool = False) -> Any:
    """A function of this module, called in a new process.

    Raises:
      RuntimeError: it fails; says that `what` could not be measured.
    """
    code = "import json, os, sys\nfunction, arguments = json.loads(sys.argv[1])\n"
    if one_core and hasattr(os, "sched_setaffinity"):  # before TensorFlow starts its threads
        code += "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "from training.benchmark import measure\n"
    code += "print(json.dumps(getattr(measure, function)(*arguments)))"
    words = [sys.executable, "-c", code, json.dumps([function, arguments])]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{what} could not be measured: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _peak_so_far() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where ru_maxrss begins with that of the parent process
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def build_seconds(repeats: int) -> float:
    """The median time to build the sixteen rotations, from nothing to turned weights."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        wn.groups.cyclic(16).transport(tf.zeros([784, 1]))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def cores() -> int | None:
    """How many this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cores": cores(),
        "processor": platform.processor() or platform.machine(),
        **versions(),
    }
