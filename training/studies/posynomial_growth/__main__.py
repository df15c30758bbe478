"""Trains networks of posynomials of growing size: accuracy against terms and depth.

python -m training.grow_posynomials --dataset=mnist

Each run is one of `training.train` with the network's recipe but for the epochs, in a folder of its
own under --workdir; runs that are there already are not repeated, so an interrupted grid goes on.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from training.cli import app
from training.cli import checks
from training.engine import workdir as results
from training.studies.zoo import __main__ as tabulate
from training.cli import flags as shared
from training.train import train_and_evaluate
from weirdonetworks import _checks

# What grows: a network of the zoo, and its arguments beside num_terms and depth. With one layer,
# the convex one is the first again.
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "posynomial_mlp": ("posynomial_mlp", {}),
    "posynomial_mlp-convex": ("posynomial_mlp", {"nonnegative_exponents": True}),
    "signomial_mlp": ("signomial_mlp", {}),
}
EPOCHS = 5
COLUMNS = (
    "network",
    "depth",
    "num_terms",
    "seed",
    "parameters",
    "validation_accuracy",
    "test_accuracy",
    "seconds",
)


def grow(
    networks: Sequence[str],
    term_counts: Sequence[int],
    depths: Sequence[int],
    dataset: str,
    seeds: Sequence[int],
    workdir: str | Path,
    *,
    epochs: int | None = None,
    **settings: Any,
) -> list[dict[str, Any]]:
    """Trains every network with every depth, number of terms and seed: a row for each run.

    Writes runs.csv, table.md and growth.png to the workdir after each run. `settings` go to
    `train.train_and_evaluate`; epochs are 5 if not given, fewer than the recipes'.

    Raises:
      ValueError: nothing to train, a value twice, an unknown network, or whatever training
        refuses.
    """
    for name, values in {
        "networks": [_checks.choice("networks", name, NETWORKS) for name in networks],
        "term_counts": _checks.sizes("term_counts", term_counts),
        "depths": _checks.sizes("depths", depths),
        "seeds": seeds,
    }.items():
        checks.each_once(name, values)
    grid = results.Workdir(workdir)
    rows = []
    for label, depth, num_terms, seed in itertools.product(networks, depths, term_counts, seeds):
        network, arguments = NETWORKS[label]
        trained = train_and_evaluate(
            network,
            dataset,
            grid.path / f"{label}-depth{depth}-terms{num_terms}-seed{seed}",
            seed=seed,
            resume=True,
            epochs=EPOCHS if epochs is None else epochs,
            network_args={**arguments, "num_terms": num_terms, "depth": depth},
            **settings,
        )
        scores = {**trained, "network": label, "depth": depth, "num_terms": num_terms}
        rows.append({key: scores[key] for key in COLUMNS})
        grid.write_text("runs.csv", results.to_csv(rows, COLUMNS))
        grid.write_text("table.md", to_markdown(rows))
        _draw(grid, dataset, rows)
    return rows


def to_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each network and depth, a column for each number of terms: test accuracy in %,
    mean ± sample standard deviation over the seeds."""
    terms = sorted({row["num_terms"] for row in rows})
    lines = [
        f"| network | depth | {' | '.join(f'{n} terms' for n in terms)} |",
        "|---" * (2 + len(terms)) + "|",
    ]
    for (label, depth), percent in _by_line(rows).items():
        cells = [results.mean_and_spread(percent[n]) if n in percent else "" for n in terms]
        lines.append(f"| {label} | {depth} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _by_line(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], dict[int, list[float]]]:
    """{(network, depth): {num_terms: test accuracies in % of all seeds}}."""
    lines: dict[tuple[str, int], dict[int, list[float]]] = {}
    for row in rows:
        line = lines.setdefault((row["network"], row["depth"]), {})
        line.setdefault(row["num_terms"], []).append(100 * row["test_accuracy"])
    return lines


def _draw(grid: results.Workdir, dataset: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Test error against terms: a panel for each network, a line for each depth."""
    labels = list(dict.fromkeys(row["network"] for row in rows))
    size = (3.4 * len(labels) + 1, 3.6)
    figure, axes = results.new_figure(1, len(labels), squeeze=False, figsize=size)
    for axis in axes[0, 1:]:
        axis.sharey(axes[0, 0])
    for (label, depth), percent in _by_line(rows).items():
        axis, color, terms = axes[0, labels.index(label)], f"C{depth - 1}", sorted(percent)
        errors = [100 - np.array(percent[n]) for n in terms]
        axis.plot(terms, [e.mean() for e in errors], "o-", color=color, label=f"depth {depth}")
        low, high = [e.min() for e in errors], [e.max() for e in errors]
        axis.fill_between(terms, low, high, color=color, alpha=0.3)
        axis.set(xlabel="monomials in each layer", title=label, xscale="log", yscale="log")
        ticks = sorted({row["num_terms"] for row in rows})
        axis.set_xticks(ticks, labels=[str(n) for n in ticks])
        axis.minorticks_off()
        axis.set_yticks([1, 2, 5, 10, 20, 50], labels=["1", "2", "5", "10", "20", "50"])
        axis.legend()
    axes[0, 0].set(ylabel="test error in %")
    figure.suptitle(f"Posynomials of posynomials on {dataset}: mean, best and worst seed")
    grid.save_figure(figure, "growth.png")


_TERM_COUNTS = flags.DEFINE_list(
    "term_counts", ["16", "64", "256", "1024"], "Monomials in each layer, separated by commas."
)
_DEPTHS = flags.DEFINE_list(
    "depths", ["1", "2", "3"], "Layers of posynomials, separated by commas."
)
flags.declare_key_flag("networks")
flags.declare_key_flag("seeds")
flags.adopt_module_key_flags(shared)


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / f"posynomials-{shared.DATASET.value}")
    rows = grow(
        list(NETWORKS) if tabulate.NETWORKS.value is None else tabulate.NETWORKS.value,
        _integers("term_counts", _TERM_COUNTS.value),
        _integers("depths", _DEPTHS.value),
        shared.DATASET.value,
        tabulate.parse_seeds(tabulate.SEEDS.value),
        workdir,
        epochs=shared.EPOCHS.value,
        data_dir=shared.DATA_DIR.value,
        manual_dir=shared.MANUAL_DIR.value,
    )
    print(to_markdown(rows), end="")
    print(f"test accuracy in % after {shared.EPOCHS.value or EPOCHS} epochs")
    print(f"written to {workdir}/: runs.csv, table.md, growth.png, and a folder for each run")


def _integers(name: str, words: Sequence[str]) -> list[int]:
    if not all(word.isdecimal() for word in words):
        raise ValueError(f"{name} must be integers >= 1, got {words!r}")
    return [int(word) for word in words]


if __name__ == "__main__":
    app.run(main)
