"""Trains the zoo with several seeds and prints the table of results.

python -m training.tabulate --dataset=mnist --manual_dir=...

Each run is one of `training.train` with the network's recipe, in a folder of its own under
--workdir; runs that are there already are not repeated, so an interrupted table goes on.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

import weirdonetworks as wn
from training.cli import app
from training.engine import workdir as results
from training.cli import flags as shared
from training.evaluate import evaluate
from training.engine.scoring import ANGLES
from training.train import train_and_evaluate

COLUMNS = ("network", "seed", "test_accuracy", "rotated_accuracy", "parameters", "seconds")


def tabulate(
    networks: Sequence[str],
    dataset: str,
    seeds: Sequence[int],
    workdir: str | Path,
    **settings: Any,
) -> list[dict[str, Any]]:
    """Trains and scores every network with every seed, and returns a row for each run.

    Writes runs.csv, table.md and rotations.png to the workdir after each run. `settings` go to
    `train.train_and_evaluate`.

    Raises:
      ValueError: no networks or seeds, or one of them twice, or whatever training refuses.
    """
    if not networks or not seeds:
        raise ValueError(f"networks and seeds must not be empty, got {networks!r} and {seeds!r}")
    for name, values in (("networks", networks), ("seeds", seeds)):
        if len(set(values)) < len(values):
            raise ValueError(f"{name} must differ from one another, got {values!r}")
    table = results.Workdir(workdir)
    rows, curves = [], {}
    for network in networks:
        for seed in seeds:
            run = table.path / f"{network}-seed{seed}"
            trained = train_and_evaluate(network, dataset, run, seed=seed, resume=True, **settings)
            paths = {key: settings.get(key) for key in ("data_dir", "manual_dir")}
            turned = evaluate(run, angles=ANGLES, **paths)
            scores = {**trained, "rotated_accuracy": turned["rotated_accuracy"]}
            rows.append({key: scores[key] for key in COLUMNS})
            curves.setdefault(network, []).append(turned["accuracy_by_angle"])
            table.write_text("runs.csv", results.to_csv(rows, COLUMNS))
            table.write_text("table.md", to_markdown(rows))
            _draw(table, dataset, curves)
    return rows


def to_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each network: mean and spread (sample standard deviation) over its seeds."""
    lines = [
        "| network | parameters | seeds | test accuracy % | turned % | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for network in dict.fromkeys(row["network"] for row in rows):
        runs = [row for row in rows if row["network"] == network]
        lines.append(
            f"| {network} | {runs[0]['parameters']:,} | "
            f"{', '.join(str(row['seed']) for row in runs)} | "
            f"{results.mean_and_spread([100 * row['test_accuracy'] for row in runs])} | "
            f"{results.mean_and_spread([100 * row['rotated_accuracy'] for row in runs])} | "
            f"{statistics.mean(row['seconds'] for row in runs):.0f} |"
        )
    return "\n".join(lines) + "\n"


def parse_seeds(words: Sequence[str]) -> list[int]:
    """["0", "1"] -> [0, 1]; ValueError for other words."""
    if not all(word.isdecimal() for word in words):
        raise ValueError(f"seeds must be integers >= 0, got {words!r}")
    return [int(word) for word in words]


def _draw(table: results.Workdir, dataset: str, curves: dict[str, list[list[float]]]) -> None:
    """Accuracy against angle: a line for each network, a band from its worst seed to its best."""
    figure, axes = results.new_figure(figsize=(7.5, 3.8))
    for network, runs in curves.items():
        percent = 100 * np.array(runs)
        axes.plot(ANGLES, percent.mean(axis=0), "o-", markersize=3, label=network)
        axes.fill_between(ANGLES, percent.min(axis=0), percent.max(axis=0), alpha=0.3)
    axes.set(
        xlabel="rotation of the test images in degrees",
        ylabel="accuracy in %",
        ylim=(0, 101),
        title=f"Trained on upright {dataset}, tested at 24 angles",
    )
    figure.legend(loc="outside right upper")
    table.save_figure(figure, "rotations.png")


_DEFAULT_NETWORKS = [name for name in wn.list_networks() if name != "polynomial_mlp"]

NETWORKS = flags.DEFINE_list(
    "networks", None, "Which networks, separated by commas; the command's own choice by default."
)
SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Which seeds, separated by commas.")
flags.adopt_module_key_flags(shared)


def main() -> None:
    networks = _DEFAULT_NETWORKS if NETWORKS.value is None else NETWORKS.value
    for network in networks:
        if network not in wn.list_networks():
            raise ValueError(f"networks must be among {wn.list_networks()}, got {network!r}")
    workdir = Path(shared.WORKDIR.value or Path("runs") / f"table-{shared.DATASET.value}")
    rows = tabulate(
        networks,
        shared.DATASET.value,
        parse_seeds(SEEDS.value),
        workdir,
        data_dir=shared.DATA_DIR.value,
        manual_dir=shared.MANUAL_DIR.value,
        epochs=shared.EPOCHS.value,
    )
    print(to_markdown(rows), end="")
    print("turned: mean over 24 angles (5, 20, ..., 350 degrees) after training on upright images")
    print(f"written to {workdir}/: runs.csv, table.md, rotations.png, and a folder for each run")


if __name__ == "__main__":
    app.run(main)
