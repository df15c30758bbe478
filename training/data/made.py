"""Data sets that are made from others once, and kept in a file with a checksum."""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

Arrays = dict[str, np.ndarray]


def load(kind: ModuleType, path: Path, mnist: Callable[[], Arrays]) -> Arrays:
    """The arrays {train, test}_{images, labels} in `path`, made there first if they are not.

    kind: `mnist_rot` or `mnist_kspace`, with `make`, of MNIST's arrays, which `mnist` returns
      under the same names, and the `SHA256` of what it makes.

    Raises:
      ValueError: the file is damaged, or what was made is not what it should be.
      OSError: the file cannot be written.
    """
    if path.exists():
        try:
            with np.load(path) as file:
                arrays = {name: file[name] for name in sorted(file)}
        except Exception as error:  # NumPy, zipfile and zlib promise no types
            raise ValueError(f"{path} is damaged ({error}): delete it to have it made") from error
        _check(arrays, kind.SHA256, f"{path} is damaged: delete it to have it made")
        return arrays
    arrays = kind.make(**mnist())
    _check(arrays, kind.SHA256, f"{path.name} could not be made as it was: is MNIST the original?")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            f"data_dir must be a folder that can be written, got {str(path.parent)!r} "
            f"({error.strerror})"
        ) from error
    finally:  # of a full disk, too
        with contextlib.suppress(OSError):
            temporary.unlink()
    return arrays


def checksum(arrays: Arrays) -> str:
    """SHA-256 of the names, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _check(arrays: Arrays, sha256: str, message: str) -> None:
    if (found := checksum(arrays)) != sha256:
        raise ValueError(f"{message} (SHA-256 must be {sha256}, got {found})")
