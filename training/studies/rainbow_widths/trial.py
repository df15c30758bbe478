"""One network trained, networks drawn from it, and what is left of it in other trainings."""

import functools
from typing import Any

from training.analyse import sampled
from training.analyse.alignment import align
from training.data import Dataset
from training.engine.run import Run, initial_network
from training.engine.train import fit

# Of all widths, and not chosen for any: large batches and few epochs, so that it is quick.
RECIPE: dict[str, Any] = {"batch_size": 500, "learning_rate": 2e-3}
DEPTH = 2


@functools.lru_cache(maxsize=3)  # a network is the partner of others after its own trial
def train(width: int, dataset: Dataset, epochs: int, seed: int) -> Run:
    """An MLP of two hidden layers."""
    arguments = {"hidden_sizes": (width,) * DEPTH, "dropout": 0.0}
    settings = {**RECIPE, "epochs": epochs, "network_args": arguments}
    return fit("mlp", dataset, seed=seed, progress=False, **settings)


def trial(
    axes: dict[str, Any],
    seed: int,
    choice: None,
    *,
    epochs: int,
    draws: int,
    images: int,
    partners: int,
) -> dict[str, list[dict[str, Any]]]:
    """Tables: `runs`, a row; `samples`, a row for each network that is scored; `alignment`, rows
    of what is left between the training of each partner, `first`, and this one."""
    width, dataset = axes["width"], axes["dataset"]
    run = train(width, dataset, epochs, seed)
    row = {
        "parameters": run.parameters,
        "validation_accuracy": float(run.history["validation_accuracy"].iloc[-1]),
        "test_accuracy": run.evaluate("test"),
        "seconds": float(run.history["seconds"].sum()),
    }
    samples = sampled.score_samples(run.network, dataset, seed, draws, images)
    aligned = []
    for first in range(max(0, seed - partners), seed):
        pair = [train(width, dataset, epochs, first), run]
        aligned += [{"first": first, **found} for found in _align(pair, dataset, images)]
    tables = {"runs": [row], "samples": samples, "alignment": aligned}
    return {name: rows for name, rows in tables.items() if rows}


def _align(pair: list[Run], dataset: Dataset, images: int) -> list[dict[str, Any]]:
    """What is left between two runs, before training and after it."""
    inputs = sampled.some_images(dataset.train, images)
    held_out = sampled.some_images(dataset.validation, images)
    networks = {
        "initial": [initial_network(run.config) for run in pair],
        "trained": [run.network for run in pair],
    }
    return [
        {"state": state, **row}
        for state, both in networks.items()
        for row in align(*both, inputs, held_out)
    ]
