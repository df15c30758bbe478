"""Where errors stay within 1 %, by function and model, and by what the regressor is made of."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from training.experiments import Report
from training.report.tables import summary
from training.studies.extrapolation.__main__ import ABLATED
from weirdonetworks.commands.figures import new_figure

INTERVAL, WITHIN = (1, 10), 0.01
NAMED = ["function", "model"]


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """The tables `intervals` (models by functions), `errors` and `ablation`, the figure `errors`.

    Of those that were not run there is none.
    """
    tables, figures = {}, {}
    if "runs" in results:
        runs = results["runs"]
        tables = {"intervals": _intervals(runs), "errors": _errors(runs, NAMED)}
        figures = {"errors": _draw(results["curves"])}
    if "ablation" in results:
        tables["ablation"] = _errors(results["ablation"], list(ABLATED))
    return Report(tables, figures)


def _errors(runs: pd.DataFrame, named: list[str]) -> pd.DataFrame:
    """Medians over the seeds of the largest errors, and where 1 % holds."""

    def median(values: pd.Series) -> str:
        return f"{100 * values.median():.2g}"

    return summary(
        runs,
        named,
        {
            "parameters": ("parameters", lambda values: values.iloc[0]),
            "% on [1, 10]": ("inside", median),
            "% near": ("near", median),
            "% on [0.01, 1000]": ("goal", median),
            "holds on, at least": (None, _interval),
            "seeds that hold on [1, 10]": (None, lambda g: f"{g['low'].count()}/{len(g)}"),
            "on [0.01, 1000]": ("covers_goal", lambda v: f"{v.sum()}/{len(v)}"),
        },
    )


def _interval(group: pd.DataFrame) -> str:
    """The narrowest one of the seeds that hold on [1, 10]."""
    low, high = group["low"].max(), group["high"].min()
    return "none" if math.isnan(low) else f"[{low:.2g}, {high:.3g}]"


def _intervals(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a model, a column a function: the interval, and how many seeds cover the goal."""
    rows = []
    for model, own in runs.groupby("model", sort=False):
        row = {"model": model, "parameters": own["parameters"].iloc[0]}
        for function, group in own.groupby("function", sort=False):
            covering = f"{group['covers_goal'].sum()}/{len(group)}"
            row[f"y = {function}"] = f"{_interval(group)} ({covering})"
        rows.append(row)
    return pd.DataFrame(rows)


def _draw(curves: pd.DataFrame) -> Figure:
    """The median relative error of each model against x, a panel for each function."""
    functions, models = curves["function"].unique(), list(curves["model"].unique())
    figure, axes = new_figure(1, len(functions), figsize=(4 * len(functions), 4), squeeze=False)
    columns = curves.columns[curves.columns.get_loc("seed") + 1 :]
    for axis, function in zip(axes[0], functions, strict=True):
        axis.axvspan(*INTERVAL, color="0.88")
        axis.axhline(WITHIN, color="black", linewidth=0.8, linestyle=":")
        for place, model in enumerate(models):
            own = curves[(curves["function"] == function) & (curves["model"] == model)]
            if len(own):
                errors = np.clip(own[columns].median(), 1e-8, 1e4)
                axis.plot(columns.astype(float), errors, color=f"C{place}", label=model)
        axis.set(xscale="log", yscale="log", xlabel="x", title=f"y = {function}", ylim=(5e-9, 2e4))
    axes[0, 0].set(ylabel="relative error (sin x: absolute)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
