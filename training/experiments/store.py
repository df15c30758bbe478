"""The trials of a study in its folder: a file each, written whole or not at all."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weirdonetworks.commands.folder import Folder, digest

Row = dict[str, Any]
Tables = dict[str, list[Row]]


class Store:
    """Trials by their key: axes, seed and choice."""

    def __init__(self, folder: str | Path):
        self.files = Folder(Path(folder) / "trials")

    def name(self, key: Mapping[str, Any]) -> str:
        """The file of a trial: its key for people, and what tells it from all others."""
        text = json.dumps(key, sort_keys=True)
        told = "-".join(re.sub(r"[^A-Za-z0-9.+]+", "_", str(value)) for value in key.values())
        return f"{told[:120]}-{hashlib.sha256(text.encode()).hexdigest()[:10]}.json"

    def has(self, key: Mapping[str, Any]) -> bool:
        """Whether the trial is there."""
        return (self.files.path / self.name(key)).exists()

    def read(self, key: Mapping[str, Any]) -> Tables:
        """The rows of a trial, by table.

        Raises:
          ValueError: its file is damaged, or that of another trial.
        """
        return self._read(self.name(key))[1]

    def all(self) -> list[tuple[Row, Tables]]:
        """(key, rows by table) of every trial that is there.

        Raises:
          ValueError: the file of one is damaged.
        """
        # What a killed process had begun to write has a dot in front.
        return [self._read(f.name) for f in sorted(self.files.path.glob("[!.]*.json"))]

    def write(self, key: Mapping[str, Any], tables: Tables) -> None:
        """Keeps a trial."""
        record = {"key": dict(key), "tables": tables}
        self.files.write(self.name(key), record | {"sha256": _sum(record)})

    def _read(self, name: str) -> tuple[Row, Tables]:
        try:
            record = self.files.read(name)
            key, tables = record["key"], record["tables"]
            own = record.pop("sha256")
            whole = self.name(key) == name and own == _sum(record)
        except (ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise ValueError(
                f"{self.files.path / name} is damaged: delete it to have its trial run again"
            )
        return key, tables


def _sum(record: Mapping[str, Any]) -> str:
    return digest(json.dumps(record).encode())


def as_tables(found: Any, key: Mapping[str, Any]) -> Tables:
    """What a trial returned -> rows by table, each with the key of the trial in front.

    The rows of the table `runs` have a status, "done" if the trial did not say another.

    Raises:
      ValueError: it is no row, no rows, and no tables of rows.
    """
    tables = found
    if _is_list(found):
        tables = {"runs": found}
    elif isinstance(found, Mapping) and not all(map(_is_list, found.values())):
        tables = {"runs": [found]}
    if not (
        isinstance(tables, Mapping)
        and tables
        and all(isinstance(row, Mapping) for rows in tables.values() for row in rows)
    ):
        raise ValueError(f"a trial must return a row, rows, or tables of rows, got {found!r}")
    for name, rows in tables.items():
        for row in rows:
            for column in key.keys() & row.keys():
                if row[column] != key[column]:
                    raise ValueError(
                        f"a row of {name} must have the {column} of its trial, {key[column]!r}, "
                        f"got {row[column]!r}"
                    )
    return {
        name: [
            {**key, **({"status": "done"} if name == "runs" else {}), **_plain(row)} for row in rows
        ]
        for name, rows in tables.items()
    }


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _plain(row: Mapping[str, Any]) -> Row:
    """As JSON keeps it: numbers of NumPy and TensorFlow as Python's."""
    return {
        name: _number(name, value.numpy() if hasattr(value, "numpy") else value)
        for name, value in row.items()
    }


def _number(name: str, value: Any) -> Any:
    if getattr(value, "size", 1) != 1:
        raise ValueError(f"{name} must be a number or a word, got an array of {value.shape}")
    return value.item() if hasattr(value, "item") else value
