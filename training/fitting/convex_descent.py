"""Descents for convex fits: partitions, Levenberg-Marquardt for few rows, Adam for many."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.optimize
import sonnet as snt
import tensorflow as tf

from training.engine import optimizers
from training.engine.trainer import Trainer
from weirdonetworks import functional, layers
from weirdonetworks.layers.convex import log_alpha_bound


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
    """Least squares by MINPACK, with errors and their derivatives from one compiled function.

    errors: parameters (slopes, offsets, theta) -> errors [rows], derivatives [rows, parameters].
    """

    def __init__(self, family: Family, x: np.ndarray, y: np.ndarray, num_terms: int):
        self._shape = x.shape[1], num_terms
        self._num_alpha = family.num_alpha(num_terms)
        self._join = family.join
        self._x, self._y = tf.constant(x), tf.constant(y)
        self.errors = tf.function(self._errors, jit_compile=True, autograph=False)
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
            known[parameters.tobytes()] = [v.numpy() for v in self.errors(parameters)]
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


def descend_minibatches(
    layer: snt.Module,
    x: np.ndarray,
    y: np.ndarray,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> None:
    """Adam on the mean square of the error of `layer`, with the rows resident on the device.

    An epoch is a permutation of the rows drawn from (seed, epoch); what does not fill a batch is
    left out, another remainder each epoch. The learning rate falls to zero along a cosine. In
    float32.

    Raises:
      FloatingPointError: a weight that is not finite.
    """
    x, y = tf.constant(x, tf.float32), tf.constant(y, tf.float32)
    steps = len(y) // batch_size

    def loss(layer: snt.Module, i: tf.Tensor, order, first, x, y) -> tf.Tensor:
        batch = order[i - first]
        errors = layer(tf.gather(x, batch))[:, 0] - tf.gather(y, batch)
        return tf.reduce_mean(tf.square(errors))

    optimizer = optimizers.create_optimizer("adam", learning_rate)
    rate = functools.partial(_rate, learning_rate, epochs * steps)
    trainer = Trainer(lambda: layer, loss, optimizer, rate)
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(y))
        order = order[: steps * batch_size].reshape(steps, -1).astype(np.int32)
        first, last = epoch * steps, (epoch + 1) * steps
        trainer.run(first, last, order, first, x, y)
        if not all(np.isfinite(weight).all() for weight in layer.trainable_variables):
            raise FloatingPointError(f"a weight is not finite after step {last}")


def _rate(peak: float, steps: int, i: tf.Tensor) -> tf.Tensor:
    return optimizers.scheduled("cosine", peak, i, steps, 0)
