"""Random runs and studies, killed, damaged and crowded: no other numbers without a word.

python -m tests.soak --minutes=5 --seed=3

Each trial takes a configuration (network or study, data, flags) and does something to it: SIGKILL
or SIGINT at a random moment, within writes, too; a full disk; two owners at once; damage to a file.
Then it goes on, and weights, metrics and results are compared, bit for bit, with those of one that
was left alone. It ends with

  same numbers  and the same files after a crash
  a word        damage was told, by an error that names the file
  silent        other numbers, without a word
  broken        a traceback, an error that names nothing, or more lost than a crash may cost

The exit code is 1 if one is silent or broken, or if the negative control finds nothing: with
unchecked sums, damage is silent. A trial is repeated by its seed, but for what the clock decides.
"""

import concurrent.futures
import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from unittest import mock

if __name__ == "__main__":  # NumPy starts no threads: what is forked must have none
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1")

import pandas as pd
import tqdm
from absl import flags

from tests.soak.faults import FAULTS
from tests.soak.group import BROKEN, ENDS, SILENT
from tests.soak.trials import GROUP, Trial, trials
from training.report.tables import to_csv, to_markdown
from weirdonetworks.commands import app
from weirdonetworks.commands.folder import Folder, Sealed

FLAGS = app.Flags(__doc__)
_MINUTES = flags.DEFINE_float(
    "minutes", 30.0, "How long; what has begun is ended.", lower_bound=0, flag_values=FLAGS
)
_TRIALS = flags.DEFINE_integer("trials", None, "At most so many.", 1, flag_values=FLAGS)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Of the first trial; the others follow.", lower_bound=0, flag_values=FLAGS
)
_REPEAT = flags.DEFINE_multi_integer(
    "repeat", [], "The trial of this seed; may be given several times.", flag_values=FLAGS
)
_FAULTS = flags.DEFINE_multi_enum(
    "fault", [], list(FAULTS), "Only this; may be given several times.", flag_values=FLAGS
)
_WORKERS = flags.DEFINE_integer("workers", 2, "Trials at once.", 1, flag_values=FLAGS)
_CSV = flags.DEFINE_string("csv", "runs/soak.csv", "Where the trials go.", flag_values=FLAGS)

# Trials of which the negative control has to find one silent: those of a small study come first.
_CONTROL = (2 * GROUP, 3 * GROUP)


def main() -> None:
    start, faults = time.monotonic(), _FAULTS.value or list(FAULTS)
    if _REPEAT.value:
        groups: Iterable[Sequence[int]] = [[seed] for seed in _REPEAT.value]
    else:
        print(f"with unchecked sums: silent, {control().detail}", flush=True)
        groups = grouped(_SEED.value, _TRIALS.value or sys.maxsize)
    found = []
    with tqdm.tqdm(desc="soak", unit=" trials", total=_TRIALS.value) as bar:
        for trial in soak(groups, faults, start + 60 * _MINUTES.value):
            found.append(trial)
            bar.update()
            if trial.end in (SILENT, BROKEN):
                bar.write(f"{trial.end} {trial.seed}, {trial.subject} {trial.fault}: "
                          f"{trial.detail}: {trial.message}")  # fmt: skip
    path = Path(_CSV.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame(sorted(found))
    path.write_text(to_csv(rows))
    print(f"\n{to_markdown(summary(rows))}")
    print(f"{(time.monotonic() - start) / 60:.0f} minutes; written to {path}")
    if bad := [trial.seed for trial in sorted(found) if trial.end in (SILENT, BROKEN)]:
        words = " ".join(f"--repeat={seed}" for seed in bad)
        raise ValueError(f"{len(bad)} trials were silent or broken: python -m tests.soak {words}")


def grouped(first: int, most: int) -> Iterator[list[int]]:
    """Seeds from the first one on, those of one configuration together."""
    numbers = itertools.takewhile(lambda seed: seed < first + most, itertools.count(first))
    for _, group in itertools.groupby(numbers, key=lambda seed: seed // GROUP):
        yield list(group)


def control() -> Trial:
    """A trial that is silent, since no sum is checked.

    Raises:
      ValueError: none is.
    """
    with mock.patch.object(Sealed, "read_bytes", Folder.read_bytes):
        for seeds in grouped(*_CONTROL):
            for trial in trials(seeds, ["damaged"]):
                if trial.end == SILENT:
                    return trial
    raise ValueError(f"none of {_CONTROL[1]} trials was silent, though no sum was checked")


def soak(
    groups: Iterable[Sequence[int]], faults: Sequence[str], deadline: float
) -> Iterator[Trial]:
    """Trials as they end, several at once, until the time is up."""
    left = iter(groups)
    forked = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(_WORKERS.value, forked) as pool:
        waiting = {
            pool.submit(_group, seeds, faults, deadline)
            for seeds in itertools.islice(left, _WORKERS.value)
        }
        while waiting:
            done, waiting = concurrent.futures.wait(
                waiting, return_when=concurrent.futures.FIRST_COMPLETED
            )
            if time.monotonic() < deadline:
                waiting |= {
                    pool.submit(_group, seeds, faults, deadline)
                    for seeds in itertools.islice(left, len(done))
                }
            for future in done:
                yield from future.result()


def _group(seeds: Sequence[int], faults: Sequence[str], deadline: float) -> list[Trial]:
    return list(trials(seeds, faults, deadline))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Trials by subject, fault and end, and all of them."""
    table = pd.crosstab([rows["subject"], rows["fault"]], rows["end"])
    table = table.reindex(columns=list(ENDS), fill_value=0)
    table.insert(0, "trials", table.sum(axis=1))
    table.loc[("all", ""), :] = table.sum()
    return table.astype(int).reset_index()


if __name__ == "__main__":
    app.run(main, FLAGS)
