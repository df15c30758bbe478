"""Accuracy by terms and depth: a table and a picture."""

import pandas as pd

from training.experiments import Report
from training.report.tables import percent, summary
from weirdonetworks.commands.figures import new_figure

LINE = ["dataset", "network", "depth"]


def report(results: dict[str, pd.DataFrame]) -> Report:
    """The table `accuracy`: test accuracy in %, mean ± sample standard deviation over the seeds, a
    line for each network and depth, a column for each number of terms."""
    runs = results["runs"]
    cells = summary(runs, [*LINE, "num_terms"], {"test %": (None, _cell)})
    accuracy = cells.pivot(index=LINE, columns="num_terms", values="test %")
    accuracy.columns = [f"{terms} terms" for terms in accuracy.columns]
    return Report({"accuracy": accuracy.reset_index()}, {"growth": _draw(_done(runs))})


def _done(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[runs["status"] == "done"]


def _cell(group: pd.DataFrame) -> str:
    done = _done(group)["test_accuracy"]
    lost = len(group) - len(done)
    return " ".join([percent(done)] * bool(len(done)) + [f"({lost} diverged)"] * bool(lost))


def _draw(runs: pd.DataFrame):
    """Test error against terms: a panel for each network, a line for each depth."""
    datasets, networks = runs["dataset"].unique(), runs["network"].unique()
    size = (3.4 * len(networks) + 1, 3.6 * len(datasets))
    figure, axes = new_figure(len(datasets), len(networks), squeeze=False, figsize=size)
    for axis in axes.flat[1:]:
        axis.sharey(axes[0, 0])
    for (dataset, network, depth), line in runs.groupby(LINE):
        axis = axes[list(datasets).index(dataset), list(networks).index(network)]
        errors = 100 * (1 - line.groupby("num_terms")["test_accuracy"].agg(["mean", "max", "min"]))
        color = f"C{depth - 1}"
        axis.plot(errors.index, errors["mean"], "o-", color=color, label=f"depth {depth}")
        axis.fill_between(errors.index, errors["max"], errors["min"], color=color, alpha=0.3)
        axis.set(xlabel="monomials in each layer", title=f"{network}, {dataset}")
        axis.set(xscale="log", yscale="log")
        axis.set_xticks(errors.index, errors.index)
        axis.set_yticks([1, 2, 5, 10, 20, 50], [1, 2, 5, 10, 20, 50])
        axis.minorticks_off()
        axis.legend()
    for axis in axes[:, 0]:
        axis.set(ylabel="test error in %")
    figure.suptitle("Posynomials of posynomials: mean, best and worst seed")
    return figure
