"""What each help is worth, and what a test says of it."""

import pandas as pd

from training.experiments import Report
from training.report.figures import accuracy_dots
from training.report.statistics import verdicts
from training.report.tables import percent, summary

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
    figures = {}
    if len(done):
        figures["helps"] = accuracy_dots(done, keys, "help", BASELINE, (4.2, 2.8))
    return Report(tables, figures)
