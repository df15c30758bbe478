"""Accuracies of networks drawn anew, by size."""

import pandas as pd

from training.experiments import Report
from training.report.statistics import verdicts
from training.report.tables import percent, summary
from weirdonetworks.commands.figures import new_figure


def report(results: dict[str, pd.DataFrame]) -> Report:
    """The tables `accuracy` and `verdicts`, of test accuracies in % (mean ± sample standard
    deviation over the trained networks, each the mean of its draws), and the picture `sizes`."""
    keys = ["dataset", "size", "drawn", "seed"]
    means = results["samples"].groupby(keys, sort=False)["test_accuracy"].mean().reset_index()
    cells = summary(means, ["dataset", "drawn", "size"], {"cell": ("test_accuracy", percent)})
    order = pd.MultiIndex.from_frame(cells[["dataset", "drawn"]].drop_duplicates())
    table = cells.pivot(index=["dataset", "drawn"], columns="size", values="cell").reindex(order)
    table.columns = [str(size) for size in table.columns]
    tables = {
        "accuracy": table.reset_index(),
        "verdicts": verdicts(means, {"drawn": "aligned"}, by=["dataset", "size"]),
    }
    return Report(tables, {"sizes": _draw(means)})


def _draw(means: pd.DataFrame):
    """A panel for each data set: test accuracy by size, a line for each kind."""
    panels = list(means.groupby("dataset", sort=False))
    figure, axes = new_figure(1, len(panels), figsize=(4.8 * len(panels), 3.4), squeeze=False)
    for axis, (dataset, part) in zip(axes[0], panels, strict=True):
        for number, (kind, rows) in enumerate(part.groupby("drawn", sort=False)):
            line = 100 * rows.groupby("size")["test_accuracy"].mean()
            axis.plot(line.index, line, "-", color=f"C{number}", label=kind)
            points = 100 * rows["test_accuracy"]
            axis.plot(rows["size"], points, "o", color=f"C{number}", markersize=3)
        sizes = sorted(part["size"].unique())
        axis.set(title=dataset, xlabel="size", xscale="log", ylabel="test accuracy in %")
        axis.set_xticks(sizes, sizes)
        axis.xaxis.minorticks_off()
        axis.legend(fontsize=8)
    return figure
