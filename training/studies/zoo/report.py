"""The tables of the zoo, one for each data set, and its picture."""

import pandas as pd

from training.experiments import Report
from training.report.tables import percent, summary
from weirdonetworks.commands.figures import new_figure

COLUMNS = {
    "parameters": ("parameters", lambda values: f"{values.iloc[0]:,.0f}"),
    "seeds": ("seed", lambda values: ", ".join(map(str, values))),
    "test accuracy %": ("test_accuracy", percent),
    "turned %": ("rotated_accuracy", percent),
    "seconds": ("seconds", lambda values: f"{values.mean():.0f}"),
}
ERROR = {"test error %": ("test_accuracy", lambda values: percent(1 - values))}


def report(results: dict[str, pd.DataFrame]) -> Report:
    """A table for each data set, by its name: mean ± sample standard deviation over the seeds.

    That of the rotated digits has their errors, too, beside which the literature stands; the
    picture `rotations` shows the accuracy at each angle. Runs that diverged are left out.
    """
    tables: dict[str, pd.DataFrame] = {}
    runs = results.get("runs", pd.DataFrame({"dataset": [], "status": []}))
    for dataset, part in runs[runs["status"] == "done"].groupby("dataset", sort=False):
        columns = COLUMNS | ERROR if dataset == "mnist_rot" else COLUMNS
        tables[dataset] = summary(part, ["network"], columns)
    figures = {"rotations": _rotations(results["angles"])} if "angles" in results else {}
    return Report(tables, figures)


def _rotations(angles: pd.DataFrame):
    """A panel for each data set, a line for each network, a band from worst to best seed."""
    names = list(angles["dataset"].unique())
    figure, axes = new_figure(1, len(names), figsize=(2.5 + 5 * len(names), 3.8), squeeze=False)
    networks = list(angles["network"].unique())
    for axis, dataset in zip(axes[0], names, strict=True):
        for (network,), part in angles[angles["dataset"] == dataset].groupby(
            ["network"], sort=False
        ):
            percents = 100 * part.groupby("degrees")["accuracy"].agg(["mean", "min", "max"])
            number = networks.index(network)
            color, style = f"C{number}", "o-" if number < 10 else "s--"  # there are ten colours
            axis.plot(percents["mean"], style, markersize=3, label=network, color=color)
            axis.fill_between(
                percents.index, percents["min"], percents["max"], alpha=0.3, color=color
            )
        axis.set(
            xlabel="rotation of the test images in degrees",
            ylabel="accuracy in %",
            ylim=(0, 101),
            title=f"Trained on {dataset}, tested at 24 angles",
        )
    lines = {line.get_label(): line for axis in axes[0] for line in axis.get_lines()}
    figure.legend(lines.values(), lines.keys(), loc="outside right upper")
    return figure
