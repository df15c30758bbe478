"""What each step does to accuracy and invariance: tables, and accuracy by angle."""

import functools

import pandas as pd

from training.experiments import Report
from training.report.statistics import verdicts
from training.report.tables import mean_and_spread, percent, summary
from weirdonetworks.commands.figures import new_figure

_COLUMNS = {
    "upright %": ("test_accuracy", percent),
    "turned %": ("rotated_accuracy", percent),
    "worst %": ("worst_rotated_accuracy", percent),
    "variance": ("variance", functools.partial(mean_and_spread, digits=4)),
    "difference": ("difference", functools.partial(mean_and_spread, digits=3)),
    "seconds": ("seconds", lambda seconds: f"{seconds.mean():.0f}"),
    "diverged": ("status", lambda status: (status != "done").sum() or ""),
}


def report(results: dict[str, pd.DataFrame]) -> Report:
    """The tables `steps`, means ± sample standard deviations over the seeds, and `verdicts`, what
    Welch's test says of each variant against `plain`; the picture `rotations`."""
    runs, place = results["runs"], ["dataset", "network"]
    told = [
        verdicts(runs, {"variant": "plain"}, _COLUMNS[title][0], by=place).assign(of=title)
        for title in ("upright %", "turned %")
    ]
    diverged = (runs["status"] != "done").any()
    columns = {key: of for key, of in _COLUMNS.items() if diverged or key != "diverged"}
    tables = {
        "steps": summary(runs, [*place, "variant"], columns),
        "verdicts": pd.concat(told, ignore_index=True).pipe(
            lambda table: table[["of", *table.columns.drop("of")]]
        ),
    }
    return Report(tables, {"rotations": _draw(results["angles"])})


def _draw(angles: pd.DataFrame):
    """Accuracy against angle: a panel for each network, a line for each variant."""
    panels = list(angles.groupby(["dataset", "network"], sort=False))
    figure, axes = new_figure(1, len(panels), figsize=(6 * len(panels) + 2, 3.8), squeeze=False)
    for axis, ((dataset, network), panel) in zip(axes[0], panels, strict=True):
        for variant, line in panel.groupby("variant", sort=False):
            of = 100 * line.groupby("degrees")["accuracy"].agg(["mean", "min", "max"])
            axis.plot(of.index, of["mean"], "o-", markersize=3, label=variant)
            axis.fill_between(of.index, of["min"], of["max"], alpha=0.3)
        axis.set(xlabel="rotation of the test images in degrees", ylim=(0, 101))
        axis.set(title=f"{network}, {dataset}")
    axes[0, 0].set(ylabel="accuracy in %")
    longest = max(axes[0], key=lambda axis: len(axis.lines))
    figure.legend(*longest.get_legend_handles_labels(), loc="outside right upper")
    figure.suptitle("Trained by different steps, tested at 24 angles: mean, best and worst seed")
    return figure
