"""The share of a quadratic network's weights that is invariant under groups."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import weirdonetworks as wn
from training.engine.fit import initial_network, load_run
from training.engine.workdir import Workdir
from training.report.figures import new_figure
from weirdonetworks.groups import get_group
from weirdonetworks.layers import PolynomialDense, invariant_energy, monomial_orbits

GROUPS = ("cyclic2", "cyclic4", "dihedral4")


def energy(
    workdir: str | Path, groups: Sequence[str] = GROUPS
) -> dict[str, dict[str, float]]:
    """The share of the energy of a run's quadratic forms that is invariant, for each group.

    sum_o |P A_o|^2 / sum_o |A_o|^2 over the outputs of the network's quadratic layer (see
    `layers.invariant_energy`): `initial`, with the weights that training began with, and
    `trained`; beside them `dimension`, the share of the invariant polynomials among all homogeneous
    ones. Writes energy.json and energy.png to the workdir.

    Raises:
      ValueError: no run, one of a network without a layer of quadratic polynomials, or a group
        that does not act exactly.
    """
    run = load_run(workdir)
    config, image_shape = run.config, run.config["image_shape"]
    layer = _quadratic(run.network, run.name)
    initial = initial_network(config)
    shares = {}
    for name in groups:
        group = get_group(name, tuple(image_shape[:2]))
        orbits = monomial_orbits(group, image_shape[2], 2, homogeneous=True)
        shares[name] = {
            "dimension": (orbits.max() + 1) / len(orbits),
            "initial": _share(_quadratic(initial, run.name), group),
            "trained": _share(layer, group),
        }
    files = Workdir(workdir)
    files.write("energy.json", shares)
    figure, axes = new_figure(figsize=(6, 3.4))
    for i, key in enumerate(("dimension", "initial", "trained")):
        places = [j + 0.27 * (i - 1) for j in range(len(shares))]
        axes.bar(places, [share[key] for share in shares.values()], 0.25, label=key)
    axes.set(xticks=range(len(shares)), ylabel="invariant share of the weights' energy")
    axes.set_xticklabels(shares)
    axes.set_title(f"{run.name} on {config['dataset']}, step {config['step']}")
    axes.legend()
    files.save_figure(figure, "energy.png")
    return shares


def _quadratic(network: Any, name: str) -> PolynomialDense:
    layer = getattr(network, "polynomial", None)
    if not isinstance(layer, PolynomialDense) or layer.degree != 2:
        raise ValueError(
            "workdir must hold a run of a network with a layer of quadratic polynomials, such as "
            f"quadratic_mlp, got one of {name}"
        )
    return layer


def _share(layer: PolynomialDense, group: wn.groups.ImageAction) -> float:
    invariant, total = invariant_energy(layer, group)
    return float(invariant.sum() / total.sum())
