"""The pictures of a card."""

import numpy as np
import pandas as pd

from training.cards.measure import Measured
from weirdonetworks.commands.figures import new_figure
from weirdonetworks.pretrained import DEFAULT


def draw_gradients(gradients: np.ndarray, classes: tuple[str, ...]):
    """What the output of each class looks for, a picture a class; red adds to it, blue takes."""
    figure, axes = new_figure(2, (len(classes) + 1) // 2, figsize=(9, 3.9), squeeze=False)
    bound = np.abs(gradients).max()
    for axis in axes.flat:
        axis.axis("off")
    for axis, gradient, name in zip(axes.flat, gradients, classes, strict=False):
        axis.imshow(gradient, cmap="RdBu_r", vmin=-bound, vmax=bound)
        axis.set_title(name, fontsize="medium")
    return figure


def draw_behaviour(measured: Measured, classes: tuple[str, ...]):
    """Accuracy by angle, how often it is right by how sure it is, and whom it mistakes."""
    tables = measured.tables
    figure, (left, middle, right) = new_figure(1, 3, figsize=(13, 3.9))
    rotation = tables["rotation"]
    left.plot(rotation["degrees"], 100 * rotation["accuracy"], "o-", markersize=3)
    left.set(xlabel="rotation in degrees", ylabel="test accuracy in %", ylim=(0, 101))
    bins = tables["calibration"].dropna()
    middle.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    middle.plot(bins["confidence"], bins["accuracy"], color="C0")
    sizes = 80 * np.sqrt(bins["images"] / bins["images"].max())
    middle.scatter(bins["confidence"], bins["accuracy"], sizes, color="C0")
    middle.set(xlabel="largest probability", ylabel="share that is right", ylim=(0, 1.01))
    counts = tables["confusion"].drop(columns="class").to_numpy()
    mistakes = np.where(np.eye(len(counts)), 0, counts)
    right.imshow(mistakes, cmap="Reds")
    for row, column in np.argwhere(mistakes):
        count = mistakes[row, column]
        color = "white" if 2 * count > mistakes.max() else "black"
        right.text(column, row, count, color=color, ha="center", va="center", fontsize="x-small")
    ticks = range(len(classes))
    right.set(xlabel="taken for", ylabel="class", yticks=ticks)
    right.set_yticks(ticks, classes, fontsize="x-small")
    right.set_xticks(
        ticks, classes, fontsize="x-small", rotation=90 if max(map(len, classes)) > 2 else 0
    )
    return figure


def draw_sizes(table: pd.DataFrame):
    """Test accuracy against parameters, a panel for each data set.

    Each has its name beside it, but for those of recipes with names, which have a mark a network.
    """
    names = list(dict.fromkeys(table["dataset"]))
    figure, axes = new_figure(1, len(names), figsize=(6.4 * len(names), 4.6), squeeze=False)
    for axis, dataset in zip(axes[0], names, strict=True):
        rows = table[table["dataset"] == dataset].sort_values("test_accuracy")
        named = rows[rows["recipe"] != DEFAULT]
        rows = rows[rows["recipe"] == DEFAULT]
        for (network, others), mark in zip(named.groupby("network"), "^sv<>", strict=False):
            axis.plot(
                others["parameters"], 100 * others["test_accuracy"], mark, markersize=4,
                color="C1", markerfacecolor="none", label=f"{network}, other recipes",
            )  # fmt: skip
        if len(named):
            axis.legend(fontsize="x-small")
        accuracies = 100 * rows["test_accuracy"].to_numpy()
        axis.plot(rows["parameters"], accuracies, "o", markersize=4)
        axis.set(xscale="log", xlabel="parameters", ylabel="test accuracy in %", title=dataset)
        axis.margins(0.1)
        # Names in a column of their own, in their order: networks are too near to each other.
        low, high = axis.get_ylim()
        places = np.linspace(low, high, len(rows) + 2)[1:-1]
        for row, accuracy, place in zip(rows.itertuples(), accuracies, places, strict=True):
            axis.annotate(
                row.network, (row.parameters, accuracy), xytext=(1.04, place), va="center",
                textcoords=axis.get_yaxis_transform(), fontsize="small",
                arrowprops={"arrowstyle": "-", "color": "0.8", "relpos": (0, 0.5)},
            )  # fmt: skip
    return figure
