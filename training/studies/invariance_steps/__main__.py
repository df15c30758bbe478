"""Trains networks by different steps and measures how invariant each becomes.

python -m training.compare_steps --dataset=mnist --manual_dir=...

Each run is one of `training.train`, in a folder of its own under --workdir; runs that are there
already are not repeated, so an interrupted comparison goes on.
"""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

import weirdonetworks as wn
from training.cli import app
from training.cli import checks
from training.engine import workdir as results
from training import stability
from training.studies.zoo import __main__ as tabulate
from training.cli import flags as shared
from training.evaluate import evaluate
from training.engine.scoring import ANGLES
from training.train import train_and_evaluate

# The steps with the arguments chosen on the validation split, and what might make the projection
# work: settings of a run by name.
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "augment": {"step": "augment"},
    "penalty": {"step": "penalty"},
    "projected": {"step": "projected"},
    "dream": {"step": "dream"},
    "plain-invariant_start": {"invariant_start": True},
    "projected-invariant_start": {"step": "projected", "invariant_start": True},
    "projected-8_directions": {"step": "projected", "step_args": {"directions": 8}},
    "projected-per_layer": {"step": "projected", "step_args": {"per_layer": True}},
    "plain-sgd": {"optimizer": "sgd", "learning_rate": 0.1},
    "projected-sgd": {"step": "projected", "optimizer": "sgd", "learning_rate": 0.1},
}
STEPS = ("plain", "augment", "penalty", "projected", "dream")
COLUMNS = (
    "network",
    "variant",
    "seed",
    "test_accuracy",
    "rotated_accuracy",
    "worst_rotated_accuracy",
    "variance",
    "difference",
    "validation_accuracy",
    "seconds",
)


def compare(
    networks: Sequence[str],
    variants: Sequence[str],
    dataset: str,
    seeds: Sequence[int],
    workdir: str | Path,
    *,
    epochs: int | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
) -> list[dict[str, Any]]:
    """Trains and measures every network by every variant with every seed: a row for each run.

    Variance and difference are those of the class probabilities of the first 1,000 test images
    over the rotations of the circle (see `training.stability`); accuracies are of all of them.

    Writes runs.csv, table.md and rotations.png to the workdir after each run.

    Raises:
      ValueError: nothing to compare, a name twice, an unknown variant, or whatever training
        refuses.
    """
    for name, values in (("networks", networks), ("variants", variants), ("seeds", seeds)):
        checks.each_once(name, values)
    for name, values, known in (
        ("networks", networks, wn.list_networks()),
        ("variants", variants, VARIANTS),
    ):
        for value in values:
            if value not in known:
                raise ValueError(f"{name} must be among {list(known)}, got {value!r}")
    table = results.Workdir(workdir)
    paths = {"data_dir": data_dir, "manual_dir": manual_dir}
    rows, curves = [], {}
    for network in networks:
        for variant in variants:
            for seed in seeds:
                run = table.path / f"{network}-{variant}-seed{seed}"
                settings = {"seed": seed, "epochs": epochs, "resume": True, **paths}
                trained = train_and_evaluate(network, dataset, run, **VARIANTS[variant], **settings)
                turned = evaluate(run, angles=ANGLES, **paths)
                moved = stability.report(run, "rotation", images=1000, **paths)
                scores = {**moved, **turned, **trained, "variant": variant}
                rows.append({key: scores[key] for key in COLUMNS})
                curves.setdefault((network, variant), []).append(turned["accuracy_by_angle"])
                table.write_text("runs.csv", results.to_csv(rows, COLUMNS))
                table.write_text("table.md", to_markdown(rows))
                _draw(table, dataset, curves)
    return rows


def to_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each network and variant: mean ± sample standard deviation over its seeds."""
    lines = [
        "| network | step | upright % | turned % | worst % | variance | difference | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for network, variant in dict.fromkeys((row["network"], row["variant"]) for row in rows):
        runs = [row for row in rows if (row["network"], row["variant"]) == (network, variant)]
        percent = [
            results.mean_and_spread([100 * row[key] for row in runs])
            for key in ("test_accuracy", "rotated_accuracy", "worst_rotated_accuracy")
        ]
        moved = [
            results.mean_and_spread([row[key] for row in runs], digits)
            for key, digits in (("variance", 4), ("difference", 3))
        ]
        seconds = f"{statistics.mean(row['seconds'] for row in runs):.0f}"
        lines.append(f"| {' | '.join([network, variant, *percent, *moved, seconds])} |")
    return "\n".join(lines) + "\n"


def _draw(table: results.Workdir, dataset: str, curves: Mapping[tuple[str, str], Any]) -> None:
    """Accuracy against angle: a panel for each network, a line for each variant."""
    networks = list(dict.fromkeys(network for network, _ in curves))
    figure, axes = results.new_figure(
        1, len(networks), figsize=(6 * len(networks) + 2, 3.8), squeeze=False
    )
    for axis, network in zip(axes[0], networks, strict=True):
        for (of, variant), runs in curves.items():
            if of == network:
                percent = 100 * np.array(runs)
                axis.plot(ANGLES, percent.mean(axis=0), "o-", markersize=3, label=variant)
                axis.fill_between(ANGLES, percent.min(axis=0), percent.max(axis=0), alpha=0.3)
        axis.set(xlabel="rotation of the test images in degrees", ylim=(0, 101), title=network)
    axes[0, 0].set(ylabel="accuracy in %")
    longest = max(axes[0], key=lambda axis: len(axis.lines))
    figure.legend(*longest.get_legend_handles_labels(), loc="outside right upper")
    figure.suptitle(f"Trained on {dataset} by different steps, tested at 24 angles")
    table.save_figure(figure, "rotations.png")


_VARIANTS = flags.DEFINE_list(
    "variants", list(STEPS), f"Which of {', '.join(VARIANTS)}, separated by commas."
)
flags.declare_key_flag("networks")
flags.declare_key_flag("seeds")
flags.adopt_module_key_flags(shared)


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / f"steps-{shared.DATASET.value}")
    rows = compare(
        ["mlp", "synchronous_mlp"] if tabulate.NETWORKS.value is None else tabulate.NETWORKS.value,
        _VARIANTS.value,
        shared.DATASET.value,
        tabulate.parse_seeds(tabulate.SEEDS.value),
        workdir,
        epochs=shared.EPOCHS.value,
        data_dir=shared.DATA_DIR.value,
        manual_dir=shared.MANUAL_DIR.value,
    )
    print(to_markdown(rows), end="")
    print("turned, worst: mean and least accuracy over 24 angles (5, 20, ..., 350 degrees)")
    print("variance, difference: of the class probabilities of 1,000 images over all rotations")
    print(f"written to {workdir}/: runs.csv, table.md, rotations.png, and a folder for each run")


if __name__ == "__main__":
    app.run(main)
