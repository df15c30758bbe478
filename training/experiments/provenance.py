"""Where a result comes from: command, versions, machine, date, commit."""

import datetime
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from training.engine.workdir import versions


def provenance(command: str, runs=None) -> dict[str, Any]:
    """What is kept beside the tables of a study."""
    told = {
        "command": command,
        "transcribed": False,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": _machine(),
        "versions": versions(),
    }
    if runs is not None and "seconds" in runs:
        told["seconds"] = round(float(runs["seconds"].fillna(0).sum()), 1)
    return told


def _commit() -> str:
    """Of the repository; with a mark if it has been changed since; "" outside of one."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        found = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True)
        return found.stdout.strip() if not found.returncode else ""

    try:
        commit = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "../../")
    except OSError:
        return ""
    return f"{commit} and changes" if changed else commit


def _machine() -> str:
    """Processor and cores."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} cores"
