"""Accuracies of networks drawn anew, and what is left of an alignment, by width."""

import functools

import pandas as pd

from training.experiments import Report
from training.report.statistics import verdicts
from training.report.tables import mean_and_spread, percent, summary
from weirdonetworks.commands.figures import new_figure

_PLACE = ["dataset", "width"]
_KIND = ["hidden", "head"]
_left = functools.partial(mean_and_spread, digits=3)


def report(results: dict[str, pd.DataFrame]) -> Report:
    """The tables `accuracy` and `verdicts`, of test accuracies in % (mean ± sample standard
    deviation over the trained networks, each the mean of its draws); `left`, what is left of the
    activations after aligning two trainings; the picture `widths`."""
    samples = results["samples"]
    means = samples.groupby([*_PLACE, *_KIND, "seed"], sort=False)["test_accuracy"].mean()
    means = means.reset_index()
    tables = {
        "accuracy": _by_width(means, ["dataset", *_KIND], ("test_accuracy", percent)),
        "verdicts": verdicts(means, {"hidden": "trained"}, by=[*_PLACE, "head"]),
    }
    left = results.get("alignment")
    if left is not None:
        left = left[left["what"] == "activations"]
        tables["left"] = pd.concat(
            _by_width(left.assign(left=how), ["dataset", "left", "layer", "state"], (how, _left))
            for how in ("aligned", "unaligned")
        )
    return Report(tables, {"widths": _draw(samples, left)})


def _by_width(frame: pd.DataFrame, lines: list[str], column: tuple) -> pd.DataFrame:
    """A line for each group of equal `lines`, in their order, a column for each width."""
    cells = summary(frame, [*lines, "width"], {"cell": column})
    order = pd.MultiIndex.from_frame(cells[lines].drop_duplicates())
    table = cells.pivot(index=lines, columns="width", values="cell").reindex(order)
    table.columns = [str(width) for width in table.columns]
    return table.reset_index()


def _draw(samples: pd.DataFrame, left: pd.DataFrame | None):
    """Left, accuracy by width; right, what is left of the alignment of two trainings."""
    datasets = list(samples["dataset"].unique())
    figure, axes = new_figure(len(datasets), 2, figsize=(10.5, 4 * len(datasets)), squeeze=False)
    for (accuracy, alignment), dataset in zip(axes, datasets, strict=True):
        draw_accuracies(accuracy, samples[samples["dataset"] == dataset])
        accuracy.set(title=f"{dataset}: hidden layers drawn anew")
        alignment.set(title="left after aligning two trainings", yscale="log")
        if left is not None:
            _draw_left(alignment, left[left["dataset"] == dataset])
    return figure


def draw_accuracies(axis, samples: pd.DataFrame) -> None:
    """Mean test accuracy by width, a line for each kind; a dot for each network that is scored.

    samples: the columns width, seed, hidden, head and test_accuracy.
    """
    colors = {hidden: f"C{number}" for number, hidden in enumerate(samples["hidden"].unique())}
    for (hidden, head), kind in samples.groupby(_KIND, sort=False):
        means = kind.groupby(["width", "seed"])["test_accuracy"].mean().groupby("width").mean()
        style, label = "-" if head == "trained" else ":", f"{hidden}, head {head}"
        axis.plot(means.index, 100 * means, style, color=colors[hidden], label=label)
        percent = 100 * kind["test_accuracy"]
        axis.plot(kind["width"], percent, "o", color=colors[hidden], markersize=2)
    axis.set(ylabel="test accuracy in %")
    _width_axis(axis, samples["width"])
    axis.legend(fontsize=7)


def _draw_left(axis, left: pd.DataFrame) -> None:
    for (layer, state), rows in left.groupby(["layer", "state"], sort=False):
        means = rows.groupby("width")["aligned"].mean()
        style, label = "o:" if state == "initial" else "o-", f"layer {layer}, {state}"
        axis.plot(means, style, color=f"C{layer - 1}", markersize=4, label=label)
    _width_axis(axis, left["width"])
    axis.legend(fontsize=8)


def _width_axis(axis, widths: pd.Series) -> None:
    axis.set(xlabel="width of the hidden layers", xscale="log")
    ticks = sorted(widths.unique())
    axis.set_xticks(ticks, ticks)
    axis.xaxis.minorticks_off()
