"""Ways to fit a posynomial: schedules, and SciPy's differential evolution."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from training.fitting.cooking.cook import Cook
from training.fitting.cooking.schedule import (
    LBFGS,
    Adam,
    AddTerm,
    Anneal,
    LeastSquares,
    PruneTerms,
    Schedule,
    Start,
)
from training.fitting.cooking.tables import Data
from training.studies.cooking.problems import Problem
from weirdonetworks.layers import PosynomialDense

# An error on the validation rows at which no further start is made: numerical precision.
TARGET = 1e-9
# What differential evolution searches; the laws' own numbers lie within.
EXPONENTS, LOG_COEFFICIENTS = (-3.0, 3.0), (-5.0, 5.0)


def _schedule(*phases: Any) -> Schedule:
    return Schedule(phases, restarts=10_000, target=TARGET)


# How a cooked fit ends: on the fractions, as far as the validation rows agree.
_END = (Anneal(tolerance=1.05), PruneTerms())


def _grown(num_terms: int) -> Schedule:
    added = (AddTerm(spread=0.3), LeastSquares(loss="log"), LeastSquares())
    return _schedule(Start("log_linear"), LeastSquares(), *added * (num_terms - 1), *_END)


SCHEDULES: dict[str, Callable[[int], Schedule]] = {
    "cooked": lambda _: _schedule(
        Start("max_affine"), LeastSquares(loss="log"), LeastSquares(), *_END
    ),
    "grown": _grown,
    "least_squares": lambda _: _schedule(LeastSquares()),
    "lbfgs": lambda _: _schedule(LBFGS()),
    "adam": lambda _: _schedule(Adam(steps=5000, learning_rate=0.03)),
}
METHODS = (*SCHEDULES, "differential_evolution")


def fit(
    problem: Problem, method: str, data: Data, seed: int, seconds: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """Exponents [terms, in] and coefficients [terms] of the fit, and the number of its starts."""
    if method == "differential_evolution":
        return differential_evolution(data, problem.num_terms, seed, seconds)
    schedule = SCHEDULES[method](problem.num_terms)
    # A law that grows begins with one term.
    terms = 1 if method == "grown" else problem.num_terms
    cook = Cook(lambda: PosynomialDense(1, terms), data, schedule)
    cooked = cook.run(seed, seconds=seconds, progress=False)
    starts = cooked.rows[-1]["restart"] + 1
    layer = cooked.network
    return layer.exponents.numpy().T, layer.coefficients.numpy()[:, 0], starts


def differential_evolution(
    data: Data, num_terms: int, seed: int, seconds: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """SciPy's, with its own settings, on (log c_k, a_ki) within the bounds.

    A whole generation is evaluated at once, in NumPy; at the end SciPy polishes the best. As the
    others, it begins again until the time is over or `TARGET` reached, and the validation rows
    choose.
    """
    deadline = time.process_time() + seconds
    inputs = data.train_inputs.shape[1]

    def error(z, x, y):
        """[parameters, candidates] -> mean of ((f - y) / rms(y))^2 for each candidate."""
        z = z.T.reshape(-1, num_terms, inputs + 1)
        f = np.exp(z[..., 1:] @ np.log(x).T + z[..., :1]).sum(axis=1)
        return np.mean((f - y[:, 0]) ** 2, axis=1) / np.mean(y**2)

    def loss(z):
        losses = error(z, data.train_inputs, data.train_targets)
        return losses if z.ndim > 1 else losses[0]

    def callback(intermediate_result):
        return time.process_time() >= deadline or intermediate_result.fun <= TARGET**2

    generator = np.random.default_rng([seed, 2])
    best, least, starts = None, np.inf, 0
    while not starts or (time.process_time() < deadline and least > TARGET**2):
        found = scipy.optimize.differential_evolution(
            loss,
            [LOG_COEFFICIENTS, *[EXPONENTS] * inputs] * num_terms,
            maxiter=10**6,
            rng=generator,
            callback=callback,
            vectorized=True,
            updating="deferred",
        ).x
        starts += 1
        chosen = error(found[:, None], data.validation_inputs, data.validation_targets)[0]
        if chosen < least:
            best, least = found.reshape(num_terms, inputs + 1), chosen
    return best[:, 1:], np.exp(best[:, 0]), starts
