"""Success rates with their intervals, beside those that were published."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from training.experiments import Report
from training.report.statistics import wilson
from weirdonetworks.commands.figures import new_figure

# Of 100 seeds: Madsen and Johansen 2020, "Neural Arithmetic Units", the table of the arithmetic
# datasets, multiplication.
PUBLISHED = {"NMU": 98, "NAC (multiplicative)": 31, "NALU": 0}
PUBLISHED_SEEDS = 100


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """The table `success`, the figure `errors`."""
    runs = results["runs"]
    rows = []
    for model, own in runs.groupby("model", sort=False):
        # A network with an output that is no number has an infinite error.
        inside, outside = (
            f"{own[key].fillna(np.inf).median():.2g}"
            for key in ("interpolation_mse", "extrapolation_mse")
        )
        rows.append(_rate(model, own["success"].sum(), len(own))
                    | {"median MSE on [1, 2]": inside, "on [2, 6]": outside,
                       "seconds a run": f"{own['seconds'].mean():.0f}"})  # fmt: skip
    rows += [_rate(f"{name}, published", k, PUBLISHED_SEEDS) for name, k in PUBLISHED.items()]
    return Report({"success": pd.DataFrame(rows)}, {"errors": _draw(runs)})


def _rate(model: str, successes: int, seeds: int) -> dict[str, str]:
    low, high = (100 * bound for bound in wilson(successes, seeds))
    return {
        "model": model,
        "successes": f"{successes}/{seeds}",
        "success %": f"{100 * successes / seeds:.0f}",
        "95 % interval": f"{low:.1f} to {high:.1f}",
    }


def _draw(runs: pd.DataFrame) -> Figure:
    """The errors of all runs on both ranges, a column a model, and the threshold."""
    figure, axes = new_figure(figsize=(9, 3.8))
    models = list(runs["model"].unique())
    for key, label, shift in (
        ("interpolation_mse", "on [1, 2], as trained", -0.15),
        ("extrapolation_mse", "on [2, 6]", 0.15),
    ):
        # A network that is exact in float64 would have no place on a logarithmic axis.
        errors = np.maximum(runs[key], 1e-30)
        places = [models.index(model) + shift for model in runs["model"]]
        axes.plot(places, errors, "o", markersize=4, alpha=0.5, label=label)
    threshold = runs["threshold"].median()
    axes.axhline(threshold, color="black", linewidth=1, label="success on [2, 6]: below")
    axes.set(yscale="log", ylabel="mean squared error", xlim=(-0.6, len(models) - 0.4))
    axes.set_xticks(range(len(models)), [model.replace(" (", "\n(") for model in models])
    axes.set_title("Products of two sums of 25 numbers")
    figure.legend(loc="outside lower center", ncols=3)
    return figure
