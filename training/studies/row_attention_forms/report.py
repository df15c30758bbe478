"""Accuracy by form of attention, and what a test says of it."""

import pandas as pd

from training.experiments import Report
from training.report.figures import accuracy_dots
from training.report.statistics import verdicts
from training.report.tables import TRAININGS, summary

BASELINE = "softmax"


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy` and `verdicts`, of test accuracy, and the picture `forms`."""
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    tables = {
        "accuracy": summary(done, ["dataset", "form"], TRAININGS),
        "verdicts": verdicts(done, {"form": BASELINE}, by=["dataset"]),
    }
    figures = {}
    if len(done):
        figures["forms"] = accuracy_dots(done, ["dataset"], "form", BASELINE, (4.2, 2.4))
    return Report(tables, figures)
