"""Arithmetic units of others, trained after their own recipes, in float32 on fresh rows.

What is not as theirs is told in report.md.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.engine.optimizers import create_optimizer
from training.engine.trainer import Trainer
from training.studies.arithmetic.task import INPUT_SIZE, TRAINING_RANGE, Task
from weirdonetworks.layers import NAC, NALU, NAU, NMU, NPU

if TYPE_CHECKING:
    from training.studies.arithmetic.models import Phase

BATCH_SIZE, HIDDEN_SIZE = 128, 2
# Rows are drawn by NumPy for so many steps at once: XLA takes ten times as long as the step itself.
_CHUNK, _STREAM = 500, 4


class Recipe(NamedTuple):
    """Two layers, the rate of Adam, and the weight of the layers' `regularization` by progress."""

    layers: tuple[Callable[[int], snt.Module], Callable[[int], snt.Module]]
    learning_rate: float = 1e-3
    weight: Callable[[tf.Tensor], tf.Tensor] | None = None


def madsen(progress: tf.Tensor) -> tf.Tensor:
    """0, from a fifth of the steps rising to 10, which it reaches at two fifths.

    Madsen and Johansen 2020: steps 1,000,000 and 2,000,000 of 5,000,000.
    """
    return 10 * tf.clip_by_value((progress - 0.2) / 0.2, 0, 1)


def heim(progress: tf.Tensor) -> tf.Tensor:
    """1e-5, from a tenth of the steps 1e-4, from two tenths 1e-3.

    Heim, Pevny and Smidl 2020, in one version of their code: times 10 every 10,000 of
    100,000 steps, to 1e-3.
    """
    # A step's progress may be rounded to below its tenth.
    return 1e-5 * 10.0 ** tf.clip_by_value(tf.floor(10 * progress + 1e-4), 0, 2)


RECIPES = {
    "NMU": Recipe((NAU, NMU), weight=madsen),
    "NAC (multiplicative)": Recipe((NAC, lambda n: NAC(n, multiplicative=True))),
    "NALU": Recipe((NALU, NALU)),
    "NPU": Recipe((NAU, NPU), 5e-3, heim),
    "RealNPU": Recipe((NAU, lambda n: NPU(n, with_imaginary=False)), 5e-3, heim),
}


class Units(snt.Module):
    """y = f_2(f_1(x)), f_1: 100 -> 2, f_2: 2 -> 1, in float32: [batch, 100] -> [batch, 1]."""

    def __init__(self, recipe: Recipe, name: str | None = None):
        super().__init__(name=name)
        first, second = recipe.layers
        self.layers = [first(HIDDEN_SIZE), second(1)]

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        outputs = tf.cast(inputs, tf.float32)
        for layer in self.layers:
            outputs = layer(outputs)
        return outputs

    @staticmethod
    def decode(outputs: tf.Tensor) -> tf.Tensor:
        """They are fitted to the products themselves."""
        return outputs

    def regularization(self) -> tf.Tensor:
        """The sum over layers: of an NAU before an NPU, too, the sum of its sizes."""
        if isinstance(self.layers[1], NPU):
            return tf.reduce_sum(tf.abs(self.layers[0].w)) + self.layers[1].regularization()
        return tf.add_n([layer.regularization() for layer in self.layers])


class _Clipping(Trainer):
    """A step of the optimizer, after which the layers that have an interval return into it."""

    def _step(self, free, i: tf.Tensor, *data: tf.Tensor) -> None:
        super()._step(free, i, *data)
        for layer in self.network.layers:
            if isinstance(layer, (NAU, NMU)):
                layer.clip()


class UnitLearner:
    """Fits a network to fresh rows, again and again from new weights; of `Learner`'s form.

    Minimises mean (f(x) - t)^2 + weight(progress) regularization by Adam.
    """

    def __init__(self, recipe: Recipe):
        self._recipe = recipe

        def make() -> snt.Module:
            network = Units(recipe)
            network(tf.zeros([1, INPUT_SIZE]))
            return network

        optimizer = create_optimizer("adam", recipe.learning_rate)
        self._trainer = _Clipping(make, self._loss, optimizer)
        self._task, self._seed = Task(0, 0), 0

    @property
    def network(self) -> snt.Module:
        return self._trainer.network

    def begin(self, task: Task, seed: int) -> None:
        """Gives the network the weights of a new one."""
        self._trainer.begin(seed)
        self._task, self._seed = task, seed

    def run(self, phase: "Phase") -> None:
        """Makes all steps, of which there is one phase."""
        steps = phase.steps
        for first in range(0, steps, _CHUNK):
            rng = np.random.default_rng([self._seed, _STREAM, first])
            rows = rng.random([_CHUNK, BATCH_SIZE, INPUT_SIZE], np.float32)
            low, high = TRAINING_RANGE
            rows = low + (high - low) * rows
            targets = np.prod(rows @ self._task.weights.astype(np.float32), axis=-1)
            last = min(first + _CHUNK, steps)
            self._trainer.run(first, last, rows, targets, np.float32(steps))

    def _loss(self, network, i, rows, targets, steps) -> tf.Tensor:
        place = i % _CHUNK
        loss = tf.reduce_mean((network(rows[place])[:, 0] - targets[place]) ** 2)
        if self._recipe.weight is None:
            return loss
        progress = tf.cast(i, tf.float32) / steps
        return loss + self._recipe.weight(progress) * network.regularization()
