"""A folder of results: whose it is, files that are replaced as a whole."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LOCK = ".lock"  # of whoever writes to the folder now


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
        elif self.path.exists() and (not self.path.is_dir() or self._has_other_files()):
            raise ValueError(
                f"workdir {self.path} exists and holds no run: give a new or empty folder"
            )
        else:
            self.write("config.json", config)

    def _has_other_files(self) -> bool:
        # What is killed at its very first file has left no more than these.
        return any(entry.name not in (".config.json.new", LOCK) for entry in self.path.iterdir())

    def write(self, name: str, value: Any) -> None:
        """Writes a JSON file."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            temporary = self.path / f".{name}.new"
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())  # or a machine that loses its power leaves an empty file
            os.replace(temporary, self.path / name)
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
            value = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ValueError(
                f"workdir {self.path} has no {name}: give the folder of a run"
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
            raise ValueError(f"{self.path / name} cannot be read ({error})") from error
        if not isinstance(value, dict):
            raise ValueError(f"{self.path / name} cannot be read (it must hold a JSON object)")
        return value

    def save_figure(self, figure, name: str) -> Path:
        """Saves a matplotlib figure as a PNG file."""
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.path / f".{name}.new"
        figure.savefig(temporary, format="png", dpi=120)
        os.replace(temporary, self.path / name)
        return self.path / name
