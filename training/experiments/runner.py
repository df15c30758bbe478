"""Runs the trials of a study that are not there yet, and gathers its results."""

import functools
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from training.data import Dataset, load
from training.engine.workdir import Workdir
from training.experiments import executor
from training.experiments.provenance import provenance
from training.experiments.rates import CHOICE_SEED
from training.experiments.store import Store, as_tables
from training.experiments.study import Axes, Row, Study
from training.report.tables import to_csv

RESULTS = "results"


def run(
    study: Study,
    workdir: str | Path,
    *,
    axes: Mapping[str, Sequence[Any]] | None = None,
    seeds: Sequence[int] | None = None,
    settings: Mapping[str, Any] | None = None,
    paths: Mapping[str, str | None] | None = None,
    workers: int = 2,
    cluster: str | None = None,
    command: str = "",
) -> dict[str, pd.DataFrame]:
    """Runs a study in a folder, and returns the tables of all trials that are there.

    A trial is a record of its own, written whole when it ends: a study that is killed goes on in
    the same folder and loses at most the trials in hand. Further axes, values or seeds may be asked
    for in the same folder later; settings stay. Writes config.json, trials/, results/*.csv and
    results/config.json.

    Raises:
      ValueError: seeds, settings or axes that cannot be; a folder of another study or of other
        settings; whatever a trial refuses.
      OSError: a folder that cannot be written, data that cannot be had, a worker that was killed.
    """
    axes = dict(study.axes) if axes is None else dict(axes)
    seeds = study.check_seeds(study.seeds if seeds is None else seeds)
    settings = study.resolve_settings(settings or {})
    paths = {key: value for key, value in (paths or {}).items() if value is not None}
    for name in axes.get("dataset", ()):  # what is missing shows before the work begins
        _dataset(name, tuple(paths.items()))
    files = Workdir(workdir)
    config = {"study": study.name, "settings": settings}
    asked = {"axes": {key: list(values) for key, values in axes.items()}, "seeds": list(seeds)}
    free = ("axes", "seeds", "data_dir", "manual_dir")
    files.claim({**config, **asked, **paths}, resume=True, free=free)
    files.write("config.json", {**config, **asked, **paths})
    store = Store(files.path)
    perform = functools.partial(_perform, study.trial, settings, tuple(paths.items()))
    work = _Work(study, store, perform, {"workers": workers, "cluster": cluster})
    try:
        cells = study.all_cells(axes)
        work.cells(cells, seeds)
        if study.then:
            rows = [row for cell in cells for seed in seeds for row in work.rows(cell, seed)]
            work.cells(study.then(rows, axes), seeds)
    finally:
        work.bar.close()
        tables = gather(study, store)
        for name, table in tables.items():
            Workdir(files.path / RESULTS).write_text(f"{name}.csv", to_csv(table))
        if tables:
            told = provenance(command, tables["runs"] if "runs" in tables else None)
            Workdir(files.path / RESULTS).write(
                "config.json", {**config, **asked, **told, "data": _data(axes, paths)}
            )
    return tables


def gather(study: Study, store: Store) -> dict[str, pd.DataFrame]:
    """The tables of all trials in a store; those that chose are in the table `choices`."""
    records = store.all()
    order = {axis: {v: i for i, v in enumerate([*values, *study.options.get(axis, ())])}
             for axis, values in study.axes.items()}  # fmt: skip

    def place(key: Mapping[str, Any]) -> tuple:
        known = [order[axis].get(key.get(axis), len(order[axis])) for axis in order]
        return (*known, key["seed"], key.get(study.choose.name, 0) if study.choose else 0)

    tables: dict[str, list[Row]] = {}
    for key, found in sorted(records, key=lambda record: place(record[0])):
        if study.choose and key["seed"] == CHOICE_SEED:
            kept = [
                {name: value for name, value in row.items() if not name.startswith("test_")}
                for row in found.get("runs", ())
            ]
            tables.setdefault("choices", []).extend(kept)
            continue
        for name, rows in found.items():
            tables.setdefault(name, []).extend(rows)
    return {name: pd.DataFrame(rows) for name, rows in tables.items()}


