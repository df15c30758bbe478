"""Errors by target and model, and the orders that were learned."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from training.experiments import Report
from training.report.tables import mean_and_spread, summary
from weirdonetworks.commands.figures import new_figure

NAMED = ["target", "model"]


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """The table `errors`, the figure `alphas`."""
    runs = results["runs"]
    alphas = results.get("alphas", pd.DataFrame(columns=[*NAMED, "seed", "layer", "unit"]))
    table = summary(
        runs,
        NAMED,
        {
            "numbers": ("parameters", lambda values: values.iloc[0]),
            "error %": ("inside_error", _percent),
            "on [3, 6]": ("outside_error", _percent),
            "found": ("success", lambda values: f"{values.sum()}/{len(values)}"),
        },
    )
    table["learned α"] = [_learned(alphas, key) for key in table[NAMED].itertuples(index=False)]
    return Report({"errors": table}, {"alphas": _draw(alphas, list(runs["target"].unique()))})


def _percent(errors: pd.Series) -> str:
    spread = f" ± {100 * errors.std():.2g}" if len(errors) > 1 else ""
    return f"{100 * errors.mean():.3g}{spread}"


def _learned(alphas: pd.DataFrame, key: tuple[str, str]) -> str:
    """The orders at the end: of the first layer from the largest down, then of the second."""
    own = alphas[(alphas[NAMED] == list(key)).all(axis=1)]
    return ", ".join(
        mean_and_spread(group[alphas.columns[-1]], 3) for _, group in own.groupby(["layer", "unit"])
    )


def _draw(alphas: pd.DataFrame, targets: list[str]) -> Figure:
    """The orders over the steps, a panel for each target, a colour for each unit."""
    figure, axes = new_figure(1, len(targets), figsize=(4 * len(targets), 3.4), squeeze=False)
    steps = [column for column in alphas.columns if column.isdecimal()]
    for axis, target in zip(axes[0], targets, strict=True):
        axis.set(xlabel="step", title=target, ylim=(-0.03, 1.03))
        own = alphas[(alphas["target"] == target) & (alphas["model"] == "learned")]
        for place, ((layer, unit), group) in enumerate(own.groupby(["layer", "unit"])):
            label = f"{'first' if layer == 1 else 'second'} layer, unit {unit}"
            for history in group[steps].to_numpy():
                axis.plot(list(map(int, steps)), history, color=f"C{place}", linewidth=1, alpha=0.6,
                          label=label)  # fmt: skip
                label = None
        if len(own):
            axis.legend()
    axes[0, 0].set(ylabel="a: 0 adds, 1 multiplies")
    return figure
