"""One network, trained on one number of canvases with one number of distractors."""

import functools
import time
from typing import Any

import numpy as np
import tensorflow as tf

from training.data import Dataset
from training.engine.optimizers import create_optimizer, scheduled
from training.engine.trainer import Trainer
from training.engine.workdir import num_parameters
from training.experiments import CHOICE_SEED
from training.studies.find_copy.canvases import CANVAS, DIGIT, Canvases, draw
from training.studies.find_copy.networks import MIDDLE, REACH, Finder

BATCH_SIZE = 50
SCORED = 1000  # canvases of the validation split, twice as many of the test split
LOOKS = 10


def trial(axes: dict[str, Any], seed: int, rate: float, *, steps: int) -> dict[str, Any]:
    """How often the nearest digit is the right one, with the weights of the best look.

    The validation canvases are looked at ten times; the test canvases once, and not by what
    chooses a rate.

    Raises:
      FloatingPointError: the network has diverged.
    """
    dataset, distractors, size = axes["dataset"], axes["distractors"], axes["canvases"]
    training = _training(axes["network"], steps)
    started = time.perf_counter()
    data = draw(dataset.train, size, distractors, [seed, 0])
    row = training.run(data, scored(dataset, "validation", distractors), seed, rate)
    row |= {"parameters": num_parameters(training.network)}
    if seed != CHOICE_SEED:
        row["test_accuracy"] = training.success(scored(dataset, "test", distractors))
    return row | {"seconds": time.perf_counter() - started}


@functools.lru_cache(maxsize=4)
def scored(dataset: Dataset, split: str, distractors: int) -> Canvases:
    """The canvases of a split other than the training split: the same for all trials."""
    test = split == "test"
    return draw(getattr(dataset, split), (1 + test) * SCORED, distractors, [0, 1 + test])


class Training:
    """Trains networks of one kind by squared distance, with any rate and seed, compiled once."""

    def __init__(self, network: str, steps: int):
        """Adam, with a rate that falls to 0 linearly."""
        self._steps, self._peak = steps, tf.Variable(1e-3, trainable=False)

        def make():
            finder = Finder(network)
            finder(tf.zeros([1, CANVAS, CANVAS]), tf.zeros([1, DIGIT, DIGIT]))
            return finder

        def loss(finder, i, order, canvases, cues, places):
            batch = tf.slice(order, [i * BATCH_SIZE], [BATCH_SIZE])
            found = finder(tf.gather(canvases, batch), tf.gather(cues, batch))
            return tf.reduce_mean(tf.square(found - tf.gather(places, batch)))

        def falling(i):
            return scheduled("linear", self._peak, i, steps, 0)

        self._trainer = Trainer(make, loss, create_optimizer("adam", 1.0), falling)
        self.network = self._trainer.network
        self._find = tf.function(self.network, jit_compile=True, autograph=False)

    def run(self, data: Canvases, validation: Canvases, seed: int, rate: float) -> dict[str, Any]:
        """Trains anew, and leaves the network as it was at its best look at the validation set.

        Raises:
          FloatingPointError: an output is not finite.
        """
        self._peak.assign(rate)
        self._trainer.begin(seed)
        rng = np.random.default_rng([seed, 3])
        passes = -(-self._steps * BATCH_SIZE // len(data.cues))
        order = np.concatenate([rng.permutation(len(data.cues)) for _ in range(passes)])
        places = (data.centres[:, 0] - MIDDLE) / REACH
        order, *arrays = map(
            tf.constant, (order.astype(np.int32), data.canvases, data.cues, places)
        )
        looks = np.linspace(0, self._steps, LOOKS + 1).round().astype(int)
        best, kept = (-1.0, 0), []
        for first, last in zip(looks, looks[1:], strict=False):
            self._trainer.run(int(first), int(last), order, *arrays)
            now = self.success(validation)
            if now > best[0]:
                best = now, int(last)
                kept = [variable.numpy() for variable in self.network.variables]
        row = {"best_step": best[1], "validation_accuracy": best[0]}
        row["train_accuracy"] = self.success(Canvases(*(each[:SCORED] for each in data)))
        for variable, value in zip(self.network.variables, kept, strict=True):
            variable.assign(value)
        return row

    def success(self, data: Canvases) -> float:
        """The share of canvases of which the digit nearest to what is found is the right one.

        Raises:
          FloatingPointError: an output is not finite.
        """
        parts = range(0, len(data.cues), 500)
        found = [self._find(data.canvases[i : i + 500], data.cues[i : i + 500]) for i in parts]
        found = np.concatenate(found) * REACH + MIDDLE
        if not np.isfinite(found).all():
            raise FloatingPointError("an output of the network is not finite")
        return float(np.mean(nearest(found, data.centres) == 0))


def nearest(found: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Which of the digits is nearest to each place, [n]."""
    return np.square(centres - found[:, None]).sum(axis=2).argmin(axis=1)


@functools.lru_cache(maxsize=1)
def _training(network: str, steps: int) -> Training:
    """Compiled once in a process for each number of canvases."""
    return Training(network, steps)
