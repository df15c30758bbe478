"""Steps as the geometry phi'^2 explains them: A itself, moved by phi'^2 times its gradient."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.studies.autoactivation import regression
from training.studies.autoactivation.choose import owners_of
from training.studies.autoactivation.problems import METHODS, Problem
from training.studies.autoactivation.samples import draw, hessian, start
from weirdonetworks.functional.parameter_activations import PARAMETER_ACTIVATIONS


def explained(
    problem: Problem,
    method: str,
    optimizer: str,
    runs: regression.Runs,
    rate: float,
    seeds: tuple[int, ...],
    count: int,
    sign: str,
) -> dict[str, list[Any]]:
    """Steps of SGD as the geometry explains them: `moving`, followed on its way, and `frozen`.

    For the first `count` of the seeds, -1 where the goal is not met; None for what has no such
    explanation.
    """
    form, _, _ = METHODS[method]
    nothing = [None] * count
    if (optimizer, problem.rows, problem.target) != ("sgd", "all", "dense") or form == "mass":
        return {"moving": nothing, "frozen": nothing}
    still = frozen(problem, method, runs, rate, seeds[:count], sign) or nothing
    if form == "linear":
        return {"moving": nothing, "frozen": still}
    owners = owners_of(count, 1, count)
    rates = np.full(len(owners), rate)
    moving = regression.run(
        problem, method, "sgd", seeds, rates, owners, sign, geometry=True
    ).solved[:count]
    return {"moving": [int(t) for t in moving], "frozen": still}


def frozen(
    problem: Problem,
    method: str,
    runs: regression.Runs,
    rate: float,
    seeds: Sequence[int],
    sign: str,
) -> list[int]:
    """Steps of gradient descent, at this rate, with the geometry phi'^2 frozen at the target.

    With D = sum of phi'(W)^2 over the parts of A, the error of A obeys e <- (1 - rate D H) e, so
    that the steps to the goal need no run. D is that of the target; where A has two parts, which
    the target leaves open, that of the end of each run.
    """
    form, _, dual = METHODS[method]
    if form == "mass" or problem.inputs > 64:
        return []
    sample = draw(problem, tuple(seeds))
    w, base, slope = start(problem._replace(steps=1), method, tuple(seeds), sign)
    found = []
    for i, target in enumerate(sample.weights):
        if form == "linear":
            first, derivative = base[:, i] + slope[:, i] * w[:, i], slope[:, i]
        else:
            activation = PARAMETER_ACTIVATIONS[form]
            end = np.asarray(activation.forward(runs.parameters[:, 2 * i].astype(np.float64)))
            first = np.asarray(activation.forward(w[:, i]))
            derivative = np.asarray(activation.derivative(target[None] if len(end) == 1 else end))
        geometry = np.sum(np.abs(derivative) if dual else np.square(derivative), axis=0)
        error = np.array([1, -1])[: len(first)] @ first - target
        one = sample._replace(spectrum=sample.spectrum[i], flips=sample.flips[i])
        h = hessian(problem, one) @ np.eye(problem.inputs)
        unit = sample.variance[i] / 2
        found.append(quadratic_steps(h, geometry, error, rate, unit, problem.steps))
    return found


def quadratic_steps(
    h: np.ndarray,
    geometry: np.ndarray,
    error: np.ndarray,
    rate: float,
    unit: float,
    most: int,
) -> int:
    """Steps of e <- (1 - rate D H) e until e' H e / 2 is at most the goal; -1 beyond most."""
    if not np.all(np.isfinite(geometry)) or np.min(geometry) <= 0:
        return -1
    root = np.sqrt(geometry)
    values, vectors = np.linalg.eigh(root[:, None] * h * root)
    energy = 0.5 * np.maximum(values, 0) * np.square(vectors.T @ (error / root)) / unit
    times = np.unique(np.geomspace(1, most, 400).round())
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        factors = np.log(np.square(1 - rate * values))
        losses = np.sum(np.exp(times[:, None] * factors) * energy, axis=1)
    below = np.flatnonzero(losses <= regression.SOLVED)
    return int(times[below[0]]) if below.size else -1
