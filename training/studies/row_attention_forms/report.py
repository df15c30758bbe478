"""Accuracy by form of attention, and what a test says of it."""

import numpy as np
import pandas as pd

from training.experiments import Report
from training.report.figures import dots
from training.report.statistics import verdicts
from training.report.tables import percent, summary
from weirdonetworks.commands.figures import new_figure

BASELINE = "softmax"


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy` and `verdicts`, of test accuracy, and the picture `forms`."""
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    columns = {
        "numbers": ("numbers", lambda values: f"{values.iloc[0]:,.0f}"),
        "rate": ("learning_rate", lambda values: f"{values.iloc[0]:g}"),
        "seeds": ("seed", len),
        "test accuracy %": ("test_accuracy", percent),
        "seconds": ("seconds", lambda values: f"{values.mean():.0f}"),
    }
    tables = {
        "accuracy": summary(done, ["dataset", "form"], columns),
        "verdicts": verdicts(done, {"form": BASELINE}, by=["dataset"]),
    }
    return Report(tables, {} if done.empty else {"forms": _draw(done)})


def _draw(done: pd.DataFrame):
    """A panel for each data set, a line for each form."""
    panels = list(done.groupby("dataset", sort=False))
    figure, axes = new_figure(1, len(panels), figsize=(4.2 * len(panels), 2.4), squeeze=False)
    for axis, (dataset, part) in zip(axes[0], panels, strict=True):
        groups = {
            name: 100 * np.asarray(group["test_accuracy"])
            for name, group in part.groupby("form", sort=False)
        }
        dots(axis, groups, {BASELINE: "C3"})
        axis.set(title=dataset, xlabel="test accuracy in %")
    return figure
