"""One fit of one law by one method, within its time."""

import functools
import itertools
import math
import time
from typing import Any

import numpy as np

from training.studies.cooking.contenders import fit
from training.studies.cooking.problems import PROBLEMS, Problem

# The largest error of an exponent that is right.
RIGHT = 1e-3


def trial(axes: dict[str, Any], seed: int, choice: None, *, fit_seconds: float) -> dict[str, Any]:
    """Errors are relative, rms(f - y) / rms(y), on the test rows without noise.

    exponent_error is that of `exponent_error`; success, that it is at most 1e-3. Both are None
    where there is no law to find.
    """
    _warm(fit_seconds)
    return _fitted(axes["problem"], axes["method"], seed, fit_seconds)


@functools.cache
def _warm(seconds: float) -> None:
    """TensorFlow's first use in a process costs seconds, whoever makes it."""
    _fitted("monomial", "lbfgs", 0, seconds)


def _fitted(name: str, method: str, seed: int, seconds: float) -> dict[str, Any]:
    problem = PROBLEMS[name]
    data, (x, y) = problem.sample(seed)
    start = time.process_time()
    exponents, c, starts = fit(problem, method, data, seed, seconds)
    taken = time.process_time() - start

    def error(inputs, targets):
        f = np.exp(np.log(inputs) @ exponents.T) @ c[:, None]
        return float(np.sqrt(np.mean((f - targets) ** 2) / np.mean(targets**2)))

    wrong = exponent_error(problem, exponents)
    return {
        "seconds": taken,
        "starts": starts,
        "validation_error": error(data.validation_inputs, data.validation_targets),
        "test_error": error(x, y),
        "exponent_error": wrong,
        "success": None if wrong is None else wrong <= RIGHT,
    }


def exponent_error(problem: Problem, found: np.ndarray) -> float | None:
    """The largest error of the exponents that were found, [terms, in], in the best order.

    Infinite for another number of terms than the law's; None where there is no law to find.
    """
    if not problem.exponents:
        return None
    true = np.array(problem.exponents)
    if true.shape != found.shape:
        return math.inf
    orders = itertools.permutations(range(len(true)))
    return min(float(np.abs(found[list(order)] - true).max()) for order in orders)
