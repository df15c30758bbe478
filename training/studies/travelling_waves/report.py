"""Accuracy by reader, what a test says of it, and the fields that were learned."""

import pandas as pd

from training.experiments import Report
from training.report.figures import accuracy_dots
from training.report.statistics import verdicts
from training.report.tables import TRAININGS, mean_and_spread, summary

BASELINE = "recurrent"
CONTROLS = {"still": "wave", "drifting, still": "drifting wave"}


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy`, `verdicts` and `controls`, of test accuracy, `fields`, and the picture
    `readers`."""
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    tables = {
        "accuracy": summary(done, ["dataset", "reader"], TRAININGS),
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
    figures = {}
    if len(done):
        figures["readers"] = accuracy_dots(done, ["dataset"], "reader", BASELINE, (5, 2.4))
    return Report(tables, figures)
