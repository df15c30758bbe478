"""The folder that a command writes to if it was given none."""

import contextlib
import datetime
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def workdir(given: str | None, name: str) -> Iterator[Path]:
    """The given folder, or a new one: runs/NAME-DATE-TIME.

    With a number behind it, if another command began with that name in the same second. A new one
    that is still empty in the end is removed.

    Raises FileExistsError if a thousand are there.
    """
    if given:
        yield Path(given)
        return
    path = _new(Path("runs") / f"{name}-{datetime.datetime.now().strftime('%Y%m%d-%H%M%S')}")
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):  # it holds something
            os.removedirs(path)


def _new(path: Path) -> Path:
    for end in ("", *(f"-{i}" for i in range(2, 1000))):
        new = path.with_name(path.name + end)
        with contextlib.suppress(FileExistsError):
            new.mkdir(parents=True)
            return new
    raise FileExistsError(f"workdir {path} exists: give another --workdir")
