"""A table for each data set, a row a rule; the test errors of all groups as a picture."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from training.experiments import Report
from training.report.statistics import bootstrap
from training.report.tables import mean_and_spread, percent
from weirdonetworks.commands.figures import new_figure

REFERENCE = "mean of probabilities"


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Mean ± sample standard deviation over the groups of networks, and the difference of accuracy
    to the mean of probabilities in the same groups, with its bootstrap interval."""
    runs = results["runs"]
    tables = {name: _table(part) for name, part in runs.groupby("dataset", sort=False)}
    return Report(tables, {"errors": _draw(runs)})


def _table(runs: pd.DataFrame) -> pd.DataFrame:
    reference = runs[runs["rule"] == REFERENCE].set_index("seed")["test_accuracy"]
    rows = []
    for rule, own in runs.groupby("rule", sort=False):
        gain = 100 * (own.set_index("seed")["test_accuracy"] - reference)
        rows.append(
            {
                "rule": rule,
                "test accuracy %": percent(own["test_accuracy"]),
                "against the mean of probabilities": _interval(gain.to_numpy()),
                "negative log likelihood": mean_and_spread(own["nll"], 4)
                if np.isfinite(own["nll"]).all()
                else "infinite",
                "calibration error %": percent(own["calibration_error"]),
                "sum of weights": _sum(own["weights"]),
            }
        )
    return pd.DataFrame(rows)


def _interval(gain: np.ndarray) -> str:
    if len(gain) < 2 or not np.ptp(gain):
        return f"{gain.mean():+.2f}"
    low, high = bootstrap(gain)
    return f"{gain.mean():+.2f} ({low:+.2f} to {high:+.2f})"


def _sum(weights: pd.Series) -> str:
    told = [sum(map(float, str(w).split())) for w in weights.fillna("") if str(w)]
    return mean_and_spread(told) if told else ""


def _draw(runs: pd.DataFrame) -> Figure:
    """The test error of each group by each rule, a panel a data set."""
    datasets, rules = list(runs["dataset"].unique()), list(runs["rule"].unique())
    size = (3.5 + 3 * len(datasets), 3.6)
    figure, axes = new_figure(1, len(datasets), figsize=size, squeeze=False)
    for axis, dataset in zip(axes[0], datasets, strict=True):
        part = runs[runs["dataset"] == dataset]
        for place, rule in enumerate(rules):
            error = 100 * (1 - part.loc[part["rule"] == rule, "test_accuracy"])
            axis.plot(error, np.full(len(error), place), "o", markersize=4, alpha=0.4, color="C0")
            axis.plot(error.mean(), place, "|", markersize=14, color="black")
        axis.set(xlabel="test error in %", title=dataset)
        axis.set_yticks(range(len(rules)), rules if axis is axes[0][0] else [""] * len(rules))
        axis.invert_yaxis()
    return figure
