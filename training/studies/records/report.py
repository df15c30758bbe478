"""The records, beside the best that is reported, and how they came with the epochs."""

from pathlib import Path

import pandas as pd

from training.experiments import Report
from training.experiments import pages as studies
from training.experiments.study import STUDIES
from training.report.tables import percent, read_csv, summary
from weirdonetworks.commands.figures import new_figure

PUBLISHED = Path(__file__).with_name("published.csv")  # of networks without convolution, on MNIST
CELL = ["dataset", "network", "recipe"]
_KINDS = {"record": "as they are", "record+": "distorted"}


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `records`, `committees` and `published`, of errors on the test set; the picture
    `curves`."""
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    columns = {
        "images": ("recipe", lambda values: _KINDS[values.iloc[0]]),
        "default recipe, error %": (None, _of_default),
        "numbers": ("numbers", lambda values: f"{values.iloc[0]:,.0f}"),
        "seeds": ("seed", len),
        "test error %": ("test_accuracy", lambda values: percent(1 - values)),
        "validation error %": ("validation_accuracy", lambda values: percent(1 - values)),
        "epochs": ("epochs", lambda values: f"{values.iloc[0]:.0f}"),
        "minutes": ("seconds", lambda values: f"{values.mean() / 60:.0f}"),
    }
    tables = {
        "records": summary(done, CELL, columns),
        "committees": committees(
            done, results.get("doubts", pd.DataFrame(columns=[*CELL, "seed"]))
        ),
        "published": read_csv(PUBLISHED).fillna("").astype(str),
    }
    return Report(tables, {} if done.empty else {"curves": _draw(results["curves"])})


def _of_default(part: pd.DataFrame) -> str:
    """The test error of the network's default recipe, if the zoo has it."""
    zoo = studies.read_results(STUDIES / "zoo" / studies.RESULTS)["runs"]
    for column in ("dataset", "network"):
        zoo = zoo[zoo[column] == part[column].iloc[0]]
    return percent(1 - zoo["test_accuracy"].dropna()) if len(zoo) else ""


def committees(done: pd.DataFrame, doubts: pd.DataFrame) -> pd.DataFrame:
    """The error of the mean of the members' probabilities, where a recipe has several seeds.

    A member that has no doubt of an image is sure of its label: the probabilities of the others
    are 0, in place of less than 0.001 together.
    """
    rows = []
    for key, part in done.groupby(CELL, sort=False):
        own = doubts[(doubts[CELL] == list(key)).all(axis=1)]
        members = own["seed"].nunique()
        if members < 2:
            continue
        summed = own.groupby("image")[[c for c in own if c.startswith("p")]].sum()
        labels = own.groupby("image")["label"].first()
        heard = own.groupby("image")["seed"].count()
        for image, label in labels.items():
            summed.loc[image, f"p{label}"] += members - heard[image]
        wrong = summed.idxmax(axis=1) != "p" + labels.astype(str)
        rows.append(
            dict(zip(CELL, key, strict=True))
            | {
                "members": str(members),
                "numbers": f"{members * part['numbers'].iloc[0]:,.0f}",
                "test error %": f"{100 * wrong.sum() / part['tested'].iloc[0]:.2f}",
            }
        )
    return pd.DataFrame(rows, columns=[*CELL, "members", "numbers", "test error %"])


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
