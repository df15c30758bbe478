"""Accuracy by reader, what a test says of it, and the fields that were learned."""

import numpy as np
import pandas as pd

from training.experiments import Report
from training.report.figures import dots
from training.report.statistics import verdicts
from training.report.tables import mean_and_spread, percent, summary
from weirdonetworks.commands.figures import new_figure

BASELINE = "recurrent"
CONTROLS = {"still": "wave", "drifting, still": "drifting wave"}


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy`, `verdicts` and `controls`, of test accuracy, `fields`, and the picture
    `readers`."""
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
        "accuracy": summary(done, ["dataset", "reader"], columns),
        "verdicts": verdicts(done, {"reader": BASELINE}, by=["dataset"]),
    }
    worth = [
        verdicts(pair, {"reader": control}, by=["dataset"])
        for control, wave in CONTROLS.items()
        if set((pair := done[done["reader"].isin([control, wave])])["reader"]) == {control, wave}
    ]
    if worth:
        tables["controls"] = pd.concat(worth)
    if "up" in done:
        names = {"up": "A", "width_up": "a", "down": "B", "width_down": "b", "threshold": "k"}
        fields = {name: (column, mean_and_spread) for column, name in names.items()}
        waves = done[done["up"].notna()]
        tables["fields"] = summary(waves, ["dataset", "reader"], fields)
    return Report(tables, {} if done.empty else {"readers": _draw(done)})


def _draw(done: pd.DataFrame):
    """A panel for each data set, a line for each reader."""
    panels = list(done.groupby("dataset", sort=False))
    figure, axes = new_figure(1, len(panels), figsize=(5 * len(panels), 2.4), squeeze=False)
    for axis, (dataset, part) in zip(axes[0], panels, strict=True):
        groups = {
            name: 100 * np.asarray(group["test_accuracy"])
            for name, group in part.groupby("reader", sort=False)
        }
        dots(axis, groups, {BASELINE: "C3"})
        axis.set(title=dataset, xlabel="test accuracy in %")
    return figure
