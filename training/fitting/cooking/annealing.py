"""Exponents to fractions: pulled there, rounded, held while the rest is fitted again."""

import dataclasses
from collections.abc import Callable

import numpy as np

from training.fitting.cooking.objective import Objective
from training.fitting.cooking.schedule import Anneal, LeastSquares
from training.fitting.cooking.solvers import Clock, least_squares, standard_errors
from weirdonetworks import _checks

# An error below this is numerical precision: it is no worse than a smaller one.
_PRECISION = 1e-9


def nearest_fraction(values: np.ndarray, denominators: tuple[int, ...]) -> np.ndarray:
    """The multiples of 1/d nearest to the values, d any of the denominators."""
    _checks.sizes("denominators", denominators, allow_empty=False)
    values = np.asarray(values, np.float64)
    grid = np.array([np.round(values * d) / d for d in denominators])
    nearest = np.abs(grid - values).argmin(axis=0)
    # Adding 0 makes a zero of a minus zero.
    return np.take_along_axis(grid, nearest[None], axis=0)[0] + 0.0


def anneal(
    phase: Anneal,
    objective: Objective,
    loss: str,
    chosen_by: str,
    free: np.ndarray,
    clock: Clock,
) -> np.ndarray:
    """Runs the phase and returns which of the free entries it has rounded, to be held.

    `chosen_by` is the loss of the validation error.

    Raises:
      ValueError: patterns that match no variable, exponents that are not the variables themselves
        (`nonnegative_exponents`), or whatever least squares refuses.
    """
    wanted = objective.matching(phase.exponents, "exponents") & free
    for module in (objective.network, *objective.network.submodules):
        if getattr(module, "nonnegative_exponents", False):
            raise ValueError(
                "exponents must be variables, which those of layers with nonnegative_exponents "
                f"are not, got {module.name!r}"
            )
    solver = LeastSquares(max_evaluations=phase.max_evaluations)
    if objective.num_rows < free.sum():
        solver = dataclasses.replace(solver, method="trf")

    def fit(entries: np.ndarray, **penalty) -> None:
        least_squares(solver, objective, loss, entries, clock, **penalty)

    bound = np.inf
    if phase.tolerance is not None:
        bound = phase.tolerance * max(objective.error(chosen_by, True), _PRECISION)

    def accepted() -> bool:
        return objective.error(chosen_by, True) <= bound or bound == np.inf

    method = _one_by_one if phase.method == "one_by_one" else _by_penalty
    return method(phase, objective, loss, free, wanted, fit, accepted)


def _round(phase: Anneal, objective: Objective, entries: np.ndarray) -> None:
    x = objective.values()
    x[entries] = nearest_fraction(x[entries], phase.denominators)
    objective.assign(x)


def _by_penalty(
    phase: Anneal,
    objective: Objective,
    loss: str,
    free: np.ndarray,
    wanted: np.ndarray,
    fit: Callable[..., None],
    accepted: Callable[[], bool],
) -> np.ndarray:
    before, entries = objective.values(), np.flatnonzero(wanted)
    for weight in phase.weights if len(entries) else ():
        near = nearest_fraction(objective.values()[entries], phase.denominators)
        fit(free, penalty=(entries, near, weight))
    _round(phase, objective, wanted)
    fit(free & ~wanted)
    if accepted():
        return wanted
    objective.assign(before)
    return np.zeros_like(wanted)


def _one_by_one(
    phase: Anneal,
    objective: Objective,
    loss: str,
    free: np.ndarray,
    wanted: np.ndarray,
    fit: Callable[..., None],
    accepted: Callable[[], bool],
) -> np.ndarray:
    held, left = np.zeros_like(wanted), wanted.copy()
    while left.any():
        x = objective.values()
        errors = np.zeros_like(x)
        errors[free & ~held] = standard_errors(objective, loss, free & ~held)
        doubt = np.abs(x - nearest_fraction(x, phase.denominators)) + errors
        doubt[~left] = np.inf
        entry = np.flatnonzero(left)[np.argmin(doubt[left])]
        left[entry] = False
        held[entry] = True
        _round(phase, objective, np.arange(len(x)) == entry)
        fit(free & ~held)
        if not accepted():
            held[entry] = False
            objective.assign(x)
    return held
