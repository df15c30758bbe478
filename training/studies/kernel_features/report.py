"""Accuracies and errors of the kernel by the number of features."""

import pandas as pd

from training.experiments import Report
from training.report.statistics import verdicts
from training.report.tables import mean_and_spread, percent, summary
from weirdonetworks.commands.figures import new_figure


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy` (a line for each method and number), `verdicts` (against normal ones); the
    picture `features`."""
    runs = results["runs"]
    columns = {
        "seeds": ("seed", len),
        "test accuracy %": ("test_accuracy", percent),
        "error of the kernel": ("kernel_error", lambda values: mean_and_spread(values, 3)),
        "gamma": ("gamma", _modes),
        "ridge": ("ridge", _modes),
    }
    place = ["dataset", "features"]
    tables = {
        "accuracy": summary(runs, [*place, "method"], columns),
        "verdicts": verdicts(runs, {"method": "normal"}, by=place),
    }
    return Report(tables, {"features": _draw(runs)})


def _modes(values: pd.Series) -> str:
    """What was chosen, the most frequent first."""
    return ", ".join(f"{value:g}" for value in values.value_counts().index)


def _draw(runs: pd.DataFrame):
    """Test error and error of the kernel by number, a line for each method."""
    datasets = list(runs["dataset"].unique())
    figure, axes = new_figure(len(datasets), 2, figsize=(10, 4 * len(datasets)), squeeze=False)
    for line, dataset in zip(axes, datasets, strict=True):
        for method, part in runs[runs["dataset"] == dataset].groupby("method", sort=False):
            for axis, values in zip(
                line, (100 * (1 - part["test_accuracy"]), part["kernel_error"]), strict=True
            ):
                means = values.groupby(part["features"]).mean()
                axis.plot(means.index, means, "o-", markersize=4, label=method)
        line[0].set(title=dataset, ylabel="test error in %")
        line[1].set(title=dataset, ylabel="|Z Z^T - K| / |K|")
        for axis in line:
            axis.set(xlabel="features", xscale="log", yscale="log")
            axis.legend(fontsize=8)
    return figure
