"""What each help is worth, and what a test says of it."""

import numpy as np
import pandas as pd

from training.experiments import Report
from training.report.figures import dots
from training.report.statistics import verdicts
from training.report.tables import percent, summary
from weirdonetworks.commands.figures import new_figure

BASELINE = "muon"  # to which each other help adds; chosen before any result was seen


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy` and `verdicts`, of test accuracy, and the picture `helps`.

    accuracy: a line for each data set, network and help; verdicts: Welch's test against Muon alone.
    """
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    columns = {
        "numbers": ("numbers", lambda values: f"{values.iloc[0]:,.0f}"),
        "not 0": ("nonzero", lambda values: f"{values.mean():,.0f}"),
        "with places": ("addressed", lambda values: f"{values.mean():,.0f}"),
        "kilobits": ("bits", lambda values: f"{values.iloc[0] / 1000:,.1f}"),
        "rate": ("learning_rate", lambda values: f"{values.iloc[0]:g}"),
        "seeds": ("seed", len),
        "test accuracy %": ("test_accuracy", percent),
        "seconds": ("seconds", lambda values: f"{values.mean():.0f}"),
    }
    keys = ["dataset", "network"]
    tables = {
        "accuracy": summary(done, [*keys, "help"], columns),
        "verdicts": verdicts(done, {"help": BASELINE}, by=keys),
    }
    return Report(tables, {} if done.empty else {"helps": _draw(done)})


def _draw(done: pd.DataFrame):
    """A panel for each data set and network, a line for each help."""
    panels = list(done.groupby(["dataset", "network"], sort=False))
    figure, axes = new_figure(1, len(panels), figsize=(4.2 * len(panels), 2.8), squeeze=False)
    for axis, ((dataset, network), part) in zip(axes[0], panels, strict=True):
        groups = {
            name: 100 * np.asarray(group["test_accuracy"])
            for name, group in part.groupby("help", sort=False)
        }
        dots(axis, groups, {BASELINE: "C3"})
        axis.set(title=f"{dataset}, {network}", xlabel="test accuracy in %")
    return figure
