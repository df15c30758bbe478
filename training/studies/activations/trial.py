"""One activation in one network, with one seed, at one learning rate."""

import functools
from typing import Any

from training.data import Dataset
from training.engine import Recipe
from training.engine.trainer import Repeated
from training.experiments import CHOICE_SEED
from training.studies.activations.networks import NETWORKS, effort


def trial(axes: dict[str, Any], seed: int, choice: float, *, epochs: int) -> dict[str, Any]:
    """A row: accuracies, parameters and seconds; what chooses a rate does not see the test set.

    Raises FloatingPointError if the training diverges.
    """
    runs = _runs(axes["network"], axes["activation"], axes["dataset"], epochs)
    splits = ("validation",) if seed == CHOICE_SEED else ("validation", "test")
    return runs.run(seed, choice, splits)


@functools.lru_cache(maxsize=1)
def _runs(network: str, activation: str, dataset: Dataset, epochs: int) -> Repeated:
    """Compiled once for all trials of an activation in a network that follow one another."""
    return Repeated(network, dataset, recipe(network, activation, len(dataset.train), epochs))


def recipe(network: str, activation: str, images: int, epochs: int = 0) -> Recipe:
    """How a network with this activation is trained on this number of images."""
    arguments = {**NETWORKS[network], "activation": activation}
    own = effort(images)
    return Recipe(arguments, epochs=epochs or own.epochs[network], batch_size=own.batch_size)
