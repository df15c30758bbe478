"""Levenberg-Marquardt for networks of a few hundred numbers, in a compiled loop."""

from collections.abc import Callable

import sonnet as snt
import tensorflow as tf

from training.engine.trainer import Minimizer

DTYPE = tf.float64
# The least damping keeps the normal equations regular where parameters are exchangeable.
_DAMPING, _LEAST, _MOST = 1e-3, 1e-12, 1e6


def objective(
    network: snt.Module, inputs: tf.Tensor, targets: tf.Tensor, ridge: tf.Tensor
) -> tf.Tensor:
    """mean (f(x) - t)^2 + sum_v ridge_v |v|^2, f: [n, in] -> [n, 1], v its trainable variables."""
    squares = [tf.reduce_sum(variable**2) for variable in network.trainable_variables]
    error = tf.reduce_mean((network(inputs)[:, 0] - targets) ** 2)
    return error + tf.reduce_sum(ridge * tf.stack(squares))


class LevenbergMarquardt(Minimizer):
    """theta <- theta - (J'J / n + R + mu I)^-1 (J'e / n + R theta), if that lowers the objective.

    J is the Jacobian of the batch's outputs, e their errors, R the ridge as a diagonal matrix. A
    step that does not lower the objective of its own batch, or makes it NaN, is not made. mu is
    divided by 3 after a step that is made and multiplied by 3 after one that is not, within
    [1e-12, 1e6]. A Jacobian wants more rows than there are parameters. float64.

    Source: Marquardt 1963, "An algorithm for least-squares estimation of nonlinear parameters".
    """

    def __init__(self, make: Callable[[], snt.Module], batch: Callable[..., tuple]):
        """
        make: returns a new network, with its variables.
        batch: (network, i, *data) -> inputs [n, in] and targets [n] of step i, and for each
          trainable variable the weight of its square in the objective.
        """
        super().__init__(make)
        self._batch = batch
        self._damping = tf.Variable(_DAMPING, trainable=False, dtype=DTYPE)
        self._keep([self._damping])

    # A tensor: other frozen variables compile nothing.
    _mask = staticmethod(lambda free: tf.cast(free, DTYPE))

    def _step(self, free: tf.Tensor, i: tf.Tensor, *data: tf.Tensor) -> None:
        inputs, targets, ridge = self._batch(self.network, i, *data)
        variables = self.network.trainable_variables
        sizes = [variable.shape.num_elements() for variable in variables]
        weights = tf.repeat(ridge, sizes)
        free = tf.repeat(free, sizes)
        before = objective(self.network, inputs, targets, ridge)
        outputs, jacobian = tf.vectorized_map(self._differentiate, inputs)
        jacobian *= free
        count = inputs.shape[0]
        errors = (outputs - targets)[:, None]
        theta = tf.concat([tf.reshape(variable, [-1]) for variable in variables], axis=0)
        gradient = tf.matmul(jacobian, errors, transpose_a=True)[:, 0] / count
        gradient += free * weights * theta
        matrix = tf.matmul(jacobian, jacobian, transpose_a=True) / count
        matrix += tf.linalg.diag(weights + self._damping)
        step = tf.linalg.cholesky_solve(tf.linalg.cholesky(matrix), gradient[:, None])[:, 0]
        self._assign(theta - step, sizes)
        better = objective(self.network, inputs, targets, ridge) < before
        self._assign(tf.where(better, theta - step, theta), sizes)
        factor = tf.where(better, tf.constant(1 / 3, DTYPE), tf.constant(3.0, DTYPE))
        self._damping.assign(tf.clip_by_value(self._damping * factor, _LEAST, _MOST))

    def _differentiate(self, row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The output of a row and its gradient in all variables, [parameters]."""
        with tf.GradientTape() as tape:
            output = self.network(row[None])[0, 0]
        gradients = tape.gradient(output, self.network.trainable_variables)
        return output, tf.concat([tf.reshape(g, [-1]) for g in gradients], axis=0)

    def _assign(self, theta: tf.Tensor, sizes: list[int]) -> None:
        parts = tf.split(theta, sizes)
        for variable, part in zip(self.network.trainable_variables, parts, strict=True):
            variable.assign(tf.reshape(part, variable.shape))
