"""Compares ways to fit a posynomial to laws, each given the same time.

python -m training.compare_cooking

Every method fits sums of as many monomials as the law has (3 for the one that is none), from the
same rows, and gets --fit_seconds of CPU time (with one thread on an idle machine, those on the
wall), compilation included, for as many starts as there is time for; one that is at numerical
precision before stops. What is chosen, is chosen on the validation rows. A run is kept in a file of
its own under --workdir, and not repeated, so an interrupted comparison goes on.
"""

import itertools
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from tqdm import tqdm

from training.cli import app
from training.cli import checks
from training.engine import workdir as results
from training.cli import flags as shared
from training.studies.cooking.contenders import METHODS, TARGET, fit
from training.studies.cooking.problems import PROBLEMS, ROWS, Problem
from weirdonetworks import _checks

# The largest error of an exponent that is right.
RIGHT = 1e-3
COLUMNS = (
    "problem",
    "method",
    "seed",
    "seconds",
    "starts",
    "validation_error",
    "test_error",
    "exponent_error",
    "success",
)


def run(name: str, method: str, seed: int, seconds: float) -> dict[str, Any]:
    """A row of `COLUMNS`: errors are relative, rms(f - y) / rms(y), on the test rows without noise.

    exponent_error is the largest of a law's exponents' errors, infinite for another number of
    terms; success, that it is at most 1e-3. Both are None where there is no law to find.
    """
    problem = PROBLEMS[name]
    data, (x, y) = problem.sample(seed)
    start = time.process_time()
    exponents, c, starts = fit(problem, method, data, seed, seconds)
    taken = time.process_time() - start

    def error(inputs, targets):
        f = np.exp(np.log(inputs) @ exponents.T) @ c[:, None]
        return float(np.sqrt(np.mean((f - targets) ** 2) / np.mean(targets**2)))

    wrong = _exponent_error(problem, exponents)
    return {
        "problem": name,
        "method": method,
        "seed": seed,
        "seconds": taken,
        "starts": starts,
        "validation_error": error(data.validation_inputs, data.validation_targets),
        "test_error": error(x, y),
        "exponent_error": wrong,
        "success": None if wrong is None else wrong <= RIGHT,
    }


def _exponent_error(problem: Problem, found: np.ndarray) -> float | None:
    if not problem.exponents:
        return None
    true = np.array(problem.exponents)
    if true.shape != found.shape:
        return math.inf
    orders = itertools.permutations(range(len(true)))
    return min(float(np.abs(found[list(order)] - true).max()) for order in orders)


def compare(
    problems: Sequence[str],
    methods: Sequence[str],
    seeds: int,
    seconds: float,
    workdir: str | Path,
) -> list[dict[str, Any]]:
    """Runs every method on every problem with seeds 0 .. seeds - 1: a row for each run.

    Writes runs.csv, table.md and errors.png to the workdir after each problem.

    Raises:
      ValueError: a name that is unknown or given twice, no name, no seeds or no time, or a workdir
        of other seconds.
    """
    for label, values, known in (("problems", problems, PROBLEMS), ("methods", methods, METHODS)):
        checks.each_once(label, values, known)
    _checks.integer("seeds", seeds)
    _checks.positive("fit_seconds", seconds)
    table = results.Workdir(workdir)
    table.claim({"seconds": seconds, "rows": ROWS, "target": TARGET}, resume=True)
    rows, warm = [], False
    with tqdm(total=len(problems) * len(methods) * seeds, desc="fits", disable=None) as bar:
        for problem in problems:
            for method, seed in itertools.product(methods, range(seeds)):
                file = f"{problem}-{method}-seed{seed}.json"
                bar.set_postfix_str(file.removesuffix(".json"))
                if not (table.path / file).exists():
                    if not warm:  # TensorFlow's first use costs seconds, whoever makes it
                        run("monomial", "lbfgs", 0, seconds)
                        warm = True
                    table.write(file, run(problem, method, seed, seconds))
                rows.append(table.read(file))
                bar.update()
            table.write_text("runs.csv", results.to_csv(rows, COLUMNS))
            table.write_text("table.md", f"{to_markdown(rows)}\n{verdicts(rows)}")
            _draw(table, rows)
    return rows


