"""Operon's genetic programming behind the interface of our estimator."""

import time
import warnings

import numpy as np
import pandas as pd
import sympy

from training.fitting.laws.table import symbol
from training.studies.feynman_others.genetic import FUNCTIONS
from weirdonetworks import _checks

# What its formulas hold beside variables and signs.
_NAMES = {name: getattr(sympy, name) for name in ("sqrt", "exp", "log", "sin", "cos")}
# Decimals of a constant in its formulas; it computes in float32.
_DECIMALS = 17


class OperonRegressor:
    """Operon's SymbolicRegressor, a generation at a time until its seconds of CPU are over.

    1,000 trees of gplearn's functions, by NSGA-II for R^2 and length; of every twentieth child the
    constants are fitted by ten steps of Levenberg and Marquardt; the tree on the front with the
    best Bayesian information criterion is what it finds; all else as Operon has it. The last
    generation that begins in time is finished. Its own limit of time is one of the clock, which
    other work on the machine shortens.

    Source: Burlacu, Kronberger and Kommenda 2020, "Operon C++: an efficient genetic programming
    framework for symbolic regression".
    """

    # It says nothing of how good a fit is.
    status_ = "none"

    def __init__(self, seconds: float, seed: int = 0):
        """Raises ImportError without pyoperon, ValueError for seconds <= 0."""
        try:
            from pyoperon.sklearn import SymbolicRegressor
        except ImportError:
            raise ImportError("pyoperon is not installed: pip install pyoperon") from None
        self.seconds = _checks.positive("seconds", seconds)
        generator = np.random.default_rng(_checks.integer("seed", seed, minimum=0))
        self.regressor = SymbolicRegressor(
            allowed_symbols=",".join([*FUNCTIONS, "constant", "variable"]),
            objectives=["r2", "length"],
            optimizer_iterations=10,
            local_search_probability=0.05,
            model_selection_criterion="bayesian_information_criterion",
            population_size=1000,
            generations=1,
            warm_start=True,
            n_threads=1,
            random_state=generator,  # each generation draws from it
        )

    def fit(self, x: pd.DataFrame, y: np.ndarray) -> "OperonRegressor":
        self.names, rows = list(x.columns), np.array(x)  # it refuses arrays that are read-only
        end = time.process_time() + self.seconds
        self.generations = 0
        while not self.generations or time.process_time() < end:
            self.generations += 1
            with warnings.catch_warnings():
                # Of a deviation that only criteria use which are not asked.
                warnings.simplefilter("ignore")
                self.regressor.fit(rows, y)
        return self

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        return self.regressor.predict(np.array(x))

    def to_sympy(self) -> sympy.Expr:
        model = self.regressor.model_
        formula = self.regressor.get_model_string(model, _DECIMALS, self.names)
        return sympy.parse_expr(formula, {**_NAMES, **{n: symbol(n) for n in self.names}})
