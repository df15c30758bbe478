"""How often, how exactly and how soon each method finds each law."""

import math
from collections.abc import Mapping

import pandas as pd

from training.experiments import Report
from training.report.tables import summary
from training.studies.cooking.problems import PROBLEMS
from weirdonetworks.commands.figures import new_figure


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """Tables `found`, `fits`, `ranking` and `problems`; the figure `errors`."""
    runs = results["runs"]
    tables = {
        "found": found(runs),
        "ranking": ranking(runs),
        "fits": fits(runs),
        "problems": pd.DataFrame(
            [{"problem": name, "y": PROBLEMS[name].formula} for name in runs["problem"].unique()]
        ),
    }
    return Report(tables, {"errors": draw(runs)})


def _share(success: pd.Series) -> str:
    """Of the fits that look for a law."""
    return f"{success.astype(bool).sum()} of {len(success)}" if len(success) else ""


def _median(digits: str):
    return lambda values: f"{values.median():{digits}}" if len(values) else ""


def found(runs: pd.DataFrame) -> pd.DataFrame:
    """In how many fits all exponents are right: a row for each law, a column for each method."""
    counts = summary(runs, ["problem", "method"], {"found": ("success", _share)})
    counts = counts[counts["found"] != ""]
    table = counts.pivot(index="problem", columns="method", values="found")
    table = table.loc[counts["problem"].unique(), counts["method"].unique()]
    return table.reset_index().rename_axis(columns=None)


def fits(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each problem and method: successes, and medians over the seeds."""
    columns = {
        "exponents right": ("success", _share),
        "test error": ("test_error", _median(".1e")),
        "exponents' error": ("exponent_error", _median(".1e")),
        "starts": ("starts", _median(".0f")),
        "CPU s": ("seconds", _median(".1f")),
    }
    return summary(runs, ["problem", "method"], columns)


def ranking(runs: pd.DataFrame) -> pd.DataFrame:
    """The methods by place: most successes, then, of those with as many, the least seconds.

    Both and errors are medians. Where nobody finds the law, or there is none to find, the least
    test error wins.
    """
    rows = []
    for problem, group in runs.groupby("problem", sort=False):
        success = group["success"].dropna().astype(bool)
        lawful = bool(success.any())
        order = []
        for method, own in group.groupby("method", sort=False):
            count = int(own["success"].dropna().astype(bool).sum())
            seconds, error = own["seconds"].median(), own["test_error"].median()
            key = (-count, seconds) if lawful else (error, 0.0)
            told = _share(own["success"].dropna())
            order.append((key, method, told, f"{seconds:.1f}", f"{error:.1e}"))
        order.sort(key=lambda entry: entry[0])
        for place, (_, method, told, seconds, error) in enumerate(order, 1):
            by = "most often, then soonest" if lawful else "least test error"
            row = {"problem": problem, "by": by, "place": place, "method": method}
            rows.append({**row, "found": told, "CPU s": seconds, "test error": error})
    return pd.DataFrame(rows)


def draw(runs: pd.DataFrame):
    """The test error of each run: a panel for each problem, hollow where an exponent is wrong."""
    problems, methods = list(runs["problem"].unique()), list(runs["method"].unique())
    figure, axes = new_figure(
        1, len(problems), figsize=(2.6 * len(problems) + 1.5, 3.4), squeeze=False
    )
    for axis, problem in zip(axes[0], problems, strict=True):
        here = runs[runs["problem"] == problem]
        for i, method in enumerate(methods):
            own = here[here["method"] == method].to_dict("records")
            for j, row in enumerate(own):
                axis.plot(
                    max(row["test_error"], 1e-16),
                    i + 0.5 * (j / max(1, len(own) - 1) - 0.5),
                    "o",
                    color=f"C{i}",
                    fillstyle="none" if row["success"] in (False, 0) else "full",
                    markersize=5,
                )
        errors = here["test_error"].clip(lower=1e-16)
        low, high = math.floor(math.log10(errors.min())), math.ceil(math.log10(errors.max()))
        limits = 0.5 * 10.0**low, 2 * 10.0**high
        axis.set(xscale="log", xlim=limits, xlabel="test error", title=problem)
        axis.tick_params(axis="x", which="minor", labelbottom=False)
        axis.set_yticks(range(len(methods)), methods if axis is axes[0, 0] else [])
        axis.invert_yaxis()
    figure.suptitle("Error of each fit; hollow: an exponent is wrong by more than 0.001")
    return figure
