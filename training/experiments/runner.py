"""Runs the trials of a study that are not there yet, and gathers its results."""

import contextlib
import dataclasses
import functools
import itertools
import math
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from training.cli.choices import DATASETS, OF_PACKAGES
from training.data import Dataset, load
from training.experiments import executor
from training.experiments.pages import RESULTS
from training.experiments.progress import Progress
from training.experiments.rates import CHOICE_SEED
from training.experiments.store import Row, Store, Tables, as_tables
from training.experiments.study import Axes, Study
from training.report.provenance import provenance
from training.report.tables import to_csv
from weirdonetworks.commands import app
from weirdonetworks.commands.folder import Sealed


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
      ValueError: seeds, settings or axes that cannot be; a folder of another study, of other
        settings or other data, or in which a study runs now; whatever a trial refuses.
      OSError: a folder that cannot be written, data that cannot be had, a worker that was killed.
    """
    axes = {axis: list(values) for axis, values in (axes or study.axes).items()}
    seeds = study.check_seeds(study.seeds if seeds is None else seeds)
    settings = study.resolve_settings(settings or {})
    paths = {key: value for key, value in (paths or {}).items() if value is not None}
    names = axes.get("dataset", ())
    if paths and not any(map(_takes_paths, names)):
        raise ValueError(
            f"{' and '.join(paths)} must be left out with {', '.join(names) or 'no data set'}, "
            f"which is found without, got {', '.join(map(repr, paths.values()))}"
        )
    # What is missing shows before the work begins.
    data = {name: _dataset(name, tuple(paths.items())).sha256 for name in names}
    config = {"study": study.name, "settings": settings}
    if study.choose:
        config["choose"] = dataclasses.asdict(study.choose)
    told = provenance(command)
    files = Sealed(workdir)
    with _claimed(files, config, {"axes": axes, "seeds": seeds, "data": data, **paths}) as held:
        store = Store(files.path)
        perform = functools.partial(
            _perform, study.trial, study.batched, settings, tuple(paths.items())
        )
        work = _Work(study, store, perform, {"workers": workers, "cluster": cluster})
        try:
            cells = study.all_cells(axes)
            work.cells(cells, seeds)
            if study.then:
                rows = [row for cell in cells for seed in seeds for row in work.rows(cell, seed)]
                work.cells(study.then(rows, axes), seeds)
        finally:  # what there is, if a trial failed, too
            work.close()
            executor.close()
            tables = gather(study, store)
            results = Sealed(files.path / RESULTS)
            if tables:
                results.write_sums({})  # whatever has become of the older ones
            for name, table in tables.items():
                results.write_text(f"{name}.csv", to_csv(table))
            if tables:
                told |= _covered(study, store) | {"data": held["data"]}
                results.write("config.json", {**config, **told})
    return tables


@contextlib.contextmanager
def _claimed(
    files: Sealed, config: Mapping[str, Any], asked: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The folder's configuration, while it is this study's alone and this process's alone."""
    with files.alone():
        files.claim({**config, **asked}, resume=True, free=tuple(asked))
        data = files.read("config.json").get("data", {})
        for name, digest in asked["data"].items():
            if data.get(name, digest) != digest:
                raise ValueError(
                    f"workdir {files.path} holds trials on other data of the name {name}: give "
                    "another --workdir"
                )
        held = {**config, **asked, "data": {**data, **asked["data"]}}
        files.write("config.json", held)
        yield held


def gather(study: Study, store: Store) -> dict[str, pd.DataFrame]:
    """The tables of all trials in a store; those that chose are in the table `choices`."""
    tables: Tables = {}
    for key, found in _in_order(study, store):
        if study.choose and key["seed"] == CHOICE_SEED:
            # Nobody shall choose by test data: they are not even told.
            kept = [
                {name: value for name, value in row.items() if not name.startswith("test_")}
                for row in found.get("runs", ())
            ]
            tables.setdefault("choices", []).extend(kept)
            continue
        for name, rows in found.items():
            if rows:  # a file without a column could not be read
                tables.setdefault(name, []).extend(rows)
    return {name: pd.DataFrame(rows) for name, rows in tables.items()}


def _in_order(study: Study, store: Store) -> list[tuple[Row, Tables]]:
    """All trials of a store, as the axes go; values that are not among theirs come last."""
    order = {
        axis: {value: i for i, value in enumerate([*values, *study.options.get(axis, ())])}
        for axis, values in study.axes.items()
    }

    def place(record: tuple[Row, Tables]) -> list[tuple]:
        key = record[0]
        places = [(order[axis].get(key.get(axis), len(order[axis])), *_sorted(key.get(axis)))
                  for axis in order]  # fmt: skip
        choice = key.get(study.choose.name) if study.choose else None
        return [*places, (key["seed"],), _sorted(choice)]

    return sorted(store.all(), key=place)


def _sorted(value: Any) -> tuple[float, str]:
    """Numbers by their size, words by their letters."""
    return (value, "") if isinstance(value, int | float) else (math.inf, str(value))


