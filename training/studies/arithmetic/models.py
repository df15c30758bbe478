"""Networks that learn a product of two sums, and how they are trained.

A product of sums is hard to learn on [1, 2], because there the sums hardly vary: with
d_j = (s_j - mean s_j) / mean s_j, about 4 %,

    log(s_1^a_1 s_2^a_2) = const + sum_j a_j d_j - sum_j a_j d_j^2 / 2 + O(d^3).

To first order, only sum_j a_j d_j counts: one linear function instead of two. To second order, the
exponents can still be exchanged for the weights: with p_j = sqrt(a_j) d_j, every rotation of
(p_1, p_2) together with (sqrt(a_1), sqrt(a_2)) leaves both terms as they are. Along this circle
a_1 + a_2 is constant, and only d^3, some 1e-5 of the output, tells 1 and 1 from 2 and 0. Hence:

* Levenberg-Marquardt in float64: a first-order method does not see the small terms. The scales of
  the sums and the constant before them are exchangeable: the damping never falls to 0.
* A small ridge on the exponents, which has its minimum on the circle at equal exponents.
* Then the exponents are rounded to integers and frozen, and only the sums are fitted further.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.engine.levenberg_marquardt import LevenbergMarquardt, objective
from training.engine.optimizers import SCHEDULES, create_optimizer
from training.engine.trainer import Trainer
from training.studies.arithmetic.task import INPUT_SIZE, TRAINING_RANGE, Task, draw_rows
from training.studies.arithmetic.units import RECIPES, UnitLearner
from weirdonetworks.layers import PosynomialDense

DTYPE = tf.float64
LEARNING_RATE = 1e-2
# Of the row streams of a seed, 1 scales the targets of the MLP; a trial takes 2 and 3.
_SCALING_STREAM = 1


class Phase(NamedTuple):
    """Steps with a ridge on the exponents, or with exponents that are rounded first and frozen."""

    steps: int
    ridge: float = 0.0
    rounded: bool = False


class MonomialOfSums(snt.Module):
    """log y = b + sum_j a_j log(sum_i w_ij x_i): [batch, in] -> [batch, 1], j = 1, 2.

    Two linear sums below a `PosynomialDense` of one term, whose own initial exponents are drawn
    around 0. The weights may become negative, the sums must not: their logarithm is NaN. With
    bounded exponents and weights this would be the NAC of Trask et al. 2018, "Neural arithmetic
    logic units", with a multiplicative second layer.
    """

    def __init__(self, name: str | None = None):
        super().__init__(name=name)
        initial = snt.initializers.RandomUniform(0, 1)
        self.sums = snt.Linear(2, with_bias=False, w_init=initial)
        self.monomial = PosynomialDense(1, 1, log_input=True, log_output=True)

    @property
    def exponents(self) -> tf.Variable:
        """a, [2, 1]."""
        return self.monomial.raw_exponents

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.monomial(tf.math.log(self.sums(inputs)))

    @staticmethod
    def encode(products: tf.Tensor) -> tf.Tensor:
        """What the network is fitted to: log t."""
        return tf.math.log(products)

    @staticmethod
    def decode(outputs: tf.Tensor) -> tf.Tensor:
        """The inverse of `encode`."""
        return tf.exp(outputs)


class ScaledMLP(snt.Module):
    """A ReLU MLP between standardised rows and standardised products: [batch, in] -> [batch, 1]."""

    def __init__(self, hidden_sizes: tuple[int, ...] = (64, 64), name: str | None = None):
        super().__init__(name=name)
        self.mlp = snt.nets.MLP([*hidden_sizes, 1])
        self.mean, self.deviation = (
            tf.Variable(value, trainable=False, dtype=DTYPE) for value in (0.0, 1.0)
        )

    def scale_to(self, products: np.ndarray) -> None:
        """Sets the mean and the standard deviation of the products."""
        self.mean.assign(products.mean())
        self.deviation.assign(products.std())

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        low, high = TRAINING_RANGE
        return self.mlp((inputs - (low + high) / 2) * (12**0.5 / (high - low)))

    def encode(self, products: tf.Tensor) -> tf.Tensor:
        """What the network is fitted to."""
        return (products - self.mean) / self.deviation

    def decode(self, outputs: tf.Tensor) -> tf.Tensor:
        """The inverse of `encode`."""
        return outputs * self.deviation + self.mean


class Learner:
    """Fits a network to fresh rows, phase by phase, again and again from new weights.

    Minimises mean (f(x) - encode(t))^2 + ridge |a|^2, a the exponents: by Levenberg-Marquardt, or
    by Adam with a learning rate that falls along a cosine in each phase. Step k of a seed sees rows
    that are drawn from (seed, k) and nothing else.
    """

    def __init__(self, kind: Callable[[], snt.Module], batch_size: int, adam: bool = False):
        """kind: `MonomialOfSums` or `ScaledMLP`."""
        self._shape = [batch_size, INPUT_SIZE]
        self._seed, self._weights, self._step = 0, np.zeros([INPUT_SIZE, 2]), 0
        # The first step of a phase and their number, of which the learning rate depends.
        self._phase = tf.Variable([0.0, 1.0], trainable=False, dtype=DTYPE)

        def make() -> snt.Module:
            network = kind()
            network(tf.zeros([1, INPUT_SIZE], DTYPE))
            return network

        if adam:
            optimizer = create_optimizer("adam", LEARNING_RATE)
            self._fitter = Trainer(make, self._loss, optimizer, self._rate)
        else:
            self._fitter = LevenbergMarquardt(make, self._batch)

    @property
    def network(self) -> snt.Module:
        return self._fitter.network

    def begin(self, task: Task, seed: int) -> None:
        """Gives the network the weights of a new one."""
        self._fitter.begin(seed)
        if isinstance(self.network, ScaledMLP):
            rows = draw_rows(seed, _SCALING_STREAM, 10_000, TRAINING_RANGE)
            self.network.scale_to(task.targets(rows))
        self._seed, self._weights, self._step = seed, task.weights, 0

    def run(self, phase: Phase) -> None:
        """Makes the steps of a phase."""
        exponents, frozen = None, []
        if isinstance(self.network, MonomialOfSums):
            exponents = self.network.exponents
            # With one term, its share theta of the sum says no more than the constant b.
            frozen = [self.network.monomial.theta, *([exponents] if phase.rounded else [])]
        if phase.rounded:
            exponents.assign(tf.round(exponents))
        ridge = [phase.ridge * (v is exponents) for v in self.network.trainable_variables]
        first, last = self._step, self._step + phase.steps
        self._phase.assign([first, phase.steps])
        self._fitter.restart()
        self._fitter.run(first, last, self._seed, self._weights, np.array(ridge), frozen=frozen)
        self._step = last

    def _batch(self, network, i, seed, weights, ridge) -> tuple[tf.Tensor, ...]:
        seeds = tf.stack([seed, i])
        rows = tf.random.stateless_uniform(self._shape, seeds, *TRAINING_RANGE, dtype=DTYPE)
        products = tf.reduce_prod(tf.matmul(rows, weights), axis=1)
        return rows, network.encode(products), ridge

    def _loss(self, network, i, *data) -> tf.Tensor:
        return objective(network, *self._batch(network, i, *data))

    def _rate(self, i: tf.Tensor) -> tf.Tensor:
        first, steps = tf.unstack(self._phase)
        progress = tf.cast((tf.cast(i, DTYPE) - first) / steps, tf.float32)
        return LEARNING_RATE * SCHEDULES["cosine"](progress)


# A Jacobian wants more rows than there are parameters; 128 rows are the task's own batch.
MODELS: dict[str, Callable[[], Learner | UnitLearner]] = {
    "posynomial": lambda: Learner(MonomialOfSums, 1024),
    "posynomial (no ridge)": lambda: Learner(MonomialOfSums, 1024),
    "mlp": lambda: Learner(ScaledMLP, 128, adam=True),
    **{name: lambda recipe=recipe: UnitLearner(recipe) for name, recipe in RECIPES.items()},
    "posynomial (Adam)": lambda: Learner(MonomialOfSums, 128, adam=True),
}
