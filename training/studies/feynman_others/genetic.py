"""gplearn's genetic programming behind the interface of our estimator."""

import time
from typing import Any

import numpy as np
import pandas as pd
import sympy

from training.fitting.laws.table import symbol
from weirdonetworks import _checks


def _size(a: sympy.Expr) -> sympy.Expr:
    """|a|, or a itself where its sign changes: of that a law takes the root or the logarithm."""
    size = sympy.Abs(a)
    return a if size.has(sympy.Abs) else size


# Its protected functions differ from these only where arguments change their sign, are near 0 or
# huge.
FUNCTIONS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "sqrt": lambda a: sympy.sqrt(_size(a)),
    "exp": sympy.exp,
    "log": lambda a: sympy.log(_size(a)),
    "sin": sympy.sin,
    "cos": sympy.cos,
}
# An error that no noise leaves: the law is found.
_DONE = 1e-12
# exp of more is taken as exp of this: squares of it are still floats.
_LARGEST_EXPONENT = 300.0


class GeneticRegressor:
    """gplearn's SymbolicRegressor, a generation at a time until its seconds of CPU are over.

    1,000 programs of add, sub, mul, div, sqrt, exp, log, sin and cos; all else as gplearn has it,
    exp aside, which it has not. The last generation that begins in time is finished; an error of
    1e-12 ends it before. Where x changes its sign, its sqrt(|x|) counts as sqrt(x), its log(|x|) as
    log(x), to its advantage.

    Source: Stephens 2016, "gplearn: genetic programming in Python".
    """

    # It says nothing of how good a fit is.
    status_ = "none"

    def __init__(self, seconds: float, seed: int = 0):
        """Raises ImportError without gplearn, ValueError for seconds <= 0."""
        try:
            from gplearn import functions, genetic
        except ImportError:
            raise ImportError("gplearn is not installed: pip install gplearn") from None
        self.seconds = _checks.positive("seconds", seconds)
        made = {"exp": functions.make_function(function=_exp, name="exp", arity=1)}
        self.regressor = genetic.SymbolicRegressor(
            population_size=1000,
            generations=1,
            function_set=[made.get(name, name) for name in FUNCTIONS],
            metric="rmse",
            warm_start=True,
            random_state=_checks.integer("seed", seed, minimum=0),
        )

    def fit(self, x: pd.DataFrame, y: np.ndarray) -> "GeneticRegressor":
        self.names = list(x.columns)
        end = time.process_time() + self.seconds
        self.generations = 0
        while not self.generations or (time.process_time() < end and self._error() > _DONE):
            self.generations += 1
            self.regressor.set_params(generations=self.generations)
            self.regressor.fit(x.to_numpy(), y)
        return self

    def _error(self) -> float:
        return self.regressor._program.raw_fitness_

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        return self.regressor.predict(x.to_numpy())

    def to_sympy(self) -> sympy.Expr:
        return to_sympy(self.regressor._program.program, self.names)


def _exp(x: np.ndarray) -> np.ndarray:
    return np.exp(np.minimum(x, _LARGEST_EXPONENT))


def to_sympy(program: list[Any], names: list[str]) -> sympy.Expr:
    """A program in prefix order: functions, the numbers of features, constants."""
    stack = []
    for node in reversed(program):
        if hasattr(node, "arity"):
            arguments = [stack.pop() for _ in range(node.arity)]
            stack.append(FUNCTIONS[node.name](*arguments))
        elif isinstance(node, (int, np.integer)):
            stack.append(symbol(names[node]))
        else:
            stack.append(sympy.Float(float(node)))
    (expression,) = stack
    return expression