def _covered(study: Study, store: Store) -> dict[str, Any]:
    """Axes and seeds of all trials in a store."""
    keys = [key for key, _ in _in_order(study, store)]
    axes = {
        axis: list(dict.fromkeys(key[axis] for key in keys if axis in key)) for axis in study.axes
    }
    seeds = {key["seed"] for key in keys} - ({CHOICE_SEED} if study.choose else set())
    return {"axes": axes, "seeds": sorted(seeds)}


class _Work:
    """Trials that are asked for, done by the executor if they are not in the store."""

    def __init__(self, study: Study, store: Store, perform: Callable, where: Mapping[str, Any]):
        self._study, self._store, self._perform, self._where = study, store, perform, where
        self._progress = Progress(study.name)

    def close(self) -> None:
        self._progress.close()

    def cells(self, cells: Sequence[Axes], seeds: Sequence[int]) -> None:
        """All trials of these cells: those that choose, then those of the seeds."""
        self._progress.more(len(cells) * len(seeds))
        ladder = self._study.choose
        while ladder:
            wanted = [(cell, CHOICE_SEED, rate) for cell in cells
                      for rate in ladder.next(cell, self._tried(cell))]  # fmt: skip
            if not wanted:
                break
            self._progress.more(len(wanted))
            self._run(wanted)
        wanted = []
        for cell in cells:
            choice = self._choice(cell)
            for seed in seeds:
                key = self._key(cell, seed, choice)
                if ladder and choice is None and not self._store.has(key):
                    # Every rate diverged: so would this one, untried.
                    self._store.write(key, as_tables({"status": "diverged"}, key))
                wanted.append((cell, seed, choice))
        self._run(wanted)

    def rows(self, cell: Axes, seed: int) -> list[Row]:
        """The rows of a trial that is done."""
        return self._store.read(self._key(cell, seed, self._choice(cell))).get("runs", [])

    def _choice(self, cell: Axes) -> float | None:
        ladder = self._study.choose
        return ladder.best(self._tried(cell)) if ladder else None

    def _key(self, cell: Axes, seed: int, choice: Any) -> Row:
        key = {**cell, "seed": seed}
        return {**key, self._study.choose.name: choice} if self._study.choose else key

    def _tried(self, cell: Axes) -> dict[float, Row]:
        """The row of every rate of the ladder that was tried for this cell."""
        keys = {r: self._key(cell, CHOICE_SEED, r) for r in self._study.choose.all(cell)}
        return {
            rate: (self._store.read(key).get("runs") or [{"status": "done"}])[0]
            for rate, key in keys.items()
            if self._store.has(key)
        }

    def _run(self, wanted: Sequence[tuple[Axes, int, Any]]) -> None:
        missing = [one for one in wanted if not self._store.has(self._key(*one))]
        self._progress.found(len(wanted) - len(missing))
        tasks = [(cell, [seed], choice) for cell, seed, choice in missing]
        if self._study.batched:
            groups = itertools.groupby(missing, key=lambda one: (one[0], one[2]))
            tasks = [(cell, [seed for _, seed, _ in own], rate) for (cell, rate), own in groups]
        for place, found in executor.run(self._perform, tasks, **self._where):
            cell, seeds, choice = tasks[place]
            for seed, one in zip(seeds, found, strict=True):
                key = self._key(cell, seed, choice)
                try:
                    tables = as_tables(one, key)
                except (ValueError, TypeError) as error:
                    raise ValueError(f"trial {_told(key)}: {error}") from None
                self._store.write(key, tables)
                self._progress.done(_told(key))


def _told(key: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in key.items())


def _takes_paths(dataset: str) -> bool:
    return dataset.startswith("tfds:") or dataset in set(DATASETS) - set(OF_PACKAGES)


@functools.lru_cache(maxsize=2)
def _dataset(name: str, paths: tuple[tuple[str, str], ...]) -> Dataset:
    """Kept between the trials of a process, which would read it anew, at seconds each."""
    return load(name, **dict(paths) if _takes_paths(name) else {})


def _perform(
    trial: Callable[..., Any] | str,
    batched: bool,
    settings: Mapping[str, Any],
    paths: tuple[tuple[str, str], ...],
    axes: Axes,
    seeds: list[int],
    choice: Any,
) -> list[Any]:
    """The trial of each of these seeds, of one or of a batch, wherever it runs."""
    seed = seeds if batched else seeds[0]
    told = _told({**axes, "seed": seed, **({} if choice is None else {"choice": choice})})
    try:
        function = pkgutil.resolve_name(trial) if isinstance(trial, str) else trial
        loaded = {"dataset": _dataset(axes["dataset"], paths)} if "dataset" in axes else {}
        found = function({**axes, **loaded}, seed, choice, **settings)
        if not batched:
            return [found]
        if not isinstance(found, list) or len(found) != len(seeds):
            raise ValueError(f"a batched trial must return a list of {len(seeds)}, got {found!r}")
        return found
    except FloatingPointError as error:
        return [{"status": "diverged", "error": str(error)}] * len(seeds)
    except SystemExit as error:  # which would end the study without a word
        raise ValueError(f"trial {told}: it left the program ({error})") from error
    except app.EXPECTED_ERRORS as error:
        raise ValueError(f"trial {told}: {error}") from error
    except Exception as error:
        error.add_note(f"in the trial {told}")
        raise
