"""Phases that optimise: each moves the free entries of an objective's parameters."""

import time
from collections.abc import Callable

import numpy as np
import scipy.optimize
import tensorflow as tf

from training.engine.optimizers import SCHEDULES
from training.fitting.cooking.objective import Objective
from training.fitting.cooking.schedule import LBFGS, Adam, LeastSquares

# Steps of Adam in a compiled call; between calls the clock is read.
_CALL_STEPS = 100


class OutOfTime(Exception):
    """The deadline has passed."""


class Clock:
    """A deadline after `seconds` of this process's CPU time; None is never."""

    def __init__(self, seconds: float | None = None):
        self._deadline = np.inf if seconds is None else time.process_time() + seconds

    def passed(self) -> bool:
        return time.process_time() >= self._deadline

    def check(self) -> None:
        """Raises OutOfTime."""
        if self.passed():
            raise OutOfTime


def adam(
    phase: Adam, objective: Objective, loss: str, free: np.ndarray, seed: list[int], clock: Clock
) -> None:
    """Runs the phase; batches depend on the seed alone, each pass over the rows is a permutation.

    Raises:
      ValueError: a batch larger than the training split.
      FloatingPointError: parameters that are not finite.
    """
    batch = phase.batch_size or 0
    if batch > objective.num_rows:
        raise ValueError(
            f"batch_size must be in 1 .. {objective.num_rows} (the training rows), got {batch}"
        )
    generator, order = np.random.default_rng(seed), np.zeros(0, np.int32)
    progress = tf.range(phase.steps, dtype=tf.float64) / phase.steps
    rates = phase.learning_rate * SCHEDULES[phase.decay](progress).numpy()
    rates = np.append(rates, np.zeros(_CALL_STEPS))
    steps = objective.adam(loss)
    x = tf.constant(objective.values(), objective.dtype)
    m = v = tf.zeros_like(x)
    for done in range(0, phase.steps, _CALL_STEPS):
        if clock.passed():
            break
        count = min(_CALL_STEPS, phase.steps - done)
        batches = np.zeros((_CALL_STEPS, batch), np.int32)
        for i in range(count if batch else 0):
            if len(order) < batch:
                order = generator.permutation(objective.num_rows).astype(np.int32)
            batches[i], order = order[:batch], order[batch:]
        x, m, v = steps(
            x,
            m,
            v,
            tf.constant(done),
            tf.constant(count),
            tf.constant(rates[done : done + _CALL_STEPS], objective.dtype),
            tf.constant(batches),
            tf.constant(free),
        )
        if not np.all(np.isfinite(x)):
            raise FloatingPointError(f"a parameter is not finite after step {done + count} of Adam")
    objective.assign(x.numpy())


def least_squares(
    phase: LeastSquares,
    objective: Objective,
    loss: str,
    free: np.ndarray,
    clock: Clock,
    penalty: tuple[np.ndarray, np.ndarray, float] | None = None,
) -> None:
    """Runs the phase. With `penalty` (entries, values, w), sqrt(w / n) (x[entries] - values) are
    residuals, too, n their number.

    Raises:
      ValueError: a loss without residuals, or fewer of them than parameters for method "lm".
      FloatingPointError: residuals that are not finite where it starts.
    """
    objective.check(loss, residuals=True)
    start = objective.values()
    if penalty:
        entries, wanted, weight = penalty
        pull = np.sqrt(weight / len(entries)) * np.eye(len(start))[entries]

    def residuals(x):
        r = objective.residuals(loss, x)
        return np.concatenate([r, pull @ x - pull[:, entries] @ wanted]) if penalty else r

    def jacobian(x):
        rows = objective.jacobian(loss, x)
        return (np.concatenate([rows, pull]) if penalty else rows)[:, free]

    count = len(residuals(start))
    if phase.method == "lm" and count < free.sum():
        raise ValueError(
            f"method must be 'trf' for fewer residuals ({count}) than parameters ({free.sum()}), "
            f"got {phase.method!r}"
        )

    def solve(best):
        def fun(z):
            clock.check()
            x = _with(start, free, z)
            r = residuals(x)
            best(float(r @ r), x)
            return r

        scipy.optimize.least_squares(
            fun,
            start[free],
            lambda z: jacobian(_with(start, free, z)),
            method=phase.method,
            x_scale="jac" if phase.method == "lm" else 1.0,
            max_nfev=phase.max_evaluations,
            **dict.fromkeys(("ftol", "xtol", "gtol"), phase.tolerance),
        )

    _keep_best(solve, objective, start, free)


def lbfgs(phase: LBFGS, objective: Objective, loss: str, free: np.ndarray, clock: Clock) -> None:
    """Runs the phase.

    Raises:
      FloatingPointError: a loss that is not finite where it starts.
    """
    start = objective.values()

    def solve(best):
        def fun(z):
            clock.check()
            x = _with(start, free, z)
            value, gradient = objective.loss_and_gradient(loss, x)
            best(value, x)
            return value, gradient[free]

        options = {
            "maxiter": phase.max_iterations,
            "maxfun": 2 * phase.max_iterations,
            "ftol": phase.tolerance,
            "gtol": 0.0,
        }
        scipy.optimize.minimize(fun, start[free], jac=True, method="L-BFGS-B", options=options)

    _keep_best(solve, objective, start, free)


def standard_errors(objective: Objective, loss: str, free: np.ndarray) -> np.ndarray:
    """Of the free entries, in their order, from J'J where they are; infinite for too few rows."""
    x = objective.values()
    r, rows = objective.residuals(loss, x), objective.jacobian(loss, x)[:, free]
    degrees = len(r) - np.linalg.matrix_rank(rows)
    if degrees <= 0:
        return np.full(rows.shape[1], np.inf)
    return np.sqrt((r @ r) / degrees * np.diag(np.linalg.pinv(rows.T @ rows)))


def _with(x: np.ndarray, free: np.ndarray, z: np.ndarray) -> np.ndarray:
    x = x.copy()
    x[free] = z
    return x


def _keep_best(
    solve: Callable[[Callable[[float, np.ndarray], None]], None],
    objective: Objective,
    start: np.ndarray,
    free: np.ndarray,
) -> None:
    """Solves until it ends or the time is over, and leaves the best of the points it has seen."""
    best = [np.inf, start]

    def see(value: float, x: np.ndarray) -> None:
        if value < best[0]:
            best[:] = value, x

    try:
        # An overflow in SciPy is a step too far, which it takes back.
        with np.errstate(over="ignore", invalid="ignore"):
            if free.any():
                solve(see)
    except OutOfTime:
        pass
    except ValueError as error:
        # SciPy's word for it; whatever else it refuses has been checked before.
        if "finite" not in str(error):
            raise
        raise FloatingPointError("residuals are not finite at the start") from error
    objective.assign(best[1])
