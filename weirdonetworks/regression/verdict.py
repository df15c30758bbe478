"""How well a law fits: exact, consistent or approximate, and the evidence."""

from typing import Any

import numpy as np
from scipy import stats

from weirdonetworks.regression import fitting
from weirdonetworks.regression.diagnostics import LEVEL, polynomial_degree, structure
from weirdonetworks.regression.fitting import Data, Model

# Rows for each parameter below which a law is never called consistent.
_CONSISTENT = 3
# The share of the standard deviation of y that an exact law may leave.
_EXACT = 1e-6
# The share of the standard deviation of y that a law must explain.
_EXPLAINED = 0.1
# The chance that noise without a law is explained as well, by as many parameters.
_CHANCE = 1e-4


def judge(model: Model, data: Data, validation_error: float) -> tuple[str, dict[str, Any]]:
    """The status of a fit and what it rests on.

    exact: the RMS of the residuals is at most 1e-11 of that of y and 1e-6 of its standard
      deviation, and there are at least twice as many rows as parameters, so that as many rows agree
      with the law as determined it. Parameters are all coefficients and exponents, fractions or
      not: they were chosen by the data. Rows with the same X count once, here and below.
    consistent: no test finds structure in the residuals at the level of 1 %, there are at least
      three times as many rows as parameters and enough to look for products of two columns in the
      residuals, and the law explains at least a tenth of the standard deviation of y and more than
      chance would (the F-test against a constant, p < 1e-4).
    approximate: all else.
    """
    f = model.predict(data.u)
    relative = fitting.rms(data.y - f) / float(np.sqrt(np.mean(np.square(data.y))))
    spread = fitting.rms(data.y - f) / float(np.std(data.y))
    parameters = model.a.size + len(model.c)
    rows = len(np.unique(data.u, axis=0))
    evidence = {
        "relative_error": relative,
        "validation_error": validation_error,
        "rows": rows,
        "parameters": parameters,
        "p_value": None,
        "test": None,
    }
    if relative <= fitting.PRECISION:
        if rows < 2 * parameters:
            evidence["reason"] = f"{rows} rows are too few to confirm {parameters} parameters"
            return "approximate", evidence
        if spread > _EXACT:
            evidence["reason"] = "y is constant but for rounding"
            return "approximate", evidence
        evidence["reason"] = "the residuals are at numerical precision"
        return "exact", evidence
    residuals = model.residuals(data)
    result = structure(data.u, residuals, model.num_parameters)
    evidence.update(p_value=result.p_value, test=result.test)
    if rows < _CONSISTENT * parameters or polynomial_degree(data.u, model.num_parameters) < 2:
        evidence["reason"] = f"{rows} rows are too few to look for structure in the residuals"
        return "approximate", evidence
    if spread > 1 - _EXPLAINED:
        evidence["reason"] = "the law explains hardly anything of y"
        return "approximate", evidence
    if _by_chance(spread**2, rows, parameters) > _CHANCE:
        evidence["reason"] = "the law explains no more of y than chance may"
        return "approximate", evidence
    if result.found:
        evidence["reason"] = (
            f"the residuals depend on X ({result.test} test, p = {result.p_value:.2g})"
        )
        return "approximate", evidence
    evidence["reason"] = f"no structure in the residuals at the level of {LEVEL:.0%}"
    return "consistent", evidence


def _by_chance(unexplained: float, rows: int, parameters: int) -> float:
    """The p-value of the F-test of a law against a constant."""
    first, second = parameters - 1, rows - parameters
    if second <= 0:
        return 1.0
    return float(stats.f.sf((1 / unexplained - 1) * second / first, first, second))
