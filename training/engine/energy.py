"""The share of a quadratic network's weights that is invariant under groups."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

import weirdonetworks as wn
from training.engine.run import Run, initial_network, load_run
from training.engine.workdir import Workdir
from weirdonetworks.commands.figures import new_figure
from weirdonetworks.groups import get_group
from weirdonetworks.layers import PolynomialDense, invariant_energy, monomial_orbits

GROUPS = ("cyclic2", "cyclic4", "dihedral4")


def shares(run: Run, groups: Sequence[str] = GROUPS) -> dict[str, dict[str, float]]:
    """The share of the energy of a run's quadratic forms that is invariant, for each group.

    sum_o |P A_o|^2 / sum_o |A_o|^2 over the outputs of the network's quadratic layer (see
    `layers.invariant_energy`): `initial`, with the weights that training began with, and
    `trained`; beside them `dimension`, the share of the invariant polynomials among all homogeneous
    ones.

    Raises:
      ValueError: a run of a network without a layer of quadratic polynomials, or a group that does
        not act exactly.
    """
    height, width, channels = run.config["image_shape"]
    trained = _quadratic(run.network, run.name)
    initial = _quadratic(initial_network(run.config), run.name)
    found = {}
    for name in groups:
        group = get_group(name, (height, width))
        orbits = monomial_orbits(group, channels, 2, homogeneous=True)
        found[name] = {
            "dimension": (orbits.max() + 1) / len(orbits),
            "initial": _share(initial, group),
            "trained": _share(trained, group),
        }
    return found


def energy(workdir: str | Path, groups: Sequence[str] = GROUPS) -> dict[str, dict[str, float]]:
    """The `shares` of the run in a folder; writes energy.json and energy.png there.

    Raises:
      ValueError: no run, or what `shares` refuses.
    """
    run = load_run(workdir)
    found = shares(run, groups)
    files = Workdir(workdir)
    files.write("energy.json", found)
    title = f"{run.name} on {run.config['dataset']}, step {run.config['step']}"
    files.save_figure(draw(pd.DataFrame(found).T, title), "energy.png")
    return found


def draw(table: pd.DataFrame, title: str):
    """A group of bars for each row of shares, a bar for each column."""
    figure, axes = new_figure(figsize=(6, 3.4))
    table.plot.bar(ax=axes, rot=0, width=0.8)
    axes.set(ylabel="invariant share of the weights' energy", title=title)
    return figure


def _quadratic(network: Any, name: str) -> PolynomialDense:
    layer = getattr(network, "polynomial", None)
    if not isinstance(layer, PolynomialDense) or layer.degree != 2:
        raise ValueError(
            "run must be one of a network with a layer of quadratic polynomials, such as "
            f"quadratic_mlp, got one of {name}"
        )
    return layer


def _share(layer: PolynomialDense, group: wn.groups.ImageAction) -> float:
    invariant, total = invariant_energy(layer, group)
    return float(invariant.sum() / total.sum())
