"""Where a result comes from: command, versions, machine, date, commit."""

import datetime
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from weirdonetworks.commands.versions import versions


def provenance(command: str) -> dict[str, Any]:
    """What is kept beside results, as it is when the work begins; no path of this machine."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        "command": command,
        "transcribed": False,
        "date": now.isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": _machine(),
        "versions": versions(),
    }


def commit() -> str:
    """Of the repository; with a mark if its code has been changed since; "" outside of one."""

    def git(*words: str) -> str:
        found = subprocess.run(
            ["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True
        )
        return found.stdout.strip() if not found.returncode else ""

    try:
        head = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--", ":(top)*.py")
    except OSError:  # no git
        return ""
    return f"{head} and changes" if head and changed else head


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
