"""Rectifiers, errors and seconds by bits."""

import pandas as pd

from training.experiments import Report


def report(results: dict[str, pd.DataFrame]) -> Report:
    """The table `folds`, a line for each number of bits."""
    rows = results["runs"]
    table = rows[["bits", "pieces"]].copy()
    for name in ("deep", "wide"):
        table[name] = [f"{value:,.0f}" for value in rows[f"{name}_units"]]
        table[f"error, {name}"] = [f"{value:.1g}" for value in rows[f"{name}_error"]]
        table[f"ms, {name}"] = [f"{1000 * value:.2g}" for value in rows[f"{name}_seconds"]]
    table["explained by a layer of as many as deep %"] = [
        f"{100 * value:.1f}" for value in rows["narrow_explained"]
    ]
    return Report({"folds": table})
