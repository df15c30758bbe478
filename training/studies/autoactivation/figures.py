"""Steps by problem and method, losses on the way, and steps by rate."""

import itertools

import numpy as np
import pandas as pd

from training.studies.autoactivation.problems import (
    DRAWN_PROBLEMS,
    MAPS,
    OPTIMIZERS,
    PROBLEMS,
)
from training.studies.autoactivation.regression import SOLVED
from training.studies.autoactivation.summaries import interval, median
from training.studies.autoactivation.trial import RECORDS_KEPT, SHARED_STEPS
from weirdonetworks.commands.figures import new_figure

_COLORS = {
    "plain": "black",
    "plain zero": "tan",
    "plain log-normal": "dimgray",
    "plain own rates": "darkgray",
    **{name: f"C{i}" for i, name in enumerate(MAPS)},
    "EGU": "navy",
    "EG": "darkgoldenrod",
}
_FLOOR = 1e-10  # of losses


def _style(method: str) -> str:
    return "-" if method in (*MAPS, "plain") else "--"


def draw_steps(runs: pd.DataFrame):
    """A panel for each optimizer: the steps of each method on each problem."""
    names, methods = list(runs["problem"].unique()), list(runs["method"].unique())
    figure, axes = new_figure(1, 3, figsize=(15, 1.6 + 0.36 * len(names)), squeeze=False)
    for axis, optimizer in zip(axes[0], OPTIMIZERS, strict=True):
        for k, method in enumerate(methods):
            mine = runs[(runs["method"] == method) & (runs["optimizer"] == optimizer)]
            steps = dict(list(mine.groupby("problem")["steps"]))
            shift = 0.7 * (k / max(1, len(methods) - 1) - 0.5)
            places = np.array([i for i, name in enumerate(names) if name in steps]) + shift
            ends = [(median(steps[n]), *interval(steps[n])) for n in names if n in steps]
            mid, low, high = np.clip(np.array(ends).reshape(-1, 3).T, 1, 2e4)
            low, high = np.fmin(low, mid), np.fmax(high, mid)  # none for a single seed
            axis.errorbar(
                mid,
                places,
                xerr=[mid - low, high - mid],
                fmt="o",
                markersize=3,
                linewidth=0.8,
                color=_COLORS[method],
                markerfacecolor="white" if _style(method) == "--" else None,
                label=method,
            )
        axis.set(xscale="log", title=optimizer, xlabel="steps to 0.1 % of the variance")
        axis.set_yticks(range(len(names)), names if axis is axes[0, 0] else [], fontsize=7)
        axis.set_ylim(len(names) - 0.4, -0.6)
        axis.grid(axis="x", alpha=0.3)
    axes[0, 2].legend(fontsize=7, bbox_to_anchor=(1, 1), loc="upper left")
    figure.suptitle("median of the seeds with its 95 % interval; at the right end: never")
    return figure


def draw_curves(curves: pd.DataFrame):
    """Loss by step for a few problems, with SGD and Adam at their own rates."""
    names = [name for name in DRAWN_PROBLEMS if name in set(curves["problem"])]
    figure, axes = new_figure(2, len(names), figsize=(4 * len(names), 6), squeeze=False)
    shares = np.array(RECORDS_KEPT)
    for axis_row, optimizer in zip(axes, ("sgd", "adam"), strict=True):
        for axis, name in zip(axis_row, names, strict=True):
            own = curves[(curves["problem"] == name) & (curves["optimizer"] == optimizer)]
            for method, some in own.groupby("method", sort=False):
                losses = np.maximum(some[[str(share) for share in shares]].to_numpy(float), _FLOOR)
                middle, low, high = np.percentile(losses, [50, 25, 75], axis=0, method="nearest")
                steps, color = shares * PROBLEMS[name].steps / 100, _COLORS[method]
                axis.semilogy(steps, middle, _style(method), color=color, label=method)
                axis.fill_between(steps, low, high, color=color, alpha=0.12, linewidth=0)
            axis.axhline(SOLVED, color="gray", linewidth=0.6, linestyle=":")
            axis.set(title=f"{name}, {optimizer}", xlabel="step", ylim=(1e-6, 1e2))
            axis.title.set_size(9)
    axes[0, 0].set(ylabel="loss / variance: median, quartiles")
    axes[0, -1].legend(fontsize=7)
    return figure


def draw_one_rate(frame: pd.DataFrame):
    """Steps by rate, the same for all: each method has its best one elsewhere."""
    names = list(frame["problem"].unique())
    figure, axes = new_figure(len(names), 3, figsize=(13, 3.2 * len(names)), squeeze=False)
    for (i, name), (j, optimizer) in itertools.product(enumerate(names), enumerate(OPTIMIZERS)):
        axis = axes[i, j]
        here = frame[(frame["problem"] == name) & (frame["optimizer"] == optimizer)]
        for method, own in here.groupby("method", sort=False):
            steps = own.groupby("rate")["steps"].apply(median).replace(np.inf, np.nan)
            axis.loglog(
                steps.index,
                steps,
                f"o{_style(method)}",
                color=_COLORS[method],
                markersize=3,
                label=method,
            )
        axis.set(title=f"{name}, {optimizer}", xlabel="the rate, one for all")
        axis.set_ylim(3, 1.2 * SHARED_STEPS)
        axis.title.set_size(9)
    axes[0, 0].set(ylabel="median steps")
    axes[0, 2].legend(fontsize=7, bbox_to_anchor=(1, 1), loc="upper left")
    return figure
