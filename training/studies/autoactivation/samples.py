"""What a problem is with each seed: targets, inputs, rows; and where each method starts."""

import functools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from training.studies.autoactivation.problems import METHODS, NONZERO, Problem, is_paired
from weirdonetworks.layers.autoactivation import AutoactivationDense


class Sample(NamedTuple):
    """What differs between the seeds of a problem; the first axis is theirs.

    Attributes:
      weights: [seeds, inputs], A*.
      spectrum: [seeds, inputs], the eigenvalues of H in the order of the axes.
      flips: [seeds, inputs], signs of the inputs, which turn the axes.
      rows: int8 [seeds, steps, inputs], what is seen online; [seeds, 1, 1] otherwise.
      variance: [seeds], of y.
    """

    weights: np.ndarray
    spectrum: np.ndarray
    flips: np.ndarray
    rows: np.ndarray
    variance: np.ndarray


@functools.cache
def axes(inputs: int) -> np.ndarray:
    """An orthogonal matrix, always the same."""
    return np.linalg.qr(np.random.default_rng(inputs).normal(size=(inputs, inputs)))[0]


@functools.lru_cache(4)
def draw(problem: Problem, seeds: tuple[int, ...]) -> Sample:
    """The problem as each of these seeds has it."""
    problem.check()
    n, positive = problem.inputs, problem.data == "positive"
    parts = []
    for seed in seeds:
        generator = np.random.default_rng([seed, 1])
        dense = 2 * generator.uniform(size=n) / n if positive else generator.normal(size=n) / n**0.5
        chosen = generator.choice(n, NONZERO, replace=False)
        values = np.ones(NONZERO) if positive else generator.choice([-1, 1], NONZERO)
        weights = np.zeros(n)
        weights[chosen] = values / (NONZERO if positive else NONZERO**0.5)
        if problem.target == "dense":
            weights = dense
        spectrum = generator.permutation(np.geomspace(1 / problem.condition, 1, n))
        flips = generator.choice([-1.0, 1.0], n)
        rows = np.zeros((1, 1), np.int8)
        if problem.rows == "one":
            flipped = np.random.default_rng([seed, 2]).integers(0, 2, (problem.steps, n), np.int8)
            rows = flipped if positive else 2 * flipped - 1
        parts.append((weights * problem.scale, spectrum, flips, rows))
    weights, spectrum, flips, rows = (np.stack(part) for part in zip(*parts, strict=True))
    sample = Sample(weights, spectrum, flips, rows, np.zeros(0))
    if positive:
        each = 0.25 if problem.rows == "one" else 1 / problem.condition
        return sample._replace(variance=each * np.sum(weights**2, axis=1))
    return sample._replace(variance=np.sum(weights * (hessian(problem, sample) @ weights), axis=-1))


def hessian(problem: Problem, sample: Sample):
    """H of each seed, as something that can be multiplied by its vectors from the left."""

    class Hessian:
        def __matmul__(self, v: np.ndarray) -> np.ndarray:
            arguments = (v, sample.spectrum, sample.flips)
            return times_hessian(problem, *map(tf.constant, arguments)).numpy()

    return Hessian()


def times_hessian(problem: Problem, v: tf.Tensor, spectrum: tf.Tensor, flips: tf.Tensor):
    """H v for v [..., inputs]."""
    n, total = problem.inputs, tf.reduce_sum(v, axis=-1, keepdims=True)
    if problem.rows == "one":
        return (v + total) / 4 if problem.data == "positive" else v
    if problem.data == "positive":  # of the spectrum, only its ends
        low = tf.reduce_min(spectrum, axis=-1, keepdims=True)
        return low * v + (1 - low) / n * total
    q = tf.constant(axes(n), v.dtype)
    return flips * tf.matmul(spectrum * tf.matmul(flips * v, q), q, transpose_b=True)


@functools.lru_cache(64)
def start(problem: Problem, method: str, seeds: tuple[int, ...], sign: str = "auto"):
    """Parameters, base and slope of each seed: three arrays [parts, seeds, inputs]."""
    form, kind, _ = METHODS[method]
    n, paired = problem.inputs, is_paired(problem, method, sign)
    w = []
    for seed in seeds:
        if kind == "normal":
            # At two standard deviations, as snt.Linear cuts them, which lessens the spread.
            generator = np.random.default_rng([seed, 3])
            values = generator.normal(size=4 * n + 100)
            w.append(values[np.abs(values) < 2][None, :n] / n**0.5)
            continue
        if kind == "zero":
            w.append(np.zeros((1, n)))
            continue
        if kind == "even":
            each = problem.scale / (n * (1 + paired))
            w.append(np.full((1 + paired, n), math.log(each)))
            continue
        tf.random.set_seed(seed)
        phi = form if kind == "layer" else "exp"
        is_plain = kind == "log-normal"  # where the layer is that of the data's signs
        pair = is_paired(problem, "exp", sign) if is_plain else paired
        layer = AutoactivationDense(1, phi, "paired" if pair else "positive", with_bias=False)
        layer(tf.zeros([1, n], tf.float64))
        variables = [layer.effective_weights] if is_plain else layer.trainable_variables
        w.append(np.stack([variable.numpy()[:, 0] for variable in variables]))
    w = np.stack(w, axis=1)
    if kind == "linearised":
        return np.zeros_like(w), np.exp(w), np.exp(w)  # of exp, value and slope are the same
    return w, np.zeros_like(w), np.ones_like(w)