class _Work:
    """Trials that are asked for, done by the executor if they are not in the store."""

    def __init__(self, study: Study, store: Store, perform: Callable, where: Mapping[str, Any]):
        self._study, self._store, self._perform, self._where = study, store, perform, where
        self.bar = tqdm(total=0, desc=study.name, unit="trial", disable=None)

    def cells(self, cells: Sequence[Axes], seeds: Sequence[int]) -> None:
        """All trials of these cells: those that choose, then those of the seeds."""
        self.bar.total += len(cells) * len(seeds)
        self.bar.refresh()
        ladder = self._study.choose
        while ladder:
            wanted = [(cell, CHOICE_SEED, rate) for cell in cells
                      for rate in ladder.next(cell, self._tried(cell))]  # fmt: skip
            if not wanted:
                break
            self.bar.total += len(wanted)
            self._run(wanted)
        wanted = []
        for cell in cells:
            choice = ladder.best(self._tried(cell)) if ladder else None
            for seed in seeds:
                if ladder and choice is None:  # every rate diverged: so would this, untried
                    key = self._key(cell, seed, None)
                    if not self._store.has(key):
                        self._store.write(key, as_tables({"status": "diverged"}, key))
                    self.bar.update()
                else:
                    wanted.append((cell, seed, choice))
        self._run(wanted)

    def rows(self, cell: Axes, seed: int) -> list[Row]:
        """The rows of a trial that is done."""
        ladder = self._study.choose
        choice = ladder.best(self._tried(cell)) if ladder else None
        return self._store.read(self._key(cell, seed, choice)).get("runs", [])

    def _key(self, cell: Axes, seed: int, choice: Any) -> Row:
        key = {**cell, "seed": seed}
        return {**key, self._study.choose.name: choice} if self._study.choose else key

    def _tried(self, cell: Axes) -> dict[float, Row]:
        """The row of every rate of the ladder that was tried for this cell."""
        keys = {r: self._key(cell, CHOICE_SEED, r) for r in self._study.choose.all(cell)}
        return {
            rate: self._store.read(key)["runs"][0]
            for rate, key in keys.items()
            if self._store.has(key)
        }

    def _run(self, wanted: Sequence[tuple[Axes, int, Any]]) -> None:
        missing = [one for one in wanted if not self._store.has(self._key(*one))]
        self.bar.update(len(wanted) - len(missing))
        for place, found in executor.run(self._perform, missing, **self._where):
            cell, seed, choice = missing[place]
            key = self._key(cell, seed, choice)
            self._store.write(key, as_tables(found, key))
            self.bar.set_postfix_str(" ".join(str(value) for value in key.values()))
            self.bar.update()
            if self.bar.disable:  # nobody watches: a line each
                told = ", ".join(f"{name} {value}" for name, value in key.items())
                self.bar.n += 1
                print(f"trial {self.bar.n} of {self.bar.total}: {told}", file=sys.stderr, flush=True)


@functools.lru_cache(maxsize=2)
def _dataset(name: str, paths: tuple[tuple[str, str], ...]) -> Dataset:
    """Kept between the trials of a process, which would read it anew, at seconds each."""
    takes = name in ("mnist", "fashion_mnist", "mnist_rot") or name.startswith("tfds:")
    return load(name, **dict(paths) if takes else {})


def _perform(
    trial: Callable[..., Any] | str,
    settings: Mapping[str, Any],
    paths: tuple[tuple[str, str], ...],
    axes: Axes,
    seed: int,
    choice: Any,
) -> Any:
    """One trial, wherever it runs."""
    function = pkgutil.resolve_name(trial) if isinstance(trial, str) else trial
    axes = dict(axes)
    if "dataset" in axes:
        axes["dataset"] = _dataset(axes["dataset"], paths)
    try:
        found = function(axes, seed, choice, **settings)
    except FloatingPointError as error:
        return {"status": "diverged", "error": str(error)}
    tables = as_tables(found, {})
    if "runs" in tables:
        tables["runs"] = [{"status": "done", **row} for row in tables["runs"]]
    return tables


def _data(axes: Mapping[str, Sequence[Any]], paths: Mapping[str, str]) -> dict[str, str]:
    """What the data sets of the axes are, whatever they are called."""
    return {
        str(name): _dataset(name, tuple(paths.items())).sha256 for name in axes.get("dataset", ())
    }
