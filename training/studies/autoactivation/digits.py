"""Digits by networks of y = phi(W) x: one network after another in a compiled loop."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.data import Dataset
from training.engine.loop import scale
from training.engine.optimizers import create_optimizer
from training.engine.workdir import num_parameters
from training.engine.steps import cross_entropy
from weirdonetworks import _checks
from weirdonetworks.functional import PARAMETER_ACTIVATIONS
from weirdonetworks.layers import AutoactivationDense

VARIANTS = ("plain", "plain log-normal", "plain own rates", *PARAMETER_ACTIVATIONS)
HIDDEN_SIZES = (100, 100)
BATCH_SIZE = 100
LOOKS = 10  # at the validation split, each epoch
GOAL = 0.95  # of validation accuracy


class TangentDense(snt.Module):
    """y = (A + A+ V+ - A- V-) x + b, with A = A+ - A- and A+-, fixed, those of an exp layer.

    The tangent, at its start, of `AutoactivationDense` with exp: gradient descent on V is that on
    the weights with the rates A+^2 + A-^2, one for each of them, for good.
    """

    def __init__(self, layer: AutoactivationDense, name: str | None = None):
        super().__init__(name=name)
        self.plus, self.minus = (
            tf.Variable(tf.exp(w), trainable=False, name="slope") for w in (layer.w, layer.w_minus)
        )
        self.v = tf.Variable(tf.zeros_like(layer.w), name="v_plus")
        self.v_minus = tf.Variable(tf.zeros_like(layer.w), name="v_minus")
        self.b = tf.Variable(layer.b, name="b")

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        weights = self.plus * (1 + self.v) - self.minus * (1 + self.v_minus)
        return tf.matmul(inputs, weights) + self.b


def make(
    variant: str, images: tf.Tensor, hidden_sizes: Sequence[int], num_classes: int = 10
) -> snt.Module:
    """A network with its variables; biases and the activation of units are the same for all."""
    settings = {"num_classes": num_classes, "hidden_sizes": tuple(hidden_sizes)}
    _checks.choice("variant", variant, VARIANTS)
    plain = wn.create_network("mlp", **settings)
    if variant == "plain":
        plain(images)
        return plain
    phi = "exp" if variant.startswith("plain") else variant
    network = wn.create_network("autoactivation_mlp", parameter_activation=phi, **settings)
    network(images)
    if variant == "plain log-normal":
        plain(images)
        for ours, theirs in zip(plain.layers, network.layers, strict=True):
            ours.w.assign(theirs.effective_weights)
        return plain
    if variant == "plain own rates":
        network.layers = [TangentDense(layer) for layer in network.layers]
    return network


class Runs(NamedTuple):
    """Trainings of one variant; the first axis is that of the seeds.

    Attributes:
      steps: [looks], at which the validation split was looked at.
      validation: [seeds, looks], accuracies.
      test: [seeds], at the end; NaN where it was not asked for, or the training diverged.
      parameters: how many trainable numbers the network has.
    """

    steps: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    parameters: int

    @property
    def solved(self) -> np.ndarray:
        """[seeds], the steps to the goal, interpolated between looks; NaN where it is not met."""
        return np.array([_crossing(self.steps, accuracies) for accuracies in self.validation])


def _crossing(steps: np.ndarray, accuracies: np.ndarray) -> float:
    above = np.flatnonzero(accuracies >= GOAL)
    if not above.size:
        return math.nan
    i = above[0]
    if not i:
        return float(steps[0])
    low, high = accuracies[i - 1 : i + 1]
    return float(steps[i - 1] + (GOAL - low) / (high - low) * (steps[i] - steps[i - 1]))


class Trainer:
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
        self._data, self._batch = dataset, _checks.integer("batch_size", batch_size)
        self.steps_per_epoch = len(dataset.train) // batch_size
        if self.steps_per_epoch < LOOKS:
            raise ValueError(
                f"batch_size must be at most a {LOOKS}th of the {len(dataset.train)} training "
                f"images, got {batch_size}"
            )
        self._images = tf.constant(dataset.train.images)
        self._labels = tf.constant(dataset.train.labels)
        first = scale(self._images[:1])
        self._make = functools.partial(make, variant, first, hidden_sizes, dataset.num_classes)
        self.network = self._make()
        self._optimizer = create_optimizer(optimizer, 1.0)
        if hasattr(self._optimizer, "_initialize"):
            self._optimizer._initialize(self.network.trainable_variables)
        self._objective = cross_entropy(0.0)
        self._compiled = tf.function(self._many_steps, jit_compile=True, autograph=False)
        self._logits = tf.function(
            lambda images: self.network(scale(images)), jit_compile=True, autograph=False
        )

    def _begin(self, seed: int, rate: float) -> None:
        tf.random.set_seed(seed)
        fresh = self._make().variables
        for variable, value in zip(self.network.variables, fresh, strict=True):
            variable.assign(value)
        for state in self._optimizer.variables:
            state.assign(tf.zeros_like(state))
        self._optimizer.learning_rate.assign(rate)

    def _many_steps(self, order, first, last):
        def one_step(i):
            batch = tf.slice(order, [i * self._batch], [self._batch])
            images = scale(tf.gather(self._images, batch))
            with tf.GradientTape() as tape:
                logits = self.network(images)
                loss = self._objective(logits, tf.gather(self._labels, batch))
            variables = self.network.trainable_variables
            self._optimizer.apply(tape.gradient(loss, variables), variables)
            return i + 1

        tf.while_loop(lambda i: i < last, one_step, [first])

    def _accuracy(self, split) -> float:
        """On the split; NaN if the network has diverged."""
        logits, batch, hits = None, 5000, 0
        for i in range(0, len(split), batch):
            logits = self._logits(tf.constant(split.images[i : i + batch])).numpy()
            if not np.isfinite(logits).all():
                return math.nan
            hits += int(np.sum(np.argmax(logits, axis=1) == split.labels[i : i + batch]))
        return hits / len(split)

    def train(
        self,
        rate: float,
        seeds: Sequence[int],
        epochs: int,
        score_test: bool = False,
        report: Callable[[], None] = lambda: None,
    ) -> Runs:
        """Trains anew with each seed; `report()` is called after each epoch."""
        looks = np.linspace(0, self.steps_per_epoch, LOOKS + 1).round().astype(int)
        steps = np.concatenate(
            [[0], *(epoch * self.steps_per_epoch + looks[1:] for epoch in range(epochs))]
        )
        validation, test = [], []
        for seed in seeds:
            self._begin(seed, rate)
            accuracies = [self._accuracy(self._data.validation)]
            for epoch in range(epochs):
                if math.isnan(accuracies[-1]):
                    accuracies += [math.nan] * LOOKS
                    report()
                    continue
                generator = np.random.default_rng([seed, epoch])
                order = tf.constant(generator.permutation(len(self._labels)).astype(np.int32))
                for first, last in zip(looks, looks[1:], strict=False):
                    self._compiled(order, tf.constant(int(first)), tf.constant(int(last)))
                    accuracies.append(self._accuracy(self._data.validation))
                report()
            validation.append(accuracies)
            diverged = math.isnan(accuracies[-1]) or not score_test
            test.append(math.nan if diverged else self._accuracy(self._data.test))
        return Runs(steps, np.array(validation), np.array(test), num_parameters(self.network))
