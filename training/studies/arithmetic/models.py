"""Networks that learn a product of two sums, and how they are trained.

A product of sums is hard to learn on [1, 2], because there the sums hardly vary: with
d_j = (s_j - mean s_j) / mean s_j, about 4 %,

    log(s_1^a_1 s_2^a_2) = const + sum_j a_j d_j - sum_j a_j d_j^2 / 2 + O(d^3).

To first order, only sum_j a_j d_j counts: one linear function instead of two. To second order, the
exponents can still be exchanged for the weights: with p_j = sqrt(a_j) d_j, every rotation of
(p_1, p_2) together with (sqrt(a_1), sqrt(a_2)) leaves both terms as they are. Along this circle
a_1 + a_2 is constant, and only d^3, some 1e-5 of the output, tells 1 and 1 from 2 and 0. Hence:

* Levenberg-Marquardt in float64: a first-order method does not see the small terms.
* A small ridge on the exponents, which has its minimum on the circle at equal exponents.
* Then the exponents are rounded to integers and frozen, and only the sums are fitted further.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.engine.optimizers import SCHEDULES, create_optimizer
from training.studies.arithmetic.task import INPUT_SIZE, TRAINING_RANGE, Task, draw_rows
from weirdonetworks.layers import PosynomialDense

DTYPE = tf.float64
# Of the row streams of a seed, 1 scales the targets of the MLP; the command takes 2 and 3.
_SCALING_STREAM = 1

# The damping of Levenberg-Marquardt; the least one keeps the normal equations regular, in which
# the scales of the sums and the constant before them are exchangeable.
_DAMPING, _LEAST, _MOST = 1e-3, 1e-12, 1e6


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


class _Trainer:
    """Fits a network to fresh rows, many steps in one compiled call, which serves all seeds.

    Minimises mean (f(x) - encode(t))^2 + ridge |a|^2, a the exponents. Step k of a seed sees rows
    that are drawn from (seed, k) and nothing else.
    """

    steps_a_call = 1

    def __init__(self, network: snt.Module, batch_size: int):
        self.network = network
        network(tf.zeros([1, INPUT_SIZE], DTYPE))
        self.variables = network.trainable_variables
        self._shape = [batch_size, INPUT_SIZE]
        self._step, self._seed, self._phase_start, self._phase_steps = (
            _state(0, tf.int64) for _ in range(4)
        )
        self._weights = _state(np.zeros([INPUT_SIZE, 2]))
        # For each variable: whether it moves, and the weight of its square in the objective.
        self._free, self._penalty = (_state(np.zeros(len(self.variables))) for _ in range(2))
        self._prepare()
        self._compiled = tf.function(self._many_steps, jit_compile=True, autograph=False)

    def begin(self, task: Task, seed: int) -> None:
        """Gives the network the weights of a new one."""
        tf.random.set_seed(seed)
        fresh = type(self.network)()
        fresh(tf.zeros([1, INPUT_SIZE], DTYPE))
        for variable, value in zip(self.variables, fresh.trainable_variables, strict=True):
            variable.assign(value)
        if isinstance(self.network, ScaledMLP):
            rows = draw_rows(seed, _SCALING_STREAM, 10_000, TRAINING_RANGE)
            self.network.scale_to(task.targets(rows))
        self._weights.assign(task.weights)
        self._seed.assign(seed)
        self._step.assign(0)

    def run(self, phase: Phase, report: Callable[[int], None]) -> None:
        """Makes the steps of a phase, and calls report(steps) after each compiled call."""
        exponents, frozen = None, []
        if isinstance(self.network, MonomialOfSums):
            exponents = self.network.exponents
            # With one term, its share theta of the sum says no more than the constant b.
            frozen = [self.network.monomial.theta, *([exponents] if phase.rounded else [])]
        if phase.rounded:
            exponents.assign(tf.round(exponents))
        self._free.assign([all(v is not f for f in frozen) for v in self.variables])
        self._penalty.assign([phase.ridge * (v is exponents) for v in self.variables])
        self._phase_start.assign(self._step)
        self._phase_steps.assign(phase.steps)
        self._restart()
        for done in range(0, phase.steps, self.steps_a_call):
            count = min(self.steps_a_call, phase.steps - done)
            self._compiled(tf.constant(count, tf.int64))
            report(count)

    def _many_steps(self, count: tf.Tensor) -> None:
        def one_step(i):
            seeds = tf.stack([self._seed.read_value(), self._step.read_value()])
            rows = tf.random.stateless_uniform(self._shape, seeds, *TRAINING_RANGE, dtype=DTYPE)
            products = tf.reduce_prod(tf.matmul(rows, self._weights), axis=1)
            self._update(rows, self.network.encode(products))
            self._step.assign_add(1)
            return i + 1

        tf.while_loop(lambda i: i < count, one_step, [tf.constant(0, tf.int64)])

    def _objective(self, rows: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        squares = [tf.reduce_sum(variable**2) for variable in self.variables]
        error = tf.reduce_mean((self.network(rows)[:, 0] - targets) ** 2)
        return error + tf.reduce_sum(self._penalty * tf.stack(squares))


class LevenbergMarquardt(_Trainer):
    """theta <- theta - (J'J / n + R + mu I)^-1 (J'e / n + R theta), if that lowers the objective.

    J is the Jacobian of the batch's outputs, e their errors, R the ridge as a diagonal matrix. A
    step that does not lower the objective of its own batch, or makes it NaN, is not made. mu is
    divided by 3 after a step that is made and multiplied by 3 after one that is not, within
    [1e-12, 1e6].

    Source: Marquardt 1963, "An algorithm for least-squares estimation of nonlinear parameters".
    """

    steps_a_call = 10

    def _prepare(self) -> None:
        self._damping = _state(_DAMPING)

    def _restart(self) -> None:
        self._damping.assign(_DAMPING)

    def _update(self, rows: tf.Tensor, targets: tf.Tensor) -> None:
        sizes = [variable.shape.num_elements() for variable in self.variables]
        free, penalty = (tf.repeat(v.read_value(), sizes) for v in (self._free, self._penalty))
        before = self._objective(rows, targets)
        outputs, jacobian = tf.vectorized_map(self._differentiate, rows)
        jacobian *= free
        count = self._shape[0]
        errors = (outputs - targets)[:, None]
        theta = tf.concat([tf.reshape(variable, [-1]) for variable in self.variables], axis=0)
        gradient = tf.matmul(jacobian, errors, transpose_a=True)[:, 0] / count
        gradient += free * penalty * theta
        matrix = tf.matmul(jacobian, jacobian, transpose_a=True) / count
        matrix += tf.linalg.diag(penalty + self._damping)
        step = tf.linalg.cholesky_solve(tf.linalg.cholesky(matrix), gradient[:, None])[:, 0]
        self._assign(theta - step, sizes)
        better = self._objective(rows, targets) < before
        self._assign(tf.where(better, theta - step, theta), sizes)
        factor = tf.where(better, tf.constant(1 / 3, DTYPE), tf.constant(3.0, DTYPE))
        self._damping.assign(tf.clip_by_value(self._damping * factor, _LEAST, _MOST))

    def _differentiate(self, row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The output of a row and its gradient in all variables, [parameters]."""
        with tf.GradientTape() as tape:
            output = self.network(row[None])[0, 0]
        gradients = tape.gradient(output, self.variables)
        return output, tf.concat([tf.reshape(g, [-1]) for g in gradients], axis=0)

    def _assign(self, theta: tf.Tensor, sizes: list[int]) -> None:
        parts = tf.split(theta, sizes)
        for variable, part in zip(self.variables, parts, strict=True):
            variable.assign(tf.reshape(part, variable.shape))


