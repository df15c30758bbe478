"""A table for each data set, a row a rule; the test errors of all groups as a picture."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from training.experiments import Report
from training.report.statistics import bootstrap
from training.report.tables import mean_and_spread, percent
from weirdonetworks.commands.figures import new_figure

REFERENCE = "mean of probabilities"
LEARNED = ("product, learned weights", "mean, learned weights")


def report(results: dict[str, pd.DataFrame]) -> Report:
    """A table for each data set: mean ± sample standard deviation over the groups of networks, and
    the difference of accuracy to the mean of probabilities in the same groups, with its bootstrap
    interval. Table `learned`: the same differences between product and mean of learned weights."""
    runs = results["runs"]
    parts = dict(list(runs.groupby("dataset", sort=False)))
    tables = {name: _table(part) for name, part in parts.items()}
    tables["learned"] = pd.DataFrame(
        [{"dataset": name, **_learned(part)} for name, part in parts.items()]
    )
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


def _learned(runs: pd.DataFrame) -> dict[str, str]:
    """What the product of learned weights has more than the mean of such, group by group."""
    product, mean = (runs[runs["rule"] == rule].set_index("seed") for rule in LEARNED)
    return {
        title: _interval((scale * (product[key] - mean[key])).to_numpy(), digits)
        for title, key, scale, digits in (
            ("test accuracy %", "test_accuracy", 100, 3),
            ("negative log likelihood", "nll", 1, 4),
            ("calibration error %", "calibration_error", 100, 2),
        )
    }


def _interval(gain: np.ndarray, digits: int = 2) -> str:
    if len(gain) < 2 or not np.ptp(gain):
        return f"{gain.mean():+.{digits}f}"
    low, high = (f"{bound:+.{digits}f}" for bound in bootstrap(gain))
    return f"{gain.mean():+.{digits}f} ({low} to {high})"


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
