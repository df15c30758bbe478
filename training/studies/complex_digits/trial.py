"""One network on digits of one kind of scan, with one seed."""

import functools
import time
from typing import Any

import numpy as np
import tensorflow as tf

from training.data import Dataset, Split, mnist_kspace
from training.engine import Loop, Recipe, Scorer
from training.experiments import CHOICE_SEED
from training.studies.complex_digits import networks
from weirdonetworks.nets import count_numbers


def trial(
    axes: dict[str, Any], seed: int, choice: float, *, epochs: int, units: int
) -> dict[str, Any]:
    """A row: accuracies, numbers, seconds; what chooses a rate does not see the test set.

    Raises FloatingPointError if the training diverges.
    """
    data = undersampled(scanned(axes["dataset"], axes["phase"]), axes["step"])
    tf.random.set_seed(seed)
    centred = data.train.images / np.float32(255) - np.float32(mnist_kspace.ZERO / 255)
    network = networks.create(
        axes["kind"], data.num_classes, centred[0].size // 2, units, float(centred.std())
    )
    start = time.perf_counter()
    batch_size = min(200, len(data.train))
    recipe = Recipe(epochs=epochs, batch_size=batch_size, learning_rate=choice)
    loop = Loop(network, data.train, recipe, seed)
    for _ in range(epochs):
        loop.run_epoch()
    scorer = Scorer(network)
    row = {
        "validation_accuracy": scorer.accuracy(data.validation),
        "numbers": count_numbers(network).trained,
        "seconds": time.perf_counter() - start,
    }
    if seed != CHOICE_SEED:
        row["test_accuracy"] = scorer.accuracy(data.test)
    return row


@functools.lru_cache(maxsize=1)  # of steps and kinds in sequence
def scanned(dataset: Dataset, phase: str) -> Dataset:
    """Its digits as they are measured, by phase: of a digit `none`, `global`, or `coil`'s as well.

    Raises:
      ValueError: images of several channels.
    """
    if dataset.image_shape[2] != 1:
        raise ValueError(f"dataset must have images of one channel, got {dataset.image_shape}")
    random = np.random.RandomState(2020)

    def scan(split: Split) -> Split:
        k = mnist_kspace.measure(split.images, random, with_phase=phase == "coil")
        if phase == "global":
            k *= np.exp(2j * np.pi * random.uniform(size=(len(k), 1, 1)))
        return Split(mnist_kspace.pixels(k), split.labels)

    splits = {name: scan(getattr(dataset, name)) for name in ("train", "validation", "test")}
    return Dataset(f"{dataset.name}, {phase}", dataset.num_classes, **splits)


def undersampled(dataset: Dataset, step: int) -> Dataset:
    """Each `step`-th line of all images."""
    splits = {
        name: Split(mnist_kspace.undersample(part.images, step), part.labels)
        for name in ("train", "validation", "test")
        for part in [getattr(dataset, name)]
    }
    return Dataset(f"{dataset.name}, {step}", dataset.num_classes, **splits)
