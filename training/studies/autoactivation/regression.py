"""Linear regression by y = phi(W) x: many runs in one compiled loop."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from training.studies.autoactivation.checked import checked_numbers, checked_seeds
from training.studies.autoactivation.problems import METHODS, OPTIMIZERS, Problem
from training.studies.autoactivation.samples import draw, start, times_hessian
from weirdonetworks import _checks
from weirdonetworks.functional.parameter_activations import (
    PARAMETER_ACTIVATIONS,
    get_parameter_activation,
)

SOLVED = 1e-3  # of the variance of the targets
RECORDS = 100  # of the loss, over a run


class Runs(NamedTuple):
    """What runs gave, in parts of the variance of the targets; the last axis is that of the runs.

    Attributes:
      solved: [runs], the first step at whose begin the loss is at most `SOLVED`; -1 if none is.
      final: [runs], the loss after the last step; inf if it diverged.
      curve: [RECORDS, runs], the loss at steps that are spaced evenly from 0 on.
      parameters: [parts, runs, inputs], at the end.
    """

    solved: np.ndarray
    final: np.ndarray
    curve: np.ndarray
    parameters: np.ndarray


def run(
    problem: Problem,
    method: str,
    optimizer: str,
    seeds: Sequence[int],
    rates: np.ndarray,
    owners: np.ndarray,
    sign: str = "auto",
    dtype: tf.DType = tf.float32,
    geometry: bool = False,
) -> Runs:
    """One run for each rate: with `rates[i]`, of the seed `seeds[owners[i]]`; all at once.

    With `geometry`, for a map phi, there are no parameters: both parts of A follow their gradients
    times phi'(phi^-1(A))^2, which is what gradient descent on W does to first order.

    `momentum` is 0.9, and Adam's settings are Kingma and Ba's, as in `training.engine.optimizers`.

    Raises:
      ValueError: unknown names, seeds that are not integers >= 0, rates that are not
        finite numbers > 0, owners that are no places of seeds, a sign that the data or the targets
        do not admit, or the geometry of what is no map.
    """
    _checks.choice("method", method, METHODS)
    _checks.choice("optimizer", optimizer, OPTIMIZERS)
    seeds = checked_seeds(seeds)
    rates = checked_numbers("rates", rates, "uif")
    owners = checked_numbers("owners", owners, "iu")
    if rates.ndim != 1 or owners.shape != rates.shape or not rates.size:
        raise ValueError(f"rates and owners must be [runs], got {rates.shape} and {owners.shape}")
    if not np.all((rates > 0) & (rates < np.inf)):
        worst = rates[~((rates > 0) & (rates < np.inf))][0]
        raise ValueError(f"rates must be finite numbers > 0, got {worst}")
    if owners.min() < 0 or owners.max() >= len(seeds):
        raise ValueError(
            f"owners must be places of the {len(seeds)} seeds, got {owners.min()} .. {owners.max()}"
        )
    sample = draw(problem, seeds)
    w, base, slope = start(problem._replace(steps=1), method, seeds, sign)
    each = lambda values: tf.constant(values[owners], dtype)  # noqa: E731
    parts = lambda values: tf.constant(values[:, owners], dtype)  # noqa: E731
    # For EG, the mass: of both parts, told to be twice that of the target.
    mass = 2 * np.abs(sample.weights).sum(axis=1)[:, None]
    form, _, dual = METHODS[method]
    if geometry:
        w = np.asarray(_checked_map(form).forward(w))
    program = _program(problem._replace(steps=1, condition=1.0, scale=1.0), form, dual, geometry)
    rows = sample.rows if problem.rows == "one" else sample.rows[:1]  # one shape for all
    solved, final, curve, w = program(
        parts(w),
        parts(base),
        parts(slope),
        each(sample.weights),
        each(sample.spectrum),
        each(sample.flips),
        each(mass),
        tf.constant(rows),
        tf.constant(owners, tf.int32),
        tf.constant(rates, dtype),
        each(0.5 * sample.variance),
        tf.constant(0.9 if optimizer == "momentum" else 0.0, dtype),
        tf.constant(optimizer == "adam"),
        tf.constant(problem.steps),
    )
    return Runs(*(value.numpy() for value in (solved, final, curve, w)))


def _checked_map(form: str):
    if form in ("linear", "mass"):
        raise ValueError(
            f"method must be a map phi of its parameters for its geometry, got {form!r}"
        )
    return get_parameter_activation(form)


_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


@functools.cache
def _program(problem: Problem, form: str, dual: bool, geometry: bool) -> Callable[..., Any]:
    """The compiled loop of all problems that differ from this one in numbers alone."""
    activate = None if form in ("linear", "mass") else PARAMETER_ACTIVATIONS[form].forward

    def forward(w, base, slope, mass):
        if form == "linear":
            return base + slope * w
        if geometry:
            return w
        if form == "mass":
            return mass * tf.exp(w - tf.reduce_logsumexp(w, axis=[0, 2], keepdims=True))
        return activate(w)

    def program(
        w, base, slope, target, spectrum, flips, mass, rows, owners, rates, unit, mu, adam, steps
    ):
        signs = tf.constant([1, -1][: w.shape[0]], w.dtype)[:, None, None]

        def weights(w):
            parts = forward(w, base, slope, mass)
            return parts, tf.reduce_sum(signs * parts, axis=0)

        def loss_of(error):
            moved = times_hessian(problem, error, spectrum, flips)
            loss = tf.reduce_sum(error * moved, axis=-1) / 2 / unit
            # Of errors that overflow, terms of both signs may make -inf.
            return moved, tf.where(tf.math.is_finite(loss), loss, tf.constant(math.inf, loss.dtype))

        def one_step(i, w, m, v, solved, curve):
            with tf.GradientTape() as tape:
                tape.watch(w)
                parts, a = weights(w)
            moved, loss = loss_of(a - target)
            solved = tf.where((solved < 0) & (loss <= SOLVED), i, solved)
            place = tf.cast(tf.cast(i, tf.int64) * RECORDS // tf.cast(steps, tf.int64), tf.int32)
            before = curve[place]  # the first of the steps that share a place stays
            kept = tf.where(tf.math.is_nan(before), loss, before)
            curve = tf.tensor_scatter_nd_update(curve, [[place]], [kept])
            if problem.rows == "one":
                x = tf.cast(tf.gather(rows[:, i], owners), w.dtype)
                moved = x * tf.reduce_sum(x * (a - target), axis=-1, keepdims=True)
            pull = signs * moved
            if geometry:
                derivative = PARAMETER_ACTIVATIONS[form].derivative(w)
                g = pull * (tf.abs(derivative) if dual else tf.square(derivative))
            else:
                g = pull if dual else tape.gradient(parts, w, pull)
            b1 = tf.where(adam, tf.constant(_BETA1, w.dtype), mu)
            m = b1 * m + tf.where(adam, 1 - b1, 1) * g
            v = _BETA2 * v + (1 - _BETA2) * tf.square(g)
            t = tf.cast(i + 1, w.dtype)
            r = tf.sqrt(1 - _BETA2**t)
            relative = r / (1 - _BETA1**t) / (tf.sqrt(v) + _EPSILON * r)
            w -= rates[:, None] * m * tf.where(adam, relative, tf.ones_like(v))
            return i + 1, w, m, v, solved, curve

        runs = rates.shape[0]
        _, w, _, _, solved, curve = tf.while_loop(
            lambda i, *_: i < steps,
            one_step,
            (
                tf.constant(0),
                w,
                tf.zeros_like(w),
                tf.zeros_like(w),
                -tf.ones([runs], tf.int32),
                tf.fill([RECORDS, runs], tf.constant(math.nan, w.dtype)),
            ),
        )
        return solved, loss_of(weights(w)[1] - target)[1], curve, w

    return tf.function(program, jit_compile=True, autograph=False)
