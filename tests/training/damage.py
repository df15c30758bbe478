"""Random damage to the files of a folder: a flip, a cut, a loss, an exchange, something more."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np


def spoil(folder: Path, seed: int) -> str:
    """Does one damage; returns what was done."""
    rng = np.random.default_rng(seed)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".lock")
    path = files[rng.integers(len(files))]
    content = path.read_bytes()
    kind = rng.choice(["flip", "truncate", "empty", "delete", "swap", "append"])
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
    else:
        path.write_bytes(content + rng.bytes(rng.integers(1, 20)))
    return f"{kind} {path.relative_to(folder)}"


def silent(
    folder: Path, copy: Path, seeds: range, read: Callable[[Path], object], told: Callable[[], str]
) -> tuple[list[str], int]:
    """What was done where a damaged copy is read as something else without a word, and how often
    a word was said.

    read: what is read of a folder; raises ValueError or OSError for damage that it sees.
    told: what was written to stderr since it was last asked.
    """
    expected, faults, words = read(folder), [], 0
    for seed in seeds:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        done = spoil(copy, seed)
        told()
        try:
            found = read(copy)
        except (ValueError, OSError):
            words += 1
            continue
        if told():
            words += 1
        elif found != expected:
            faults.append(f"{seed}: {done}")
    return faults, words
