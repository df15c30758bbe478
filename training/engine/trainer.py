"""One network trained again and again, from other seeds and at other rates, compiled once."""

import time
from typing import Any

import tensorflow as tf

import weirdonetworks as wn
from training import data
from training.engine import workdir as results
from training.engine.loop import Loop, scale
from training.engine.recipes import Recipe
from training.engine.scoring import Scorer


class Trainer:
    """Runs as `train.train_and_evaluate` makes them, without its files, from the same draws.

    That one compiles each run anew, for seconds and 65 MB that are never freed: many times what a
    small network needs to be trained. Here seed and peak of the learning rate are no constants of
    the compiled loop, so that the rate may differ in its last bit. For a recipe whose step draws
    nothing (`plain`).
    """

    def __init__(self, network: str, splits: data.Dataset, recipe: Recipe):
        """Raises ValueError for another step, or what network or loop refuse."""
        if recipe.step != "plain" or recipe.invariant_start:
            raise ValueError(f"recipe must have the step 'plain' and no other start, got {recipe}")
        self._network, self._splits, self._recipe = network, splits, recipe
        self._peak = tf.Variable(recipe.learning_rate, trainable=False)
        self.module = self._new()
        settings = {**recipe.loop_settings(), "learning_rate": self._peak}
        self._loop = Loop(self.module, splits.train, **settings)
        self._scorer = Scorer(self.module)
        self._start = [(variable, variable.numpy()) for variable in self._loop.optimizer.variables]

    def _new(self):
        return wn.create_network(self._network, data.NUM_CLASSES, **self._recipe.network_args)

    def run(self, seed: int, learning_rate: float, score_test: bool) -> dict[str, Any]:
        """A row: status, validation_accuracy, test_accuracy ("" without `score_test`), parameters
        and seconds. A run whose loss or weights become NaN or infinite has the status "diverged"
        and no accuracies."""
        self._begin(seed, learning_rate)
        row = {"status": "done", "validation_accuracy": "", "test_accuracy": ""}
        row["parameters"] = results.num_parameters(self.module)
        start = time.perf_counter()
        try:
            for _ in range(self._recipe.epochs):
                self._loop.run_epoch()
        except FloatingPointError:
            row["status"] = "diverged"
        row["seconds"] = time.perf_counter() - start
        if row["status"] == "done":
            row["validation_accuracy"] = self._scorer.accuracy(self._splits.validation)
            if score_test:
                row["test_accuracy"] = self._scorer.accuracy(self._splits.test)
        return row

    def _begin(self, seed: int, learning_rate: float) -> None:
        """Gives the network the variables of a new one, and the optimizer those it began with."""
        tf.random.set_seed(seed)
        fresh = self._new()
        fresh(scale(tf.constant(self._splits.train.images[:1])), is_training=False)
        for variable, value in zip(self.module.variables, fresh.variables, strict=True):
            variable.assign(value)
        for variable, value in self._start:
            variable.assign(value)
        self._peak.assign(learning_rate)
        self._loop.step.assign(0)
        self._loop.seed = seed
