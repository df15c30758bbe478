"""Does a quadratic network choose invariant polynomials? Measures a finished run's weights.

python -m training.energy --workdir=runs/...
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import flags

import weirdonetworks as wn
from training.cli import app
from training import data
from training.engine import workdir as results
from training.cli import flags as shared
from training.evaluate import load_run
from weirdonetworks.groups import get_group
from weirdonetworks.layers import PolynomialDense, invariant_energy, monomial_orbits

GROUPS = ("cyclic2", "cyclic4", "dihedral4")


def energy(workdir: str | Path, groups: Sequence[str] = GROUPS) -> dict[str, dict[str, float]]:
    """The share of the energy of a run's quadratic forms that is invariant, for each group.

    sum_o |P A_o|^2 / sum_o |A_o|^2 over the outputs of the network's quadratic layer (see
    `layers.invariant_energy`): `initial`, with the weights that training began with, and
    `trained`; beside them `dimension`, the share of the invariant polynomials among all homogeneous
    ones. Writes energy.json and energy.png to the workdir.

    Raises:
      ValueError: no run, one of a network without a layer of quadratic polynomials, or a group
        that does not act exactly.
    """
    network, config = load_run(workdir)
    layer = _quadratic(network, config["network"])
    # As in training: the seed is set, and the first call makes the weights.
    initial = wn.create_network(config["network"], data.NUM_CLASSES, **config["network_args"])
    tf.random.set_seed(config["seed"])
    initial(tf.zeros([1, *data.IMAGE_SHAPE]))
    shares = {}
    for name in groups:
        group = get_group(name, data.IMAGE_SHAPE[:2])
        orbits = monomial_orbits(group, data.IMAGE_SHAPE[2], 2, homogeneous=True)
        shares[name] = {
            "dimension": (orbits.max() + 1) / len(orbits),
            "initial": _share(_quadratic(initial, config["network"]), group),
            "trained": _share(layer, group),
        }
    run = results.Workdir(workdir)
    run.write("energy.json", shares)
    figure, axes = results.new_figure(figsize=(6, 3.4))
    for i, key in enumerate(("dimension", "initial", "trained")):
        places = [j + 0.27 * (i - 1) for j in range(len(shares))]
        axes.bar(places, [share[key] for share in shares.values()], 0.25, label=key)
    axes.set(xticks=range(len(shares)), ylabel="invariant share of the weights' energy")
    axes.set_xticklabels(shares)
    axes.set_title(f"{config['network']} on {config['dataset']}, step {config['step']}")
    axes.legend()
    run.save_figure(figure, "energy.png")
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


_GROUPS = flags.DEFINE_list("groups", list(GROUPS), "Which exact groups, separated by commas.")
flags.declare_key_flag("workdir")


def main() -> None:
    if not shared.WORKDIR.value:
        raise ValueError("workdir must be given: --workdir=FOLDER of a run")
    shares = energy(shared.WORKDIR.value, _GROUPS.value)
    print(f"{'invariant share in %':24}{'dimension':>10}{'initial':>10}{'trained':>10}")
    for name, share in shares.items():
        print(f"{name:24}" + "".join(f"{100 * value:10.2f}" for value in share.values()))
    print(f"written to {shared.WORKDIR.value}/energy.json, energy.png")


if __name__ == "__main__":
    app.run(main)
