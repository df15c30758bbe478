"""Accuracy by phase, lines and network, and what a test says of it."""

import pandas as pd

from training.experiments import Report
from training.report.statistics import verdicts
from training.report.tables import percent, summary
from training.studies.complex_digits.__main__ import KINDS
from weirdonetworks.commands.figures import new_figure

BASELINE = "real"
_COLORS = {"real": "C3", "complex": "C0", "moduli": "C2"}


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy` and `verdicts`, of test accuracy, and `validation`, of the seed that chose
    the rates; the picture `validation` of the latter."""
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    columns = {
        "numbers": ("numbers", lambda values: f"{values.iloc[0]:,.0f}"),
        "rate": ("learning_rate", lambda values: f"{values.iloc[0]:g}"),
        "seeds": ("seed", len),
        "test accuracy %": ("test_accuracy", percent),
        "seconds": ("seconds", lambda values: f"{values.mean():.0f}"),
    }
    keys = ["dataset", "phase", "step"]
    tables = {
        "accuracy": summary(done, [*keys, "kind"], columns),
        "verdicts": verdicts(done, {"kind": BASELINE}, by=keys, together=["dataset"]),
    }
    if "choices" not in results:
        return Report(tables)
    chosen = results["choices"].groupby([*keys, "kind"], sort=False, as_index=False)
    best = chosen["validation_accuracy"].max()
    tables["validation"] = summary(best, keys, {kind: (None, _of(kind)) for kind in KINDS})
    return Report(tables, {"validation": _draw(best)})


def _of(kind: str):
    return lambda part: percent(part.loc[part["kind"] == kind, "validation_accuracy"])


def _draw(best: pd.DataFrame):
    """A panel for each data set and phase: accuracy by the lines measured, a line a network."""
    panels = list(best.groupby(["dataset", "phase"], sort=False))
    figure, axes = new_figure(
        1, len(panels), figsize=(3.4 * len(panels), 3), squeeze=False, sharey=True
    )
    for axis, ((dataset, phase), part) in zip(axes[0], panels, strict=True):
        for kind, own in part.groupby("kind", sort=False):
            accuracy = 100 * own["validation_accuracy"]
            axis.plot(own["step"], accuracy, "o-", color=_COLORS[kind], label=kind)
        steps = sorted(part["step"].unique())
        axis.set(title=f"{dataset}, phase: {phase}", xticks=steps, xlabel="every how manyth line")
    axes[0, 0].set_ylabel("validation accuracy in %")
    axes[0, 0].legend()
    return figure
