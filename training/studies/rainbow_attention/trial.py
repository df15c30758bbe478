"""One network trained, and networks drawn from it."""

import dataclasses
from typing import Any

import numpy as np

from training.analyse.sampled import accuracy, draw_seed, some_images
from training.data import Split
from training.engine import Recipe, fit
from training.studies.rainbow_attention.__main__ import DRAWS
from weirdonetworks.analysis import sample_attention

RATE = 1e-2  # of all sizes, and not chosen for any


def trial(
    axes: dict[str, Any],
    seed: int,
    choice: None,
    *,
    epochs: int,
    images: int,
    draws: int,
    aligning: int,
) -> dict[str, list[dict[str, Any]]]:
    """Tables: `runs`, a row; `samples`, a row for each network that is scored on the test set.

    Raises FloatingPointError if the training diverges.
    """
    dataset, size = axes["dataset"], axes["size"]
    some = np.random.default_rng(seed).permutation(len(dataset.train))[:images]
    train = Split(dataset.train.images[some], dataset.train.labels[some])
    dataset = dataclasses.replace(dataset, train=train)
    recipe = Recipe({"size": size, "mlp_size": 2 * size, "heads": 2, "alpha": 1.0}, epochs=epochs)
    recipe = dataclasses.replace(recipe, learning_rate=RATE)
    run = fit("row_attention", dataset, recipe, seed=seed, progress=False)
    inputs, test = some_images(train, aligning), dataset.test
    samples = [{"drawn": "trained", "draw": "", "test_accuracy": accuracy(run.network, test)}]
    for draw in range(draws):
        for kind, arguments in DRAWS.items():
            network = sample_attention(run.network, inputs, draw_seed(seed, draw), **arguments)
            score = accuracy(network, test)
            samples.append({"drawn": kind, "draw": draw, "test_accuracy": score})
    row = {
        "parameters": run.parameters,
        "validation_accuracy": float(run.history["validation_accuracy"].iloc[-1]),
        "seconds": float(run.history["seconds"].sum()),
    }
    return {"runs": [row], "samples": samples}
