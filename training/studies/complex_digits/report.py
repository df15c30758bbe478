"""Accuracy by phase, lines and network, and what a test says of it."""

import pandas as pd

from training.experiments import Report
from training.report.statistics import verdicts
from training.report.tables import TRAININGS, summary
from weirdonetworks.commands.figures import new_figure

BASELINE = "real"
_COLORS = {"real": "C3", "complex": "C0", "moduli": "C2"}


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy` and `verdicts`, of test accuracy, and the picture `phases`."""
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    keys = ["dataset", "phase", "step"]
    tables = {
        "accuracy": summary(done, [*keys, "kind"], TRAININGS),
        "verdicts": verdicts(done, {"kind": BASELINE}, by=keys, together=["dataset"]),
    }
    return Report(tables, {} if done.empty else {"phases": _draw(done)})


def _draw(done: pd.DataFrame):
    """A panel for each data set and phase: accuracy by the share of lines, a line a network."""
    panels = list(done.groupby(["dataset", "phase"], sort=False))
    figure, axes = new_figure(1, len(panels), figsize=(3.4 * len(panels), 3), squeeze=False)
    low = 100 * done["test_accuracy"].min() - 2
    for axis, ((dataset, phase), part) in zip(axes[0], panels, strict=True):
        for kind, runs in part.groupby("kind", sort=False):
            by_step = 100 * runs.groupby("step")["test_accuracy"].agg(["mean", "std"])
            axis.errorbar(
                by_step.index, by_step["mean"], yerr=by_step["std"], capsize=2, marker="o",
                color=_COLORS[kind], label=kind,
            )  # fmt: skip
        axis.set(
            title=f"{dataset}, phase: {phase}", xticks=sorted(part["step"].unique()),
            xlabel="every how manyth line", ylim=(low, 100),
        )  # fmt: skip
    axes[0, 0].set_ylabel("test accuracy in %")
    axes[0, 0].legend()
    return figure
