"""Accuracy by the number of hidden units that are read."""

import pandas as pd

from training.experiments import Report
from training.report.statistics import verdicts
from training.report.tables import percent, summary
from weirdonetworks.commands.figures import new_figure


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy` (a line for each method, a column for each number of units), `verdicts`
    (against random), `network` (of the trained readout of all); the picture `units`."""
    runs, curves = results["runs"], results["curves"]
    cells = summary(curves, ["dataset", "method", "units"], {"cell": ("test_accuracy", percent)})
    table = cells.pivot(index=["dataset", "method"], columns="units", values="cell")
    table = table.reindex(pd.MultiIndex.from_frame(cells[["dataset", "method"]].drop_duplicates()))
    table.columns = [str(units) for units in table.columns]
    trained = runs.drop_duplicates(["dataset", "seed"])
    tables = {
        "accuracy": table.reset_index(),
        "verdicts": verdicts(curves, {"method": "random"}, by=["dataset", "units"]),
        "network": summary(
            trained, ["dataset"], {"the trained network %": ("network_accuracy", percent)}
        ),
    }
    return Report(tables, {"units": _draw(trained, curves)})


def _draw(trained: pd.DataFrame, curves: pd.DataFrame):
    """Test error by the number of units, a line for each method; dashed, the trained network."""
    datasets = list(curves["dataset"].unique())
    figure, axes = new_figure(1, len(datasets), figsize=(6 * len(datasets), 4), squeeze=False)
    for axis, dataset in zip(axes[0], datasets, strict=True):
        for method, part in curves[curves["dataset"] == dataset].groupby("method", sort=False):
            means = part.groupby("units")["test_accuracy"].mean()
            axis.plot(means.index, 100 * (1 - means), "o-", markersize=4, label=method)
        whole = trained.loc[trained["dataset"] == dataset, "network_accuracy"].mean()
        axis.axhline(100 * (1 - whole), color="0.4", linestyle="--", label="trained readout")
        axis.set(title=dataset, xlabel="hidden units that are read", ylabel="test error in %",
                 xscale="log", yscale="log")  # fmt: skip
        axis.legend(fontsize=8)
    return figure
