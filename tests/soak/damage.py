"""What happens to files that nobody wrote to: bits flip, ends are lost, names are exchanged."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

KINDS = ("flip", "truncate", "empty", "delete", "swap", "append")


def files_of(folder: Path) -> list[Path]:
    """All files, in their order, apart from the lock, which holds nothing."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".lock")


def spoil(folder: Path, seed: int | Sequence[int]) -> str:
    """Does one damage to one of the files in a folder; returns what, as "flip config.json"."""
    rng = np.random.default_rng(seed)
    files = files_of(folder)
    path = files[rng.integers(len(files))]
    content = path.read_bytes()
    kind = rng.choice(KINDS)
    if kind == "flip":
        spoiled = bytearray(content)
        spoiled[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(spoiled)
    elif kind == "truncate":
        path.write_bytes(content[: rng.integers(len(content))])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "delete":
        path.unlink()
    elif kind == "swap":
        other = files[rng.integers(len(files))]
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)
        return f"{kind} {path.relative_to(folder)} {other.relative_to(folder)}"
    else:
        path.write_bytes(content + rng.bytes(rng.integers(1, 20)))
    return f"{kind} {path.relative_to(folder)}"
