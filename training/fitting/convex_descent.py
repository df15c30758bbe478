"""Descents for convex fits: partitions, Levenberg-Marquardt for few rows, Adam for many."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.optimize
import sonnet as snt
import tensorflow as tf
from tqdm import tqdm

from training.engine import optimizers
from weirdonetworks import functional, layers
from weirdonetworks.layers.convex import log_alpha_bound

# How many steps a compiled call makes, so that a progress bar moves and Ctrl-C is heard.
_CALL_STEPS = 200


class Family(NamedTuple):
    """A layer, its formula for pieces [rows, K] and alpha [rows, num_alpha], and num_alpha(K)."""

    layer: Callable[[int, int], snt.Module]
    join: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    num_alpha: Callable[[int], int]

    def num_parameters(self, size: int, num_terms: int) -> int:
        """Of the function of `size` variables."""
        return (size + 1) * num_terms + self.num_alpha(num_terms)


FAMILIES: dict[str, Family] = {
    "max_affine": Family(
        layers.MaxAffineDense, lambda pieces, _: tf.reduce_max(pieces, axis=-1), lambda _: 0
    ),
    "softmax_affine": Family(
        layers.SoftmaxAffineDense,
        lambda pieces, alpha: functional.soft_maximum(pieces, alpha[:, 0]),
        lambda _: 1,
    ),
    "implicit_softmax_affine": Family(
        layers.ImplicitSoftmaxAffineDense, functional.implicit_soft_maximum, lambda k: k
    ),
}


class Pieces(NamedTuple):
    """What a layer of one output holds: slopes [in, K], offsets [K], and log alpha."""

    a: np.ndarray
    b: np.ndarray
    log_alpha: np.ndarray


def to_layer(family: Family, pieces: Pieces, dtype: tf.DType) -> snt.Module:
    """The layer; an alpha beyond its bound is put just within it."""
    layer = family.layer(1, pieces.a.shape[1])
    layer(tf.zeros([1, pieces.a.shape[0]], dtype))
    layer.a.assign(tf.cast(pieces.a[:, None], dtype))
    layer.b.assign(tf.cast(pieces.b[None], dtype))
    if pieces.log_alpha.size:
        theta = _theta(pieces.log_alpha, log_alpha_bound(dtype))
        layer.theta.assign(tf.cast(theta.reshape(layer.theta.shape), dtype))
    return layer


def to_pieces(layer: snt.Module) -> Pieces:
    """The pieces of a layer of one output."""
    log_alpha = np.log(layer.alpha).ravel() if hasattr(layer, "theta") else np.zeros(0)
    return Pieces(layer.a.numpy()[:, 0], layer.b.numpy()[0], log_alpha)


def _theta(log_alpha: np.ndarray, bound: float) -> np.ndarray:
    return bound * np.arctanh(np.clip(log_alpha / bound, -0.999, 0.999))


def partition(
    x: np.ndarray, y: np.ndarray, num_terms: int, rng: np.random.Generator, rounds: int = 100
) -> Pieces:
    """A max-affine fit: least squares on the rows where a piece is the largest, again and again.

    The rows go first to the nearest of num_terms random ones. A part of fewer rows than
    coefficients keeps its piece, which is at first the fit to all rows. The best round counts: one
    need not be better than the one before.

    Source: Magnani and Boyd 2009, "Convex piecewise-linear fitting".
    """
    design = np.concatenate([x, np.ones([len(x), 1])], axis=1)
    pieces = np.repeat(np.linalg.lstsq(design, y, rcond=None)[0][:, None], num_terms, axis=1)
    centres = x[rng.choice(len(x), num_terms, replace=False)]
    parts = np.argmin(((x[:, None] - centres) ** 2).sum(axis=2), axis=1)
    best, best_error = pieces, np.inf
    for _ in range(rounds):
        for k in range(num_terms):
            rows = parts == k
            if rows.sum() >= design.shape[1]:
                pieces[:, k] = np.linalg.lstsq(design[rows], y[rows], rcond=None)[0]
        values = design @ pieces
        error = np.mean((values.max(axis=1) - y) ** 2)
        if error < best_error:
            best, best_error = pieces.copy(), error
        before, parts = parts, values.argmax(axis=1)
        if np.array_equal(before, parts):
            break
    return Pieces(best[:-1], best[-1], np.zeros(0))


class LevenbergMarquardt:
    """Least squares by MINPACK, with errors and their derivatives from one compiled function."""

    def __init__(self, family: Family, x: np.ndarray, y: np.ndarray, num_terms: int):
        self._shape = x.shape[1], num_terms
        self._num_alpha = family.num_alpha(num_terms)
        self._join = family.join
        self._x, self._y = tf.constant(x), tf.constant(y)
        self._compiled = tf.function(self._errors, jit_compile=True, autograph=False)
        self._bound = log_alpha_bound(tf.float64)

    def _errors(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Errors [rows] and their derivatives [rows, parameters]."""
        rows, sizes = len(self._x), [int(np.prod(self._shape)), self._shape[1], self._num_alpha]
        a, b, theta = tf.split(parameters, sizes)
        pieces = tf.matmul(self._x, tf.reshape(a, self._shape)) + b
        # A copy of theta for each row, so that one backward pass gives the derivatives of all rows.
        theta = tf.tile(theta[None], [rows, 1])
        with tf.GradientTape() as tape:
            tape.watch([pieces, theta])
            log_alpha = self._bound * tf.tanh(theta / self._bound)
            outputs = self._join(pieces, tf.exp(log_alpha))
        by_pieces, by_theta = tape.gradient(
            outputs, [pieces, theta], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        by_slopes = tf.reshape(self._x[:, :, None] * by_pieces[:, None], [rows, sizes[0]])
        return outputs - self._y, tf.concat([by_slopes, by_pieces, by_theta], axis=1)

    def run(self, pieces: Pieces, max_evaluations: int = 1000) -> Pieces:
        """Descends from these pieces; one alpha is taken for all."""
        log_alpha = np.broadcast_to(pieces.log_alpha, [self._num_alpha])
        theta = _theta(log_alpha, self._bound)
        known = {}

        def errors(parameters: np.ndarray) -> np.ndarray:
            known.clear()
            known[parameters.tobytes()] = [v.numpy() for v in self._compiled(parameters)]
            return known[parameters.tobytes()][0]

        def derivatives(parameters: np.ndarray) -> np.ndarray:
            if parameters.tobytes() not in known:
                errors(parameters)
            return known[parameters.tobytes()][1]

        solution = scipy.optimize.least_squares(
            errors,
            np.concatenate([pieces.a.ravel(), pieces.b, theta]),
            derivatives,
            method="lm",
            x_scale="jac",
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
            max_nfev=max_evaluations,
        )
        a, b, theta = np.split(solution.x, np.cumsum([pieces.a.size, pieces.b.size]))
        log_alpha = self._bound * np.tanh(theta / self._bound)
        return Pieces(a.reshape(pieces.a.shape), b, log_alpha)


class Minibatches:
    """Adam on the mean square of the error, in float32, with the rows resident on the device.

    An epoch is a permutation of the rows drawn from (seed, epoch); what does not fill a batch is
    left out, another remainder each epoch. The learning rate falls to zero along a cosine.
    """

    def __init__(
        self,
        layer: snt.Module,
        x: np.ndarray,
        y: np.ndarray,
        *,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        seed: int,
    ):
        self.layer = layer
        self._x, self._y = tf.constant(x, tf.float32), tf.constant(y, tf.float32)
        self._epochs, self._batch_size, self._seed = epochs, batch_size, seed
        self._steps = len(y) // batch_size
        self._rate = functools.partial(
            optimizers.scheduled,
            "cosine",
            learning_rate,
            total_steps=epochs * self._steps,
            warmup_steps=0,
        )
        self._optimizer = optimizers.create_optimizer("adam", learning_rate)
        self._optimizer._initialize(layer.trainable_variables)
        self._compiled = tf.function(self._many_steps, jit_compile=True, autograph=False)

    def _many_steps(self, order, first, last, done):
        """Steps first .. last - 1 of an epoch, after `done` earlier ones; the sum of their losses.

        order: the rows of each step, [steps, batch].
        """
        variables = self.layer.trainable_variables

        def one_step(i, loss_sum):
            batch = order[i]
            with tf.GradientTape() as tape:
                errors = self.layer(tf.gather(self._x, batch))[:, 0] - tf.gather(self._y, batch)
                loss = tf.reduce_mean(tf.square(errors))
            self._optimizer.learning_rate.assign(self._rate(done + i))
            self._optimizer.apply(tape.gradient(loss, variables), variables)
            return i + 1, loss_sum + loss

        return tf.while_loop(lambda i, _: i < last, one_step, (first, tf.constant(0.0)))[1]

    def run(self, unit: float, title: str) -> None:
        """Descends; a progress bar shows the RMS error of the last call in multiples of `unit`.

        Raises:
          FloatingPointError: a loss, or at the end a weight, that is not finite.
        """
        total = self._epochs * self._steps
        with tqdm(total=total, desc=title, unit="step", disable=None) as bar:
            for epoch in range(self._epochs):
                done = epoch * self._steps
                order = np.random.default_rng([self._seed, epoch]).permutation(len(self._y))
                order = order[: self._steps * self._batch_size].reshape(self._steps, -1)
                order = tf.constant(order, tf.int32)
                for first in range(0, self._steps, _CALL_STEPS):
                    last = min(first + _CALL_STEPS, self._steps)
                    loss = float(self._compiled(order, *map(tf.constant, (first, last, done))))
                    if not np.isfinite(loss):
                        raise FloatingPointError(f"the loss is not finite by step {done + last}")
                    bar.update(last - first)
                    bar.set_postfix(rms=f"{unit * (loss / (last - first)) ** 0.5:.4g}")
        if not all(np.isfinite(weight).all() for weight in self.layer.trainable_variables):
            raise FloatingPointError("a weight is not finite after the last step")
