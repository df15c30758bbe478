"""Which physical laws does the posynomial regression find? Fits all Feynman equations blindly.

python -m training.recover_laws --noise=0,0.01 --seeds=0

A fit sees a sample and the variables' names, never the law's class. Every result is written when it
comes; those that are there already are not repeated, so an interrupted table goes on.
"""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from tqdm import tqdm

from training.cli import app
from training.engine import workdir as results
from training.studies.zoo import __main__ as tabulate
from training.cli import flags as shared
from training.experiments import executor as pool
from training.studies.feynman.laws.attempt import COLUMNS, attempt, posynomial_regressor
from training.studies.feynman.laws.classify import classify
from training.studies.feynman.laws.report import draw, to_markdown
from training.studies.feynman.laws.score import TOLERANCE
from training.studies.feynman.laws.table import get, load
from weirdonetworks import _checks

NOISES = (0.0, 0.001, 0.01, 0.1)
_FLAGS = ("solved", "same_terms")
_Key = tuple[str, float, int]


def recover(
    laws: Sequence[str],
    noises: Sequence[float],
    seeds: Sequence[int],
    workdir: str | Path,
    points: int = 10_000,
    workers: int = 2,
    make: Callable[[], Any] = posynomial_regressor,
) -> list[dict[str, Any]]:
    """Fits every law at every noise with every seed, and returns a row for each (see `attempt`).

    Writes laws.csv, table.md and rates.png to the workdir, laws.csv after each fit. Each worker is
    a process of one thread; with `workers=0` all happens in this process. `make` must be importable
    by its name if there are workers.

    Raises:
      ValueError: no laws, noises or seeds, one of them twice or impossible, an unknown law, or a
        workdir with results for another number of points or another estimator.
    """
    for name, values in (("laws", laws), ("noise", noises), ("seeds", seeds)):
        if not values or len(set(values)) < len(values):
            raise ValueError(f"{name} must be given, each once, got {list(values)!r}")
    for law in laws:
        get(law)
    noises = [_checks.number("noise", noise, 0, float("inf"), open_high=True) for noise in noises]
    seeds = [_checks.integer("seeds", seed, minimum=0) for seed in seeds]
    _checks.integer("workers", workers, minimum=0)
    table = results.Workdir(workdir)
    table.claim(
        {
            "points": _checks.integer("points", points),
            "estimator": make.__qualname__,
            "tolerance": TOLERANCE,
        },
        resume=True,
    )
    rows = read_rows(table)
    asked = [(law, noise, seed) for noise in noises for seed in seeds for law in laws]
    missing = [(*key, points, make) for key in asked if key not in rows]
    with tqdm(total=len(asked), initial=len(asked) - len(missing), unit="fit", disable=None) as bar:
        for row in pool.run(attempt, missing, workers):
            row["class"] = classify(get(row["law"])).name
            rows[_key(row)] = row
            table.write_text("laws.csv", results.to_csv(_in_order(rows), COLUMNS))
            bar.update()
    chosen = [rows[key] for key in asked]
    table.write_text("table.md", to_markdown(chosen))
    draw(table, chosen)
    return chosen


def _key(row: dict[str, Any]) -> _Key:
    return row["law"], row["noise"], row["seed"]


def _in_order(rows: dict[_Key, dict[str, Any]]) -> list[dict[str, Any]]:
    """By noise and seed, the laws in the order of their table."""
    order = {equation.name: i for i, equation in enumerate(load())}
    return sorted(rows.values(), key=lambda row: (row["noise"], row["seed"], order[row["law"]]))


def read_rows(table: results.Workdir) -> dict[_Key, dict[str, Any]]:
    """The rows of laws.csv by law, noise and seed; none if there is no such file.

    Raises:
      ValueError: it is damaged.
    """
    path = table.path / "laws.csv"
    if not path.exists():
        return {}
    rows = {}
    try:
        for text in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
            if None in (*text, *text.values()):
                raise ValueError("a row of another length")
            row = {name: text[name] for name in COLUMNS}
            get(row["law"])
            row |= {name: float(row[name]) for name in ("noise", "seconds")}
            row |= {name: {"True": True, "False": False}[row[name]] for name in _FLAGS}
            row["seed"] = int(row["seed"])
            row["terms"] = int(row["terms"]) if row["terms"] else ""
            row["relative_error"] = float(row["relative_error"]) if row["relative_error"] else ""
            rows[_key(row)] = row
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read ({error}): give another --workdir") from error
    return rows


def parse_numbers(flag: str, words: Sequence[str]) -> list[float]:
    """["0", "0.01"] -> [0.0, 0.01]; ValueError for other words."""
    try:
        return [float(word) for word in words]
    except ValueError:
        raise ValueError(f"{flag} must be numbers, got {list(words)!r}") from None


LAWS = flags.DEFINE_list("laws", None, "Which laws, separated by commas; all by default.")
NOISE = flags.DEFINE_list(
    "noise",
    [f"{noise:g}" for noise in NOISES],
    "Standard deviations of the noise, in units of the RMS of the law's values.",
)
POINTS = flags.DEFINE_integer("points", 10_000, "Rows that each fit gets.", 1)
flags.declare_key_flag("seeds")
flags.declare_key_flag("workers")
flags.declare_key_flag("workdir")


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / "laws")
    rows = recover(
        [equation.name for equation in load()] if LAWS.value is None else LAWS.value,
        parse_numbers("noise", NOISE.value),
        tabulate.parse_seeds(tabulate.SEEDS.value),
        workdir,
        POINTS.value,
        pool.WORKERS.value,
    )
    print(to_markdown(rows), end="")
    print(f"solved: the law up to an additive or a multiplicative constant, {TOLERANCE:.0%} for")
    print("constants inside; exact, consistent: what the fit says of itself")
    print(f"written to {workdir}/: laws.csv, table.md, rates.png")


if __name__ == "__main__":
    app.run(main)
