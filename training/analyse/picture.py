"""Pictures of an analysis."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from training.analyse import sampled
from weirdonetworks.analysis import MarchenkoPastur
from weirdonetworks.commands.figures import new_figure

_STYLES = {"initial": ":", "trained": "-"}


def draw_spectra(described: pd.DataFrame, eigenvalues: pd.DataFrame):
    """A panel for each state and layer: the eigenvalues of all runs, and the law of the first."""
    panels = described.groupby(["state", "layer"], sort=False)
    layers = described["layer"].max()
    figure, axes = new_figure(2, layers, figsize=(3.6 * layers, 5.4), squeeze=False)
    for axis, ((state, layer), rows) in zip(axes.flat, panels, strict=True):
        chosen = eigenvalues[(eigenvalues["state"] == state) & (eigenvalues["layer"] == layer)]
        values = [run["eigenvalue"].to_numpy() for _, run in chosen.groupby("run")]
        draw_spectrum(axis, values, rows.iloc[0])
        axis.set(title=f"layer {layer}, {state}")
    axes[0, 0].legend()
    figure.suptitle("Eigenvalues of W W^T / out that are not 0, against Marchenko and Pastur")
    return figure


def draw_spectrum(axis, eigenvalues: Sequence[Sequence[float]], row: Mapping[str, Any]) -> None:
    """Histograms of eigenvalues, a line for each run, against the law of a row of `describe`.

    The axis is that of the root, on which the small ones do not crowd.
    """
    roots = [np.sqrt(values) for values in eigenvalues]
    has_law = not pd.isna(row["variance"])
    top = 1.05 * max(row["edge"] ** 0.5 if has_law else 0.0, *(values[0] for values in roots))
    bins = np.linspace(0, top or 1.0, 41)
    for number, values in enumerate(roots):
        axis.hist(
            values, bins, density=True, histtype="step", color=f"C{number}", label="AB"[number]
        )
    axis.set(xlabel="root of the eigenvalue", yticks=[])
    if not has_law:
        return
    law = MarchenkoPastur(row["inputs"] / row["outputs"], row["variance"])
    x = np.linspace(*np.sqrt(law.edges), 400)[1:-1]
    # Of the root, and of the eigenvalues that are not 0.
    axis.plot(x, 2 * x * law.density(x**2) / (1 - law.mass_at_zero), "k", linewidth=1, label="law")
    axis.axvline(row["threshold"] ** 0.5, color="gray", linewidth=0.8, linestyle=":")


def draw_eigenvalues(eigenvalues: pd.DataFrame):
    """A panel for each layer: eigenvalues of the covariance by rank, initial and trained."""
    layers = eigenvalues["layer"].max()
    figure, axes = new_figure(1, layers, figsize=(3.6 * layers, 3), squeeze=False)
    for (run, layer, state), rows in eigenvalues.groupby(["run", "layer", "state"]):
        values = rows["eigenvalue"][rows["eigenvalue"] > 0]
        color, ranks = f"C{'AB'.index(run)}", np.arange(1, len(values) + 1)
        axes[0, layer - 1].loglog(
            ranks, values, _STYLES[state], color=color, label=f"{run}, {state}"
        )
    for layer, axis in enumerate(axes[0], start=1):
        axis.set(xlabel="rank", title=f"layer {layer}")
    axes[0, 0].set(ylabel="eigenvalue of the covariance")
    axes[0, 0].legend()
    return figure


def draw_alignment(left: pd.DataFrame):
    """What is left: a panel for activations and for each distance of covariances."""
    kinds = left["what"].unique()
    figure, axes = new_figure(1, len(kinds), figsize=(3.8 * len(kinds), 3), squeeze=False)
    for axis, what in zip(axes[0], kinds, strict=True):
        for number, how in enumerate(("aligned", "unaligned", "random")):
            for state, style in _STYLES.items():
                rows = left[(left["what"] == what) & (left["state"] == state) & left[how].notna()]
                if len(rows):
                    label, style = f"{how}, {state}", f"o{style}"
                    axis.plot(rows["layer"], rows[how], style, color=f"C{number}", label=label)
        axis.set(xlabel="layer", title=what, ylim=(0, None))
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set(ylabel="what is left, 0: nothing")
    axes[0, 0].legend(fontsize=7)
    return figure


def draw_samples(samples: pd.DataFrame):
    """Accuracies of the trained and of the drawn networks, a line for each kind."""
    figure, axis = new_figure(figsize=(6.5, 3.2))
    kinds = [(hidden, head) for hidden in sampled.KINDS for head in sampled.HEADS]
    for number, (name, run) in enumerate(samples.groupby("run")):
        heights = [kinds.index(kind) for kind in zip(run["hidden"], run["head"], strict=True)]
        axis.plot(
            100 * run["test_accuracy"], np.array(heights) + 0.2 * number, "o", color=f"C{number}",
            markersize=4, label=f"from {name}",
        )  # fmt: skip
    axis.set_yticks(range(len(kinds)), [f"{hidden}, head {head}" for hidden, head in kinds])
    axis.invert_yaxis()
    axis.set(xlabel="test accuracy in %", xlim=(0, 101), title="Hidden layers drawn anew")
    axis.legend()
    return figure
