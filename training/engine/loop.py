"""Training as a compiled loop: many steps in one call, with the data resident on the device."""

import functools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.data import Split
from training.data.transformations import Draw
from training.engine import optimizers, steps
from training.engine.invariant_start import average_over_rotations
from training.engine.pruning import Pruning, trainings
from training.engine.recipes import Recipe
from training.engine.weights import UsedWeights

# How long one compiled call should take, so that a progress bar moves and Ctrl-C is heard.
_CALL_SECONDS = 0.2


class EpochMetrics(NamedTuple):
    """Means over the batches of an epoch, as they were seen in training."""

    loss: float
    accuracy: float


class Loop:
    """Trains a network on a split.

    An epoch is a permutation of the split, drawn from (seed, epoch) and nothing else; what does
    not fill a batch at its end is left out, another remainder each epoch. Batches are gathered,
    scaled to [0, 1] and used inside one XLA-compiled `tf.while_loop`, whose number of steps is an
    argument: any division of an epoch into calls computes the same numbers.

    With the recipe's `averaging` or `bits`, the network holds the weights that it is used with
    whenever no epoch is running (`UsedWeights`). With its `density`, the network is trained several
    times within its epochs, each time with fewer weights (`Pruning`).

    Everything that the next step depends on is in `checkpoint`.
    """

    def __init__(
        self,
        network: snt.Module,
        train: Split,
        recipe: Recipe,
        seed: int = 0,
        *,
        step: steps.Step | None = None,
        peak: tf.Variable | None = None,
    ):
        """Builds the network's and the optimizer's variables.

        `step`, the recipe's if it is None, is called as step(network, objective, images, labels,
        draw) when the loop is traced; see `steps`. With the recipe's `invariant_start`,
        `invariant_start.average_over_rotations` is applied first. `peak`, if given, is the peak of
        the learning rate in place of the recipe's, and may be changed between epochs.

        Raises:
          ValueError: a batch larger than the split, or an invariant start of a network that cannot
            have one.
        """
        batch_size = recipe.batch_size
        if not 1 <= batch_size <= len(train.images):
            raise ValueError(
                f"batch_size must be in 1 .. {len(train.images)} (the training images), "
                f"got {batch_size}"
            )
        self.network = network
        self.batch_size = batch_size
        self.steps_per_epoch = len(train.images) // batch_size
        self.seed = seed
        self._images = tf.constant(train.images)
        self._labels = tf.constant(train.labels)
        self._objective = steps.cross_entropy(recipe.label_smoothing)
        self._step_function = step or recipe.create_step()
        rounds = trainings(recipe.density)
        self._training_steps = recipe.epochs // rounds * self.steps_per_epoch
        self._rate = functools.partial(
            optimizers.scheduled,
            recipe.schedule,
            recipe.learning_rate if peak is None else peak,
            total_steps=self._training_steps,
            warmup_steps=round(recipe.warmup_epochs * self.steps_per_epoch),
        )
        self._weight_decay = recipe.weight_decay
        self.step = tf.Variable(0, dtype=tf.int32, trainable=False, name="step")
        self.optimizer = optimizers.create_optimizer(
            recipe.optimizer, recipe.learning_rate if peak is None else peak
        )
        network(scale(self._images[:1]), is_training=False)
        if recipe.invariant_start:
            average_over_rotations(network, train.images.shape[1:])
        # Slots have to exist before the compiled loop is traced and before a restore.
        if hasattr(self.optimizer, "_initialize"):
            self.optimizer._initialize(network.trainable_variables)
        parts = {"network": network, "optimizer": self.optimizer, "step": self.step}
        self._pruning = self._weights = None
        if rounds > 1:
            self._pruning = parts["pruning"] = Pruning(
                network, self.optimizer.variables, recipe.density, recipe.epochs
            )
        if recipe.averaging or recipe.bits:
            self._weights = parts["weights"] = UsedWeights(network, recipe.averaging, recipe.bits)
        self.checkpoint = tf.train.Checkpoint(**parts)
        self._compiled = tf.function(self._many_steps, jit_compile=True, autograph=False)
        self._call_steps = 1

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return int(self.step) // self.steps_per_epoch

    @property
    def learning_rate(self) -> float:
        """The learning rate of the last step."""
        return float(self.optimizer.learning_rate)

    def restart(self, seed: int) -> None:
        """The next epoch is the first, from the network's weights as they are."""
        self.seed = seed
        self.step.assign(0)
        if self._pruning:
            self._pruning.restart()
        if self._weights:
            self._weights.restart()

    def _many_steps(self, order, first, last, loss_sum, correct):
        """Steps first .. last - 1 of an epoch; stops early at a loss that is not finite."""
        size = self.batch_size

        def one_step(i, loss_sum, correct):
            batch = tf.slice(order, [i * size], [size])
            images = scale(tf.gather(self._images, batch))
            labels = tf.gather(self._labels, batch)
            now = self.step.read_value()
            draw = Draw(self.seed, now)
            if self._weights:
                trained = self._weights.round()
            outcome = self._step_function(self.network, self._objective, images, labels, draw)
            if self._weights:
                self._weights.restore(trained)
            rate = self._rate(now % self._training_steps if self._pruning else now)
            self.optimizer.learning_rate.assign(rate)
            variables = self.network.trainable_variables
            if self._weight_decay:
                for variable in variables:
                    if variable.shape.rank > 1:
                        variable.assign_sub(rate * self._weight_decay * variable)
            self.optimizer.apply(outcome.gradients, variables)
            if outcome.after:
                outcome.after(rate)
            if self._pruning:
                self._pruning.apply()
            self.step.assign_add(1)
            if self._weights:
                self._weights.follow(now % self._training_steps + 1)
            hits = tf.argmax(outcome.logits, axis=1, output_type=tf.int32) == labels
            return i + 1, loss_sum + outcome.loss, correct + tf.reduce_sum(tf.cast(hits, tf.int32))

        return tf.while_loop(
            lambda i, loss_sum, _: (i < last) & tf.math.is_finite(loss_sum),
            one_step,
            (first, loss_sum, correct),
        )

    def run_epoch(self, report: Callable[[int, float, float], None] | None = None) -> EpochMetrics:
        """Trains for one epoch, and calls report(steps done, loss, accuracy) now and then.

        Raises:
          FloatingPointError: a loss, or at the end a weight, that is not finite; the message names
            the step.
        """
        generator = np.random.default_rng([self.seed, self.epoch])
        if self._weights:
            self._weights.resume()
        if self._pruning and self._pruning.before(self.epoch) and self._weights:
            self._weights.restart()
        order = tf.constant(generator.permutation(len(self._images)).astype(np.int32))
        done, loss_sum, correct = tf.constant(0), tf.constant(0.0), tf.constant(0)
        while (first := int(done)) < self.steps_per_epoch:
            last = min(first + self._call_steps, self.steps_per_epoch)
            start = time.perf_counter()
            done, loss_sum, correct = self._compiled(
                order, done, tf.constant(last), loss_sum, correct
            )
            if not np.isfinite(loss_sum):
                raise FloatingPointError(f"the loss is not finite at step {int(self.step)}")
            self._adapt(last - first, time.perf_counter() - start)
            if report:
                report(last, float(loss_sum) / last, int(correct) / (last * self.batch_size))
        # The last update shows in no loss of this epoch, but would be saved.
        if not all(np.isfinite(weight).all() for weight in self.network.trainable_variables):
            raise FloatingPointError(f"a weight is not finite after step {int(self.step)}")
        if self._weights:
            self._weights.use()
        return EpochMetrics(
            float(loss_sum) / self.steps_per_epoch,
            int(correct) / (self.steps_per_epoch * self.batch_size),
        )

    def _adapt(self, count: int, seconds: float) -> None:
        """Chooses the steps of the next call; the first call, which compiles, makes one step."""
        wanted = int(count * _CALL_SECONDS / max(seconds, 1e-4))
        self._call_steps = max(1, min(wanted, 4 * self._call_steps))


def scale(images: tf.Tensor) -> tf.Tensor:
    """uint8 -> float32 in [0, 1]."""
    return tf.cast(images, tf.float32) / 255
