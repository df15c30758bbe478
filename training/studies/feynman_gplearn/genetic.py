"""gplearn's genetic programming behind the interface of our estimator."""

import importlib.util
import time
from typing import Any

import numpy as np
import pandas as pd
import sympy

from training.fitting.laws.table import symbol
from weirdonetworks import _checks

# Its protected functions differ from these only where their arguments are negative or near 0.
FUNCTIONS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "sqrt": sympy.sqrt,
    "inv": lambda a: 1 / a,
    "neg": lambda a: -a,
}
# An error that no noise leaves: the law is found.
_DONE = 1e-12


class GeneticRegressor:
    """gplearn's SymbolicRegressor, a generation at a time until its seconds of CPU are over.

    1,000 programs of its functions add, sub, mul, div, sqrt, inv and neg, which hold all laws in
    reach of a signomial to a power; all else as gplearn has it. The last generation that begins in
    time is finished. To SymPy the protected functions are the plain ones, to its advantage:
    sqrt(|x|) counts as sqrt(x).

    Source: Stephens 2016, "gplearn: genetic programming in Python".
    """

    # It says nothing of how good a fit is.
    status_ = "none"

    def __init__(self, seconds: float, seed: int = 0):
        """Raises ImportError without gplearn, ValueError for seconds <= 0."""
        if not importlib.util.find_spec("gplearn"):
            raise ImportError("gplearn is not installed: pip install gplearn")
        self.seconds = _checks.positive("seconds", seconds)
        self.seed = _checks.integer("seed", seed, minimum=0)

    def fit(self, x: pd.DataFrame, y: np.ndarray) -> "GeneticRegressor":
        from gplearn.genetic import SymbolicRegressor

        self.names = list(x.columns)
        self.regressor = SymbolicRegressor(
            population_size=1000,
            generations=1,
            function_set=list(FUNCTIONS),
            metric="rmse",
            warm_start=True,
            random_state=self.seed,
        )
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
