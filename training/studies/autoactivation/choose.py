"""A learning rate for each method, optimizer and problem, from a grid that is extended."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from training.studies.autoactivation import regression
from training.studies.autoactivation.problems import METHODS, Problem
from training.studies.autoactivation.samples import start
from weirdonetworks.functional.parameter_activations import PARAMETER_ACTIVATIONS

CHOOSING = tuple(range(1000, 1010))  # seeds of runs that choose rates
CRITERIA = ("speed", "early")
FLOOR = 1e-10  # of losses: float32 has no more
EARLY = regression.RECORDS // 10  # the short budget, in records
_COARSE, _FINE = 4.0 ** np.arange(-4, 5), 2.0 ** (np.arange(-4, 5) / 2)
_EXTENSIONS = 8


class Grid:
    """Rates that were tried, with what each of the choosing seeds gave.

    Best for `speed`: the least mean logarithm of the steps, those that do not arrive counted as
    four times the budget, then the least early loss. For `early`: the least mean logarithm of the
    losses at the short budget, then of the steps.
    """

    def __init__(self, steps: int):
        self._steps, self._tried = steps, {}

    def add(self, rates: np.ndarray, runs: regression.Runs) -> None:
        """Runs of all choosing seeds at each of these rates; the rates go fastest."""
        shape = (len(CHOOSING), len(rates))
        solved, losses = (
            a[: math.prod(shape)].reshape(shape) for a in (runs.solved, early_losses(runs))
        )
        for i, rate in enumerate(rates):
            steps = np.where(solved[:, i] < 0, 4 * self._steps, np.maximum(solved[:, i], 1))
            speed, loss = np.mean(np.log(steps)), np.mean(np.log(losses[:, i]))
            self._tried[float(rate)] = {"speed": (speed, loss), "early": (round(loss, 3), speed)}

    def best(self, criterion: str) -> float:
        """The rate that is best by this, the smallest of equals."""
        return min(sorted(self._tried), key=lambda rate: self._tried[rate][criterion])

    def edge(self, criterion: str) -> int:
        """-1 or 1 if the best rate is the smallest or the largest that was tried, else 0."""
        best = self.best(criterion)
        return -int(best == min(self._tried)) + int(best == max(self._tried))

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest rate."""
        return min(self._tried), max(self._tried)


def early_losses(runs: regression.Runs) -> np.ndarray:
    """The losses at the short budget, within bounds; what has diverged has the upper one."""
    loss = runs.curve[EARLY]
    return np.where(np.isfinite(loss), np.clip(loss, FLOOR, 1e10), 1e10)


def first_guess(problem: Problem, method: str, optimizer: str, sign: str) -> float:
    """About how large a rate is: the search goes on from there."""
    form, _, dual = METHODS[method]
    w, _, slope = start(problem._replace(steps=1), method, CHOOSING, sign)
    if form == "linear":
        derivative = slope
    elif form == "mass":
        derivative = np.full_like(w, problem.scale / w.shape[-1])
    else:
        activation = PARAMETER_ACTIVATIONS[form]
        derivative = np.asarray(activation.derivative(activation.forward(w)))
    size = float(np.mean(np.abs(derivative) if dual else np.square(derivative)))
    if optimizer == "adam":
        return 0.1 if dual or form == "exp" else 0.1 * problem.scale / problem.inputs / size**0.5
    length = problem.inputs if problem.rows == "one" else 1
    return (0.1 if optimizer == "momentum" else 1.0) / (size * length)


def choose(
    problem: Problem, method: str, optimizer: str, sign: str = "auto", room: int = 20
) -> tuple[list[float], list[bool]]:
    """The best rates for each of the `CRITERIA`, and whether they are at the grid's edge.

    room: the seeds of the runs to come, for which nothing has to be compiled anew then.
    """
    seeds = padded(CHOOSING, room)
    owners, grid = owners_of(len(CHOOSING), len(_COARSE), room), Grid(problem.steps)

    def add(rates):
        tiled = np.resize(np.tile(rates, len(CHOOSING)), len(owners))
        grid.add(rates, regression.run(problem, method, optimizer, seeds, tiled, owners, sign))

    add(first_guess(problem, method, optimizer, sign) * _COARSE)
    for _ in range(_EXTENSIONS):
        edges = {grid.edge(criterion) for criterion in CRITERIA}
        if -1 in edges:
            add(grid.ends[0] * 4.0 ** np.arange(-8, 1))
        elif 1 in edges:
            add(grid.ends[1] * 4.0 ** np.arange(9))
        else:
            break
    for criterion in CRITERIA:
        add(grid.best(criterion) * _FINE)
    return [grid.best(c) for c in CRITERIA], [bool(grid.edge(c)) for c in CRITERIA]


def padded(seeds: Sequence[int], room: int = 0) -> tuple[int, ...]:
    """The seeds, repeated up to the number of seeds that all calls have."""
    count = max(len(seeds), len(CHOOSING), room)
    return tuple(itertools.islice(itertools.cycle(seeds), count))


def owners_of(seeds: int, rates: int, room: int) -> np.ndarray:
    """Whose each run is, filled up to the number of runs that all calls have."""
    total = max(len(CHOOSING) * len(_COARSE), 2 * room)
    return np.resize(np.repeat(np.arange(seeds), rates), total)
