"""The trials of a study in its folder: a file each, written whole or not at all."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.engine.workdir import Workdir

Row = dict[str, Any]
Tables = dict[str, list[Row]]


class Store:
    """Trials by their key: axes, seed and choice."""

    def __init__(self, folder: str | Path):
        self.workdir = Workdir(Path(folder) / "trials")

    def name(self, key: Mapping[str, Any]) -> str:
        """The file of a trial: its key for people, and what tells it from all others."""
        text = json.dumps(key, sort_keys=True)
        told = "-".join(re.sub(r"[^A-Za-z0-9.+]+", "_", str(value)) for value in key.values())
        return f"{told[:120]}-{hashlib.sha256(text.encode()).hexdigest()[:10]}.json"

    def has(self, key: Mapping[str, Any]) -> bool:
        """Whether the trial is there."""
        return (self.workdir.path / self.name(key)).exists()

    def read(self, key: Mapping[str, Any]) -> Tables:
        """The rows of a trial, by table.

        Raises:
          ValueError: its file is damaged, or that of another trial.
        """
        name = self.name(key)
        record = self.workdir.read(name)
        if record.get("key") != json.loads(json.dumps(key)) or not isinstance(
            record.get("tables"), dict
        ):
            raise ValueError(
                f"{self.workdir.path / name} is damaged: delete it to have its trial run again"
            )
        return record["tables"]

    def all(self) -> list[tuple[dict[str, Any], Tables]]:
        """(key, rows by table) of every trial that is there."""
        if not self.workdir.path.exists():
            return []
        names = sorted(file.name for file in self.workdir.path.glob("[!.]*.json"))
        keys = [self.workdir.read(name).get("key") or {} for name in names]
        return [(key, self.read(key)) for key in keys]

    def write(self, key: Mapping[str, Any], tables: Tables) -> None:
        """Keeps a trial."""
        self.workdir.write(self.name(key), {"key": dict(key), "tables": tables})


def as_tables(found: Any, key: Mapping[str, Any]) -> Tables:
    """What a trial returned -> rows by table, each with the key of the trial in front.

    Raises:
      ValueError: it is no row, no rows, and no tables of rows.
    """
    tables = found
    if isinstance(found, Sequence) and not isinstance(found, str):
        tables = {"runs": found}
    elif isinstance(found, Mapping) and not all(
        isinstance(rows, Sequence) and not isinstance(rows, str) for rows in found.values()
    ):
        tables = {"runs": [found]}
    if not isinstance(tables, Mapping) or not all(
        isinstance(row, Mapping) for rows in tables.values() for row in rows
    ):
        raise ValueError(f"a trial must return a row, rows, or tables of rows, got {found!r}")
    return {
        name: [{**key, **{column: _plain(value) for column, value in row.items()}} for row in rows]
        for name, rows in tables.items()
    }


def _plain(value: Any) -> Any:
    """As JSON keeps it: numbers of NumPy and TensorFlow as Python's."""
    return value.item() if hasattr(value, "item") else value
