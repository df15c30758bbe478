"""The records, beside the best that is reported, and how they came with the epochs."""

from pathlib import Path

import pandas as pd

from training.experiments import Report
from training.report.tables import percent, read_csv, summary
from weirdonetworks.commands.figures import new_figure

PUBLISHED = Path(__file__).with_name("published.csv")  # of networks without convolution, on MNIST
_KINDS = {"record": "as they are", "record+": "distorted"}


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `records` and `published`, of errors on the test set; the picture `curves`."""
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    columns = {
        "images": ("recipe", lambda values: _KINDS[values.iloc[0]]),
        "numbers": ("numbers", lambda values: f"{values.iloc[0]:,.0f}"),
        "seeds": ("seed", len),
        "test error %": ("test_accuracy", lambda values: percent(1 - values)),
        "validation error %": ("validation_accuracy", lambda values: percent(1 - values)),
        "epochs": ("epochs", lambda values: f"{values.iloc[0]:.0f}"),
        "minutes": ("seconds", lambda values: f"{values.mean() / 60:.0f}"),
    }
    tables = {
        "records": summary(done, ["dataset", "network", "recipe"], columns),
        "published": read_csv(PUBLISHED).fillna("").astype(str),
    }
    return Report(tables, {} if done.empty else {"curves": _draw(results["curves"])})


def _draw(curves: pd.DataFrame):
    """Validation error against epochs, the mean over the seeds: what more time would give."""
    figure, axis = new_figure(figsize=(6, 3.6))
    for (dataset, network, recipe), part in curves.groupby(
        ["dataset", "network", "recipe"], sort=False
    ):
        mean = 100 * (1 - part.groupby("epoch")["validation_accuracy"].mean())
        axis.plot(mean.index, mean, label=f"{dataset}, {network}, {recipe}")
    axis.set(xlabel="epoch", ylabel="validation error in %", xscale="log", yscale="log")
    axis.legend(fontsize="small")
    return figure
