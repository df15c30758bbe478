"""The invariant share of a quadratic network's weights, as a table and a picture."""

import pandas as pd

from training.engine.energy import draw
from training.experiments import Report
from training.report.tables import percent


def report(results: dict[str, pd.DataFrame]) -> Report:
    """The table `shares`: a line for each group, in %, mean ± sample standard deviation.

    Beside what is measured stands the dimension, the share of the invariant polynomials among all.
    Without rows, the table `transcribed` is shown as it stands.
    """
    if "shares" not in results:
        return Report({"shares": results["transcribed"]})
    found = results["shares"]
    groups = found.groupby(["dataset", "group"], sort=False)
    # Each training of a seed starts from the same weights.
    once = found[found["training"] == found["training"].iloc[0]]
    starts = once.groupby(["dataset", "group"], sort=False)["initial"]
    table = pd.DataFrame(
        {
            "dimension": groups["dimension"].first().map(lambda share: f"{100 * share:.2f}"),
            "at the start": starts.agg(percent),
        }
    )
    means = pd.DataFrame(
        {"dimension": groups["dimension"].first(), "at the start": groups["initial"].mean()}
    )
    for training, part in found.groupby("training", sort=False):
        trained = part.groupby(["dataset", "group"], sort=False)["trained"]
        table[f"trained {training}"] = trained.agg(percent)
        means[f"trained {training}"] = trained.mean()
    figure = draw(means, "quadratic_mlp, mean over the seeds")
    return Report({"shares": table.reset_index()}, {"shares": figure})