def to_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each problem and method: successes, and medians over the seeds."""
    lines = [
        "| problem | method | exponents right | test error | exponents' error | starts | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for (problem, method), runs in _groups(rows).items():
        law = runs[0]["success"] is not None
        cells = [
            problem,
            method,
            f"{sum(row['success'] for row in runs)} / {len(runs)}" if law else "–",
            f"{_median(runs, 'test_error'):.1e}",
            f"{_median(runs, 'exponent_error'):.1e}" if law else "–",
            f"{_median(runs, 'starts'):.0f}",
            f"{_median(runs, 'seconds'):.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def verdicts(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each problem: who wins. Most successes, then, of those with as many, the least
    median of seconds; where there is no law to find, the least median of the test errors."""
    lines = []
    for problem in dict.fromkeys(row["problem"] for row in rows):
        groups = {m: runs for (p, m), runs in _groups(rows).items() if p == problem}
        if next(iter(groups.values()))[0]["success"] is None:
            order = sorted(groups, key=lambda m: _median(groups[m], "test_error"))
            told = [f"{m} {_median(groups[m], 'test_error'):.1e}" for m in order]
            lines.append(f"{problem}: least test error, median: {', '.join(told)}")
            continue
        count = {m: sum(row["success"] for row in runs) for m, runs in groups.items()}
        order = sorted(groups, key=lambda m: (-count[m], _median(groups[m], "seconds")))
        told = [
            f"{m} {count[m]}/{len(groups[m])} in {_median(groups[m], 'seconds'):.1f} s"
            for m in order
        ]
        best = "nobody finds the law" if not count[order[0]] else "most often, then soonest"
        lines.append(f"{problem}: {best}: {', '.join(told)}")
    return "\n".join(f"- {line}" for line in lines) + "\n"


def _groups(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["problem"], row["method"]), []).append(row)
    return groups


def _median(runs: Sequence[Mapping[str, Any]], key: str) -> float:
    return statistics.median(row[key] for row in runs)


def _draw(table: results.Workdir, rows: Sequence[Mapping[str, Any]]) -> None:
    """The test error of each run: a panel for each problem, hollow where an exponent is wrong."""
    problems = list(dict.fromkeys(row["problem"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figure, axes = results.new_figure(
        1, len(problems), figsize=(2.6 * len(problems) + 1.5, 3.4), squeeze=False
    )
    for axis, problem in zip(axes[0], problems, strict=True):
        for i, method in enumerate(methods):
            runs = [r for r in rows if (r["problem"], r["method"]) == (problem, method)]
            for j, row in enumerate(runs):
                axis.plot(
                    max(row["test_error"], 1e-16),
                    i + 0.5 * (j / max(1, len(runs) - 1) - 0.5),
                    "o",
                    color=f"C{i}",
                    fillstyle="none" if row["success"] is False else "full",
                    markersize=5,
                )
        errors = [max(row["test_error"], 1e-16) for row in rows if row["problem"] == problem]
        low, high = math.floor(math.log10(min(errors))), math.ceil(math.log10(max(errors)))
        limits = 0.5 * 10.0**low, 2 * 10.0**high
        axis.set(xscale="log", xlim=limits, xlabel="test error", title=problem)
        axis.tick_params(axis="x", which="minor", labelbottom=False)
        axis.set_yticks(range(len(methods)), methods if axis is axes[0, 0] else [])
        axis.invert_yaxis()
    figure.suptitle("Error of each fit; hollow: an exponent is wrong by more than 0.001")
    table.save_figure(figure, "errors.png")


_PROBLEMS = flags.DEFINE_list(
    "problems", list(PROBLEMS), f"Which of {', '.join(PROBLEMS)}, separated by commas."
)
_METHODS = flags.DEFINE_list(
    "methods", list(METHODS), f"Which of {', '.join(METHODS)}, separated by commas."
)
_SECONDS = flags.DEFINE_float(
    "fit_seconds", 2.0, "Seconds of CPU time for each fit; > 0.", lower_bound=0
)
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 5, "Seeds for each problem and method: 0, 1, ...", lower_bound=1
)
flags.declare_key_flag("workdir")


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / "cooking")
    rows = compare(_PROBLEMS.value, _METHODS.value, _REPETITIONS.value, _SECONDS.value, workdir)
    print(to_markdown(rows), end="")
    for name in dict.fromkeys(row["problem"] for row in rows):
        print(f"{name}: y = {PROBLEMS[name].formula}")
    print("medians over the seeds; errors relative to rms(y), on rows without noise; CPU seconds")
    print(verdicts(rows), end="")
    print(f"written to {workdir}/: runs.csv, table.md, errors.png, and a file for each run")


if __name__ == "__main__":
    app.run(main)
