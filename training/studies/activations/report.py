"""The table of activations, what tells them from GELU, and a picture."""

import numpy as np
import pandas as pd

from training.experiments import Report
from training.report.figures import dots
from training.report.statistics import verdicts
from training.report.tables import percent
from training.studies.activations.finals import ALWAYS, ranking
from weirdonetworks.commands.figures import new_figure

BASELINE = "gelu"  # the networks' default; chosen before any result was seen


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy` and `verdicts`, of test accuracy.

    accuracy: a line for each activation, by the ranking of the heats on validation data, a column
      for each network and data set: mean ± sample standard deviation over the seeds, in %.
    verdicts: what Welch's test says against GELU, for each data set and network.

    Without runs, the table `transcribed` is shown as it stands.
    """
    if "runs" not in results:
        return Report({"accuracy": results["transcribed"]})
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    told = verdicts(done, {"activation": BASELINE}, by=["dataset", "network"])
    figures = {} if done.empty else {"activations": _draw(done)}
    return Report({"accuracy": _accuracy(runs), "verdicts": told}, figures)


def _accuracy(runs: pd.DataFrame) -> pd.DataFrame:
    most = runs.groupby("dataset", sort=False)["activation"].nunique().idxmax()  # that of the heats
    heats = runs[runs["dataset"] == most]
    table = pd.DataFrame({"activation": ranking(heats.to_dict("records"))})
    for (dataset, network), part in runs.groupby(["dataset", "network"], sort=False):
        cells = {name: _cell(group) for name, group in part.groupby("activation")}
        table[f"{network}, {dataset}"] = table["activation"].map(cells)
    return table


def _cell(runs: pd.DataFrame) -> str:
    done = runs.loc[runs["status"] == "done", "test_accuracy"]
    if len(done) == len(runs):
        return percent(done)
    failed = f"{len(runs) - len(done)} of {len(runs)} diverged"
    return f"{percent(done)} ({failed})" if len(done) else failed


def _draw(done: pd.DataFrame):
    """A panel for each data set and network, a line for each activation, the best on top."""
    panels = list(done.groupby(["dataset", "network"], sort=False))
    count = max(part["activation"].nunique() for _, part in panels)
    size = (3.6 * len(panels), 1.2 + 0.2 * count)
    figure, axes = new_figure(1, len(panels), figsize=size, squeeze=False)
    for axis, ((dataset, network), part) in zip(axes[0], panels, strict=True):
        groups = {name: 100 * group.to_numpy() for name, group in
                  part.groupby("activation", sort=False)["test_accuracy"]}  # fmt: skip
        names = sorted(groups, key=lambda name: -np.mean(groups[name]))
        dots(axis, {name: groups[name] for name in names}, dict.fromkeys(ALWAYS, "C3"))
        # What fails would press all others into a line.
        best, middle = (np.mean(groups[names[i]]) for i in (0, len(names) // 2))
        axis.set_xlim(max(axis.get_xlim()[0], best - 5 * (best - middle) - 1), None)
        axis.tick_params("y", labelsize=7)
        axis.set(title=f"{dataset}, {network}", xlabel="test accuracy in %")
    figure.suptitle("accuracy by seed, mean ± standard deviation; far worse ones lie outside")
    return figure
