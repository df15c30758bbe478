"""Starting points of posynomials: fits in log space."""

from typing import NamedTuple

import numpy as np
import scipy.optimize
from scipy.special import logsumexp, softmax

from training.fitting.cooking import terms
from training.fitting.cooking.objective import Objective
from training.fitting.cooking.schedule import Start
from weirdonetworks import _checks


class Affine(NamedTuple):
    """log x -> log x A + b: the logarithms of monomials, A [in, terms], b [terms]."""

    a: np.ndarray
    b: np.ndarray

    def __call__(self, log_x: np.ndarray) -> np.ndarray:
        return log_x @ self.a + self.b


def fit_log_linear(log_x: np.ndarray, log_y: np.ndarray) -> Affine:
    """The monomial of least squares: log y = log x a + b."""
    solution = np.linalg.lstsq(_with_one(log_x), log_y, rcond=None)[0]
    return Affine(solution[:-1, None], solution[-1:])


def fit_max_affine(
    log_x: np.ndarray, log_y: np.ndarray, num_terms: int, seed: int | list[int] = 0
) -> Affine:
    """log y = max_k (log x a_k + b_k), by partition and least squares in turn.

    The rows begin as the cells of random ones. Each part is fitted by least squares, a convex
    problem; then each row goes to the part whose plane is the largest there, and so on until the
    partition is an earlier one or after 100 rounds. A part of too few rows for a plane takes the
    rows that are nearest to its centre. The best of the rounds is kept. (Magnani and Boyd 2009,
    "Convex piecewise-linear fitting".)

    Raises:
      ValueError: fewer rows than a plane has coefficients.
    """
    _checks.integer("num_terms", num_terms)
    rows, needed = len(log_x), log_x.shape[1] + 1
    if rows < needed:
        raise ValueError(f"rows must be >= {needed} for {needed - 1} inputs, got {rows}")
    generator = np.random.default_rng(seed)
    scaled = (log_x - log_x.mean(axis=0)) / np.maximum(log_x.std(axis=0), 1e-12)
    centres = scaled[generator.choice(rows, num_terms, replace=rows < num_terms)]
    part = _squared_distances(scaled, centres).argmin(axis=1)
    design, seen = _with_one(log_x), set()
    best, least = None, np.inf
    for _ in range(100):
        planes = []
        for k in range(num_terms):
            members = part == k
            if members.sum() < needed:
                members = np.argsort(_squared_distances(scaled, centres[[k]])[:, 0])[:needed]
            planes.append(np.linalg.lstsq(design[members], log_y[members], rcond=None)[0])
        planes = np.array(planes).T
        values = design @ planes
        error = np.mean((values.max(axis=1) - log_y) ** 2)
        if error < least:
            best, least = planes, error
        part = values.argmax(axis=1)
        if part.tobytes() in seen:
            break
        seen.add(part.tobytes())
    return Affine(best[:-1], best[-1])


def fit_log_sum_exp(
    log_x: np.ndarray, log_y: np.ndarray, num_terms: int, seed: int | list[int] = 0
) -> Affine:
    """log y = log sum_k exp(log x a_k + b_k), by Levenberg-Marquardt from `fit_max_affine`.

    Raises:
      ValueError: as there, or fewer rows than parameters.
    """
    start = fit_max_affine(log_x, log_y, num_terms, seed)
    design = _with_one(log_x)
    shape = (design.shape[1], num_terms)
    if len(log_x) < shape[0] * num_terms:
        raise ValueError(f"rows must be >= {shape[0] * num_terms} parameters, got {len(log_x)}")

    def residuals(z):
        return logsumexp(design @ z.reshape(shape), axis=1) - log_y

    def jacobian(z):
        weights = softmax(design @ z.reshape(shape), axis=1)
        return (design[:, :, None] * weights[:, None]).reshape(len(design), -1)

    z0 = np.concatenate([start.a, start.b[None]]).ravel()
    z = scipy.optimize.least_squares(residuals, z0, jacobian, method="lm", max_nfev=100).x
    z = z.reshape(shape)
    return Affine(z[:-1], z[-1])


def start(phase: Start, objective: Objective, seed: list[int]) -> None:
    """Sets the terms of the network of an objective from its training split.

    Raises:
      ValueError: a network other than a PosynomialDense or SignomialDense of one output and real
        exponents, targets that have not all the sign it needs, or too few rows.
    """
    layer = terms.get_layer(objective.network, "")
    if layer.output_size != 1 or layer.nonnegative_exponents:
        raise ValueError(
            "layer must have output_size 1 and real exponents for a start, got output_size "
            f"{layer.output_size}, nonnegative_exponents {layer.nonnegative_exponents}"
        )
    inputs, y = objective.training
    log_x, y, sign = terms.log_inputs(layer, inputs), y[:, 0], 1.0
    if getattr(layer, "log_output", False):
        log_y = y
    else:
        if isinstance(layer, terms.SignomialDense) and np.all(y < 0):
            y, sign = -y, -1.0
        if not np.all(y > 0):
            raise ValueError(
                f"targets must be > 0 for a start (of one sign for a signomial), got {y.min()!r}"
            )
        log_y = np.log(y)
    count = layer.num_terms
    if phase.method == "log_linear":
        one = fit_log_linear(log_x, log_y)
        moved = phase.spread * np.random.default_rng(seed).normal(size=(len(one.a), count))
        # Moved about the middle of the data, where each remains 1 / count of the whole.
        a = one.a + (moved if count > 1 else 0)
        fit = Affine(a, one.b - np.log(count) + log_x.mean(axis=0) @ (one.a - a))
    elif phase.method == "max_affine":
        fit = fit_max_affine(log_x, log_y, count, seed)
        # The sum of terms is more than the largest: all are made smaller, to be right in the mean.
        fit = Affine(fit.a, fit.b - np.mean(logsumexp(fit(log_x), axis=1) - log_y))
    else:
        fit = fit_log_sum_exp(log_x, log_y, count, seed)
    terms.set_terms(layer, fit.a, fit.b[:, None], sign)


def _with_one(log_x: np.ndarray) -> np.ndarray:
    return np.concatenate([log_x, np.ones((len(log_x), 1))], axis=1)


def _squared_distances(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return ((x[:, None] - centres) ** 2).sum(axis=2)
