"""A folder of results: whose it is, files that are replaced as a whole and known by checksums."""

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import filelock

LOCK = ".lock"  # of whoever writes to the folder now
MANIFEST = "manifest.json"


class Folder:
    """A folder that holds one run or one study: config.json, results, pictures.

    Every file is replaced as a whole, so a crash leaves the old or the new one, never half of it.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path).expanduser()

    def claim(
        self,
        config: Mapping[str, Any],
        resume: bool,
        free: Sequence[str] = ("data_dir", "manual_dir"),
    ) -> None:
        """Makes the folder the one of this configuration.

        Entries of the names in `free` may differ: they say where things are, not what they are.

        Raises:
          ValueError: it holds another configuration (the message tells the entries that differ),
            or this one and `resume` is False, or files of another origin.
          OSError: it cannot be written.
        """
        config = json.loads(json.dumps(config))
        if (self.path / "config.json").exists():
            held = self.read("config.json")
            differing = [
                f"{key}: {held.get(key, 'none')!r} there, {config.get(key, 'none')!r} here"
                for key in sorted({*held, *config} - {*free})
                if held.get(key) != config.get(key)
            ]
            if differing:
                raise ValueError(
                    f"workdir {self.path} holds a run of another configuration "
                    f"({'; '.join(differing)}): give another --workdir"
                )
            if not resume:
                raise ValueError(
                    f"workdir {self.path} holds a run of this configuration already: "
                    "continue it with --resume, or give another --workdir"
                )
        else:
            self._refuse_other_files()
            self.write("config.json", config)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While nobody else writes to the folder; the lock of a process that was killed is free.

        A folder in which nothing is written is not left behind.

        Raises:
          ValueError: somebody does, or it holds something else.
          OSError: it cannot be written.
        """
        self._refuse_other_files()
        lock = filelock.FileLock(self.path / LOCK)
        new = [path for path in (self.path, *self.path.parents) if not path.exists()]
        try:
            with self._writing():
                self.path.mkdir(parents=True, exist_ok=True)
                lock.acquire(timeout=0)
        except filelock.Timeout:
            raise ValueError(
                f"workdir {self.path} is in use, by a command that runs now: wait, or give another "
                "--workdir"
            ) from None
        try:
            yield
        finally:
            lock.release()
            if not any(path.name != LOCK for path in self.path.iterdir()):
                (self.path / LOCK).unlink(missing_ok=True)
                for path in new:
                    path.rmdir()

    def _refuse_other_files(self) -> None:
        if not self.path.exists() or (self.path / "config.json").exists():
            return
        # What is killed at its very first file has left no more than these.
        first = {LOCK, MANIFEST, f".{MANIFEST}.new", ".config.json.new"}
        if not self.path.is_dir() or any(entry.name not in first for entry in self.path.iterdir()):
            if (self.path / MANIFEST).exists():
                raise ValueError(f"{self.path / 'config.json'} is lost: give another --workdir")
            raise ValueError(
                f"workdir {self.path} exists and holds no run: give a new or empty folder"
            )

    def write(self, name: str, value: Any) -> None:
        """Writes a JSON file."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file."""
        self.write_bytes(name, text.encode("utf-8"))

    def write_bytes(self, name: str, content: bytes) -> None:
        """Writes a file, which then outlasts a loss of power."""
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            temporary = self.path / f".{name}.new"
            temporary.write_bytes(content)
            sync(temporary)
            os.replace(temporary, self.path / name)
            sync(self.path)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except filelock.Timeout:  # an OSError, too
            raise
        except OSError as error:
            raise OSError(
                f"workdir {self.path} cannot be written ({error.strerror}): give another --workdir"
            ) from error

    def read(self, name: str) -> Any:
        """Reads a JSON file that holds an object.

        Raises:
          ValueError: it is missing or damaged.
        """
        try:
            value = json.loads(self.read_bytes(name))
        except FileNotFoundError:
            raise ValueError(
                f"workdir {self.path} has no {name}: give the folder of a run"
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
            raise ValueError(f"{self.path / name} cannot be read ({error})") from error
        if not isinstance(value, dict):
            raise ValueError(f"{self.path / name} cannot be read (it must hold a JSON object)")
        return value

    def read_bytes(self, name: str) -> bytes:
        """The content of a file; raises OSError if it is not there."""
        return (self.path / name).read_bytes()

    def save_figure(self, figure, name: str) -> Path:
        """Saves a matplotlib figure as a PNG file."""
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=120)
        self.write_bytes(name, buffer.getvalue())
        return self.path / name


class Sealed(Folder):
    """A folder whose manifest.json holds the SHA-256 of each file, checked when it is read.

    The sums of a file are two while it is replaced, that of before and that of after: a crash in
    between leaves one of the two.
    """

    def write_bytes(self, name: str, content: bytes) -> None:
        sums, path = self.sums(), self.path / name
        there = [digest(path.read_bytes())] if path.exists() else []
        sums[name] = [*(known for known in there if known in sums.get(name, [])), digest(content)]
        self.write_sums(sums)
        super().write_bytes(name, content)

    def sums(self) -> dict[str, list[str]]:
        """{name: sums} of the files that were written here.

        Raises:
          ValueError: manifest.json is damaged, or lost.
        """
        path = self.path / MANIFEST
        if not path.exists():
            if (self.path / "config.json").exists():
                raise ValueError(
                    f"{path} is lost, or {self.path} is of an earlier version: what is there "
                    "cannot be told from what was written"
                )
            return {}
        try:
            held = json.loads(path.read_bytes())
            sums, own = held["files"], held["sha256"]
            if own != digest(json.dumps(sums).encode()):
                raise ValueError("its own sum is another")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"{path} is damaged ({error})") from error
        return sums

    def write_sums(self, sums: Mapping[str, Sequence[str]]) -> None:
        """Writes manifest.json."""
        own = digest(json.dumps(sums).encode())
        text = json.dumps({"files": sums, "sha256": own}, indent=1) + "\n"
        super().write_bytes(MANIFEST, text.encode())

    def read_bytes(self, name: str) -> bytes:
        """The content of a file.

        Raises:
          FileNotFoundError: it is not there.
          ValueError: it is not what was written.
        """
        content = super().read_bytes(name)
        if digest(content) not in self.sums().get(name, []):
            raise ValueError(f"{self.path / name} is damaged: it is not what was written there")
        return content


def digest(content: bytes) -> str:
    """The SHA-256 of a content."""
    return hashlib.sha256(content).hexdigest()


def sync(path: str | os.PathLike) -> None:
    """Has a file, or the names in a folder, outlast a loss of power."""
    if os.name == "nt" and os.path.isdir(path):
        return  # Windows opens no folders, and keeps their names by itself
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
