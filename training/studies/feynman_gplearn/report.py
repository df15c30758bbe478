"""Laws solved by each method, and in what time."""

from collections.abc import Mapping

import pandas as pd

from training.experiments import Report


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """The table `solved`."""
    return Report({"solved": solved(results["runs"])})


def solved(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each law and one for all: solved of those tried, and the median CPU seconds."""
    rows = []

    def row(law: str, kind: str, own: pd.DataFrame) -> None:
        cells = {
            method: f"{tried['solved'].sum()} of {len(tried)}, {tried['seconds'].median():.1f} s"
            for method, tried in own.groupby("method", sort=False)
        }
        rows.append({"law": law, "class": kind, **cells})

    for (law, kind), own in runs.groupby(["law", "class"], sort=False):
        row(law, kind, own)
    row("all", "", runs)
    return pd.DataFrame(rows)
