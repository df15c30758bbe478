"""One network of one kind, trained by one optimizer at one rate."""

import functools
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from training.data import Dataset, Split
from training.engine.loop import scale
from training.engine.optimizers import create_optimizer
from training.engine.scoring import Scorer
from training.engine.steps import cross_entropy
from training.engine.trainer import Trainer
from training.engine.workdir import num_parameters
from training.experiments import CHOICE_SEED
from training.studies.autoactivation_digits.networks import make
from weirdonetworks import _checks

HIDDEN_SIZES = (100, 100)
BATCH_SIZE = 100
LOOKS = 10  # at the validation split, each epoch
GOAL = 0.95  # of validation accuracy


def trial(axes: dict[str, Any], seed: int, rate: float, *, epochs: int) -> dict[str, Any]:
    """Steps to the goal, accuracies at the end, and the table `curves` of those on the way.

    A rate is chosen after one epoch.

    Raises:
      FloatingPointError: the network has diverged.
    """
    training = _training(axes["variant"], axes["optimizer"], axes["dataset"])
    started = time.perf_counter()
    steps, accuracies = training.run(seed, rate, 1 if seed == CHOICE_SEED else epochs)
    seconds = time.perf_counter() - started
    solved = crossing(steps, accuracies)
    row = {
        "steps": None if math.isnan(solved) else solved,
        "validation_accuracy": accuracies[-1],
        "test_accuracy": training.accuracy(axes["dataset"].test),
        "parameters": num_parameters(training.network),
        "seconds": seconds,
    }
    looks = zip(steps.tolist(), accuracies, strict=True)
    return {"runs": [row], "curves": [{"step": t, "validation_accuracy": a} for t, a in looks]}


class Training:
    """Trains one variant by one optimizer, with any rate and seed, by the same compiled loop.

    The rate is constant; an epoch is a permutation that is drawn from the seed and its number.
    """

    def __init__(
        self,
        variant: str,
        optimizer: str,
        dataset: Dataset,
        hidden_sizes: Sequence[int] = HIDDEN_SIZES,
        batch_size: int = BATCH_SIZE,
    ):
        """Raises ValueError for unknown names, a batch < 1, or fewer steps an epoch than looks."""
        batch_size = _checks.integer("batch_size", batch_size)
        self._validation, self._size = dataset.validation, len(dataset.train)
        self._steps_per_epoch = self._size // batch_size
        if self._steps_per_epoch < LOOKS:
            raise ValueError(
                f"batch_size must be at most a {LOOKS}th of the {self._size} training "
                f"images, got {batch_size}"
            )
        images, labels = tf.constant(dataset.train.images), tf.constant(dataset.train.labels)
        objective = cross_entropy(0.0)

        def loss(network, i, order):
            batch = tf.slice(order, [i * batch_size], [batch_size])
            return objective(network(scale(tf.gather(images, batch))), tf.gather(labels, batch))

        first = scale(images[:1])
        self._trainer = Trainer(
            functools.partial(make, variant, first, hidden_sizes, dataset.num_classes),
            loss,
            create_optimizer(optimizer, 1.0),
        )
        self.network = self._trainer.network
        self._scorer = Scorer(self.network)

    def run(self, seed: int, rate: float, epochs: int) -> tuple[np.ndarray, list[float]]:
        """Trains anew: the steps of the looks, and the validation accuracy at each of them.

        Raises:
          FloatingPointError: an output on the validation split is not finite.
        """
        looks = np.linspace(0, self._steps_per_epoch, LOOKS + 1).round().astype(int)
        starts = self._steps_per_epoch * np.arange(epochs)
        steps = np.concatenate([[0], *(start + looks[1:] for start in starts)])
        self._trainer.begin(seed)
        self._trainer.optimizer.learning_rate.assign(rate)
        accuracies = [self.accuracy(self._validation)]
        for epoch in range(epochs):
            generator = np.random.default_rng([seed, epoch])
            order = tf.constant(generator.permutation(self._size).astype(np.int32))
            for first, last in zip(looks, looks[1:], strict=False):
                self._trainer.run(int(first), int(last), order)
                accuracies.append(self.accuracy(self._validation))
        return steps, accuracies

    def accuracy(self, split: Split) -> float:
        """Of the network as it is now.

        Raises:
          FloatingPointError: an output is not finite.
        """
        outputs = self._scorer.probabilities(split.images)
        if not np.isfinite(outputs).all():
            raise FloatingPointError("an output of the network is not finite")
        return float(np.mean(np.argmax(outputs, axis=1) == split.labels))


@functools.lru_cache(maxsize=1)
def _training(variant: str, optimizer: str, dataset: Dataset) -> Training:
    """Compiled once in a process for all rates and seeds of a cell."""
    return Training(variant, optimizer, dataset)


def crossing(steps: np.ndarray, accuracies: Sequence[float]) -> float:
    """The step at which the goal is met, interpolated between looks; NaN where it is not met."""
    accuracies = np.asarray(accuracies)
    above = np.flatnonzero(accuracies >= GOAL)
    if not above.size:
        return math.nan
    i = above[0]
    if not i:
        return float(steps[0])
    low, high = accuracies[i - 1 : i + 1]
    return float(steps[i - 1] + (GOAL - low) / (high - low) * (steps[i] - steps[i - 1]))
