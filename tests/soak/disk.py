"""A disk that is full."""

import ctypes
import functools
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


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
