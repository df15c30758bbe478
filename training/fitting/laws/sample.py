"""Measurements of a law: uniform inputs, the output with Gaussian noise."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import sympy

from training.fitting.laws.table import Equation, symbol
from weirdonetworks import _checks

# A law that is undefined on more of its box than this has wrong ranges.
_UNDEFINED = 0.5


class Sample(NamedTuple):
    """Rows of measurements.

    Attributes:
      x: a column for each variable, by its name, float64.
      y: the measured output, [rows].
      clean: the output without noise, [rows].
    """

    x: pd.DataFrame
    y: np.ndarray
    clean: np.ndarray


def sample(equation: Equation, n: int = 10_000, noise: float = 0.0, seed: int = 0) -> Sample:
    """n rows: x_i ~ U(range_i), y = f(x) + N(0, (noise RMS(f(x)))^2), as in SRBench.

    The same law, n, noise and seed give the same rows; with another noise, x and the shape of the
    noise stay and its size changes. A row at which the law is not finite is drawn again.

    Source: La Cava et al. 2021, "Contemporary symbolic regression methods and their relative
    performance".

    Raises:
      ValueError: n is no integer >= 1, noise no finite number >= 0, seed no integer >= 0, or the
        law is not finite on more than half of its box.
    """
    _checks.integer("n", n)
    _checks.number("noise", noise, 0, math.inf, open_high=True)
    _checks.integer("seed", seed, minimum=0)
    inputs, errors = np.random.default_rng([seed, *equation.name.encode()]).spawn(2)
    low, high = np.transpose(list(equation.ranges.values()))
    x = inputs.uniform(low, high, (n, len(low)))
    clean = evaluate(equation, x)
    while not np.all(finite := np.isfinite(clean)):
        if np.mean(finite) < _UNDEFINED:
            raise ValueError(
                f"ranges must be such that {equation.name} is finite on half of the box at least, "
                f"got {np.sum(finite)} finite rows of {n}"
            )
        x[~finite] = inputs.uniform(low, high, (n - np.sum(finite), len(low)))
        clean = evaluate(equation, x)
    scale = noise * math.sqrt(np.mean(clean**2))
    y = clean + scale * errors.normal(size=n)
    return Sample(pd.DataFrame(x, columns=list(equation.variables)), y, clean)


def evaluate(equation: Equation, x: np.ndarray, expression: sympy.Expr | None = None) -> np.ndarray:
    """The law, or another expression in its variables, at the rows of x, [rows, variables] ->
    [rows]; NaN or infinite where undefined."""
    function = _function(
        equation.variables, equation.expression if expression is None else expression
    )
    with np.errstate(all="ignore"):
        return np.broadcast_to(function(*x.T), len(x)).astype(float)


@functools.lru_cache(maxsize=256)
def _function(variables: tuple[str, ...], expression: sympy.Expr) -> Callable[..., np.ndarray]:
    return sympy.lambdify([symbol(name) for name in variables], expression, "numpy")
