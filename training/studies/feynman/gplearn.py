"""The posynomial regression beside gplearn's genetic programming: same data, same rule, same time.

python -m training.compare_gplearn --laws=I.12.1,I.27.6 --budget=30
"""

import functools
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from tqdm import tqdm

from training.cli import app
from training.studies.feynman import __main__ as recover_laws
from training.engine import workdir as results
from training.studies.zoo import __main__ as tabulate
from training.cli import flags as shared
from training.studies.feynman.laws import attempt as attempts
from training.studies.feynman.laws.classify import CLASSES, classify
from training.studies.feynman.laws.genetic import GeneticRegressor
from training.studies.feynman.laws.table import get, load
from weirdonetworks import _checks

COLUMNS = ("method", *attempts.COLUMNS)


def compare(
    laws: Sequence[str],
    noises: Sequence[float],
    seeds: Sequence[int],
    workdir: str | Path,
    points: int = 10_000,
    budget: float = 30.0,
    make: Callable[[], Any] = attempts.posynomial_regressor,
) -> list[dict[str, Any]]:
    """Fits each law with `make()` and with gplearn, one after the other in this process.

    gplearn gets as many seconds of CPU as our fit took, and in another run `budget`; it finishes
    the generation that it is in. Returns a row for each method and fit (see `attempts.attempt`) and
    writes comparison.csv after each law, and comparison.md.

    Raises:
      ImportError: gplearn is not installed.
      ValueError: no laws, noises or seeds, an unknown law or an impossible number.
    """
    if not laws or not noises or not seeds:
        raise ValueError("laws, noise and seeds must not be empty")
    classes = {law: classify(get(law)).name for law in laws}
    GeneticRegressor(_checks.positive("budget", budget))  # says at once if it is missing
    table = results.Workdir(workdir)
    settings = {"laws": list(laws), "noise": list(noises), "seeds": list(seeds), "points": points}
    table.write("config.json", settings | {"budget": budget, "versions": results.versions()})
    rows: list[dict[str, Any]] = []
    fits = [(law, noise, seed) for noise in noises for seed in seeds for law in laws]
    for law, noise, seed in tqdm(fits, unit="law", disable=None):
        run = functools.partial(attempts.attempt, law, noise, seed, points)
        ours = run(make)
        rows.append({"method": "ours", **ours})
        for method, seconds in (
            ("gplearn, same time", ours["seconds"]),
            (f"gplearn, {budget:g} s", budget),
        ):
            found = run(functools.partial(GeneticRegressor, seconds, seed))
            rows.append({"method": method, **found})
        for row in rows[-3:]:
            row["class"] = classes[law]
        table.write_text("comparison.csv", results.to_csv(rows, COLUMNS))
    table.write_text("comparison.md", to_markdown(rows))
    return rows


def default_laws() -> list[str]:
    """The first and the last law of each class in reach, in the table's order."""
    classes = {equation.name: classify(equation).name for equation in load()}
    members = [[law for law, own in classes.items() if own == name] for name in CLASSES[:-1]]
    return [law for own in members for law in (own[0], own[-1])]


def to_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each law and one for all: laws solved of those tried, and the median seconds."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    lines = [
        f"| law | class |{''.join(f' {method} |' for method in methods)}",
        f"|---|---|{'---|' * len(methods)}",
    ]

    def line(law: str, kind: str, own: Sequence[dict[str, Any]]) -> None:
        cells = []
        for method in methods:
            tried = [row for row in own if row["method"] == method]
            solved = sum(row["solved"] for row in tried)
            seconds = statistics.median(row["seconds"] for row in tried)
            cells.append(f"{solved} of {len(tried)}, {seconds:.1f} s")
        lines.append(f"| {law} | {kind} | {' | '.join(cells)} |")

    for law, kind in dict.fromkeys((row["law"], row["class"]) for row in rows):
        line(law, kind, [row for row in rows if row["law"] == law])
    line("all", "", rows)
    return "\n".join(lines) + "\n"


_BUDGET = flags.DEFINE_float("budget", 30.0, "Seconds of CPU that gplearn gets in its second run.")
for _name in ("laws", "noise", "points", "seeds", "workdir"):
    flags.declare_key_flag(_name)


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / "gplearn")
    rows = compare(
        default_laws() if recover_laws.LAWS.value is None else recover_laws.LAWS.value,
        recover_laws.parse_numbers("noise", recover_laws.NOISE.value),
        tabulate.parse_seeds(tabulate.SEEDS.value),
        workdir,
        recover_laws.POINTS.value,
        _BUDGET.value,
    )
    print(to_markdown(rows), end="")
    print("solved by the rule of training.recover_laws; gplearn's functions: add, sub, mul, div,")
    print("sqrt, inv and neg, 1,000 programs")
    print(f"written to {workdir}/: comparison.csv, comparison.md")


if __name__ == "__main__":
    app.run(main)
