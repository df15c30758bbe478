"""Accuracy by the errors of the device, and what a test says of trainings with errors."""

import pandas as pd

from training.experiments import Report
from training.report.statistics import verdicts
from training.report.tables import TRAININGS, percent, summary
from weirdonetworks.commands.figures import new_figure

BASELINE = ("without", 0.0)
_COLORS = {"without": "C3", "anew": "C0", "device": "C2"}


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy`, where a network was trained, `devices`, on others by their errors, and
    `verdicts` of the latter; the picture `errors`.

    A value is the mean over the devices of a seed: means, spreads and tests are of seeds.
    """
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    cell = ["dataset", "training", "noise"]
    tables = {"accuracy": summary(done, cell, TRAININGS)}
    if "devices" not in results:
        return Report(tables)
    keys = [*cell, "tested", "seed"]
    means = results["devices"].groupby(keys, sort=False, as_index=False)["test_accuracy"].mean()
    tables["devices"] = _by_errors(means, cell)
    strong = means[means["tested"] > 0]
    told = verdicts(
        strong,
        dict(zip(("training", "noise"), BASELINE, strict=True)),
        by=["dataset", "tested"],
        together=["dataset"],
    )
    tables["verdicts"] = told
    return Report(tables, {"errors": _draw(means)})


def _by_errors(means: pd.DataFrame, cell: list[str]) -> pd.DataFrame:
    """A line for each training, a column for each standard deviation of a device's errors."""
    columns = {
        f"{tested:g}": (None, lambda part, tested=tested: _told(part, tested))
        for tested in means["tested"].unique()
    }
    return summary(means, cell, columns)


def _told(part: pd.DataFrame, tested: float) -> str:
    return percent(part.loc[part["tested"] == tested, "test_accuracy"])


def _draw(means: pd.DataFrame):
    """A panel for each data set: accuracy against the errors of the device, a line a training."""
    panels = list(means.groupby("dataset", sort=False))
    figure, axes = new_figure(1, len(panels), figsize=(5 * len(panels), 3.4), squeeze=False)
    for axis, (dataset, part) in zip(axes[0], panels, strict=True):
        for (training, noise), own in part.groupby(["training", "noise"], sort=False):
            told = 100 * own.groupby("tested")["test_accuracy"].agg(["mean", "std"])
            axis.errorbar(
                told.index, told["mean"], yerr=told["std"], capsize=2, marker="o",
                color=_COLORS[training], alpha=1 - 4 * max(0.1 - noise, 0) * (noise > 0),
                label=f"{training}, {noise:g}" if noise else training,
            )  # fmt: skip
        axis.set(
            title=dataset, xlabel="standard deviation of the phase errors of a device",
            ylabel="test accuracy in %",
        )  # fmt: skip
        axis.set_xscale("symlog", linthresh=0.01)
        axis.legend(title="trained with errors")
    return figure
