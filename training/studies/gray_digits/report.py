"""Accuracy by bits and code, and what a test says of it."""

import pandas as pd

from training.experiments import Report
from training.report.statistics import verdicts
from training.report.tables import TRAININGS, summary
from training.studies.gray_digits.__main__ import ALL, GREY
from weirdonetworks.commands.figures import new_figure


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy` and `verdicts`, of test accuracy, `codes`, Gray's against binary digits of
    as many bits, and the picture `bits`."""
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    columns = {"units": ("units", lambda values: f"{values.iloc[0]:.0f}"), **TRAININGS}
    tables = {
        "accuracy": summary(done, ["dataset", "bits", "code"], columns),
        "verdicts": verdicts(done, {"bits": ALL, "code": GREY}, by=["dataset"]),
    }
    codes = done[done["code"].isin(["gray", "binary"]) & (done["bits"] > 1)]
    if codes["code"].nunique() == 2:
        by = {"by": ["dataset", "bits"], "together": ["dataset"]}
        tables["codes"] = verdicts(codes, {"code": "binary"}, **by)
    return Report(tables, {} if done.empty else {"bits": _draw(done)})


def _draw(done: pd.DataFrame):
    """A panel for each data set: accuracy by bits, a line for each code."""
    panels = list(done.groupby("dataset", sort=False))
    figure, axes = new_figure(1, len(panels), figsize=(4.8 * len(panels), 3.2), squeeze=False)
    for axis, (dataset, part) in zip(axes[0], panels, strict=True):
        for code, line in part.groupby("code", sort=False):
            accuracy = 100 * line.groupby("bits")["test_accuracy"].agg(["mean", "std"])
            axis.errorbar(
                accuracy.index, accuracy["mean"], accuracy["std"].fillna(0), capsize=2,
                marker="o", label=code,
            )  # fmt: skip
        axis.set(title=dataset, xlabel="bits of a pixel", ylabel="test accuracy in %")
        axis.legend(fontsize=8)
    return figure