class Adam(_Trainer):
    """Adam with a learning rate that falls from 1e-2 along a cosine in each phase."""

    steps_a_call = 1000
    learning_rate = 1e-2

    def _prepare(self) -> None:
        self._optimizer = create_optimizer("adam", self.learning_rate)
        self._optimizer._initialize(self.variables)

    def _restart(self) -> None:
        for state in (*self._optimizer.m, *self._optimizer.v, self._optimizer.step):
            state.assign(tf.zeros_like(state))

    def _update(self, rows: tf.Tensor, targets: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            objective = self._objective(rows, targets)
        gradients = tape.gradient(objective, self.variables)
        gradients = [g * free for g, free in zip(gradients, tf.unstack(self._free), strict=True)]
        now = tf.cast(self._step - self._phase_start, DTYPE)
        progress = tf.cast(now / tf.cast(self._phase_steps, DTYPE), tf.float32)
        self._optimizer.learning_rate.assign(self.learning_rate * SCHEDULES["cosine"](progress))
        self._optimizer.apply(gradients, self.variables)


def _state(value: Any, dtype: tf.DType = DTYPE) -> tf.Variable:
    return tf.Variable(value, trainable=False, dtype=dtype)


# A Jacobian wants more rows than there are parameters; 128 rows are the task's own batch.
MODELS: dict[str, Callable[[], _Trainer]] = {
    "posynomial": lambda: LevenbergMarquardt(MonomialOfSums(), batch_size=1024),
    "posynomial_adam": lambda: Adam(MonomialOfSums(), batch_size=128),
    "mlp": lambda: Adam(ScaledMLP(), batch_size=128),
}
