"""The table of small networks, and where it stands beside what others have reported."""

import math
from pathlib import Path

import pandas as pd
from scipy import stats

from training.experiments import Report
from training.report.tables import percent, read_csv, summary
from weirdonetworks.commands.figures import new_figure

MARKS = (97.0, 98.0, 98.5, 99.0, 99.3)  # test accuracy in %
ANCHORS = Path(__file__).with_name("anchors.csv")
_COLORS = {"P": "C0", "D": "C1", "W": "C2", "S": "C3", "convolution": "0.4"}


def lower_limit(shares, confidence: float = 0.95) -> float:
    """The lower end of Student's two-sided interval of the mean; -inf of one value."""
    values = pd.Series(list(shares), dtype=float)
    if len(values) < 2:
        return -math.inf
    quantile = stats.t.ppf((1 + confidence) / 2, len(values) - 1)
    return float(values.mean() - quantile * values.std(ddof=1) / math.sqrt(len(values)))


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `frontier` (a line for each row) and `reached`; the picture `frontier`.

    frontier: test accuracy, mean ± sample standard deviation, and the lower 95 % limit of the mean;
    of networks that hold the rotations, the mean over all angles as well.
    reached: of each class, the fewest numbers whose lower limit is at or above each of `MARKS`.
    Runs that diverged are left out.
    """
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    if "rotated_accuracy" not in done:
        done = done.assign(rotated_accuracy=float("nan"))
    columns = {
        "network": ("network", lambda values: values.iloc[0]),
        "numbers": ("numbers", lambda values: f"{values.iloc[0]:,.0f}"),
        "fixed": ("fixed", lambda values: f"{values.iloc[0]:,.0f}"),
        "seeds": ("seed", len),
        "test accuracy %": ("test_accuracy", percent),
        "turned %": ("rotated_accuracy", lambda values: percent(values) if len(values) else ""),
        "lower limit": ("test_accuracy", lambda values: f"{100 * lower_limit(values):.2f}"),
        "each": ("test_accuracy", lambda values: ", ".join(f"{100 * v:.2f}" for v in values)),
        "searched": ("searched", lambda values: percent(values[:1])),
        "epochs": ("epochs", lambda values: f"{values.iloc[0]:.0f}"),
        "seconds": ("seconds", lambda values: f"{values.mean():.0f}"),
    }
    tables = {"frontier": summary(done, ["dataset", "row"], columns), "reached": reached(done)}
    return Report(tables, {} if done.empty else {"frontier": _draw(done)})


def reached(done: pd.DataFrame) -> pd.DataFrame:
    """A line for each data set and class that reaches a mark, a column for each mark."""
    limits = done.groupby(["dataset", "kind", "row"], sort=False).agg(
        numbers=("numbers", "first"), limit=("test_accuracy", lower_limit)
    )
    lines = []
    for (dataset, kind), part in limits.groupby(["dataset", "kind"], sort=False):
        line = {"dataset": dataset, "class": kind}
        for mark in MARKS:
            fewest = part.loc[100 * part["limit"] >= mark, "numbers"].min()
            line[f"{mark:g} %"] = "" if math.isnan(fewest) else f"{fewest:,.0f}"
        if any(line[f"{mark:g} %"] for mark in MARKS):
            lines.append(line)
    return pd.DataFrame(lines)


def _draw(done: pd.DataFrame):
    """A panel for each data set: error against numbers; bars are the 95 % interval of the mean."""
    datasets = list(done["dataset"].unique())
    figure, axes = new_figure(1, len(datasets), figsize=(7 * len(datasets), 4.6), squeeze=False)
    for axis, dataset in zip(axes[0], datasets, strict=True):
        for kind, part in done[done["dataset"] == dataset].groupby("kind", sort=False):
            groups = part.groupby("numbers")["test_accuracy"]
            means, low = groups.mean(), groups.apply(lower_limit)
            axis.errorbar(
                means.index, 100 * (1 - means), yerr=100 * (means - low), capsize=2,
                marker="o", linestyle="-" if "+" in kind else "--",
                color=_COLORS[kind.rstrip("+")], label=f"{kind}, ours",
            )  # fmt: skip
        _draw_anchors(axis, dataset)
        axis.set(
            xscale="log", yscale="log", xlabel="trained numbers", ylabel="test error in %",
            title=dataset,
        )  # fmt: skip
        axis.legend(fontsize="small")
    return figure


def _draw_anchors(axis, dataset: str) -> None:
    anchors = read_csv(ANCHORS)
    for kind, part in anchors[anchors["dataset"] == dataset].groupby("class", sort=False):
        axis.plot(
            part["numbers"], 100 - part["accuracy"], "x", color=_COLORS[kind],
            label=f"{kind}, others",
        )  # fmt: skip
        for row in part.itertuples():
            axis.annotate(
                row.short, (row.numbers, 100 - row.accuracy), fontsize=6, xytext=(3, 3),
                textcoords="offset points",
            )  # fmt: skip
