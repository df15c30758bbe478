"""How often the copy is found, by canvases seen in training, and by numbers."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from training.experiments import Report
from training.report.statistics import verdicts
from training.report.tables import percent, summary
from training.studies.find_copy.__main__ import EQUAL
from weirdonetworks.commands.figures import new_figure

TASK = ["dataset", "distractors"]
MARKS = (60, 70, 80, 90)  # of success, in %


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """Tables `found`, `reached`, `details`, `verdicts` and the figure `found`.

    found: success on the test canvases, mean ± sample standard deviation over seeds, in %: a line
      for each task and network, a column for each number of training canvases.
    reached: the fewest training canvases, of those tried, with which the mean success is so high.
    details: the rate, and success on what was trained on and on validation canvases.
    verdicts: what Welch's test says of each network against attention.
    """
    runs = results["runs"]
    done = runs[runs["status"] == "done"].sort_values(TASK, kind="stable")
    columns = {
        "learning rate": ("learning_rate", lambda values: f"{values.iloc[0]:.3g}"),
        "best step": ("best_step", lambda values: f"{values.mean():.0f}"),
        "trained on %": ("train_accuracy", percent),
        "validation %": ("validation_accuracy", percent),
        "test %": ("test_accuracy", percent),
    }
    tables = {
        "found": found(done),
        "reached": reached(done),
        "details": summary(done, [*TASK, "canvases", "network"], columns),
        "verdicts": verdicts(done, {"network": "attention"}, by=[*TASK, "canvases"]),
    }
    return Report(tables, {"found": _draw(done)})


def found(done: pd.DataFrame) -> pd.DataFrame:
    """A line for each task and network: chance, numbers, success by training canvases."""
    sizes, rows = sorted(done["canvases"].unique()), []
    for key, own in done.groupby([*TASK, "network"], sort=False):
        row = dict(zip([*TASK, "network"], key, strict=True))
        row |= {"numbers": f"{own['parameters'].iloc[0]:,.0f}"}
        row["chance %"] = f"{100 / (1 + row['distractors']):.0f}"
        for size in sizes:
            values = own.loc[own["canvases"] == size, "test_accuracy"]
            row[f"{size:,} canvases"] = percent(values, 1) if len(values) else ""
        rows.append(row)
    return pd.DataFrame(rows)


def reached(done: pd.DataFrame) -> pd.DataFrame:
    """A line for each task and network, a column for each mark."""
    means = done.groupby([*TASK, "network", "canvases"], sort=False)["test_accuracy"].mean()
    rows = []
    for key, own in means.reset_index().groupby([*TASK, "network"], sort=False):
        row = dict(zip([*TASK, "network"], key, strict=True))
        for mark in MARKS:
            fewest = own.loc[100 * own["test_accuracy"] >= mark, "canvases"].min()
            row[f"{mark} %"] = "" if pd.isna(fewest) else f"{fewest:,.0f}"
        rows.append(row)
    return pd.DataFrame(rows)


def _draw(done: pd.DataFrame) -> Figure:
    """Success by training canvases, with all seeds; others than those of equal numbers hollow."""
    tasks = list(done.groupby(TASK, sort=False))
    figure, axes = new_figure(1, len(tasks), figsize=(5 * len(tasks), 4), squeeze=False)
    for axis, ((dataset, distractors), part) in zip(axes[0], tasks, strict=True):
        for i, (network, own) in enumerate(part.groupby("network", sort=False)):
            means = 100 * own.groupby("canvases")["test_accuracy"].mean()
            look = {"color": f"C{i % 3}", "label": network}
            if network in EQUAL:
                axis.plot(means.index, means, "o-", markersize=4, **look)
                axis.plot(own["canvases"], 100 * own["test_accuracy"], ".", color=look["color"])
            else:
                axis.plot(means.index, means, "^", markerfacecolor="none", **look)
        chance = 100 / (1 + distractors)
        axis.axhline(chance, color="gray", linewidth=0.8, linestyle=":", label="chance")
        axis.set(xscale="log", xlabel="training canvases", ylabel="copies found in %")
        axis.set(title=f"{dataset}, {distractors} other digit{'s' * (distractors > 1)}")
    axes[0, 0].legend(fontsize=8)
    return figure
