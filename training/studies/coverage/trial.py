"""One random law, fitted by default settings, and how far from it the fit is in its own errors."""

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from training.fitting.laws.attempt import fit_timed
from training.fitting.laws.random_laws import NOISES, RandomLaw, draw
from weirdonetworks.regression import PosynomialRegressor

# The model of the noise that is right for each kind.
MODELS = {
    "absolute": "absolute",
    "proportional": "relative",
    "log-normal": "relative",
    "mixed": "mixed",
}
# Of a standard error, relative for constants: the least that divides.
_LEAST = 1e-12


def trial(axes: dict[str, Any], seed: int, choice: None) -> dict[str, Any]:
    """What the regression says of a law that it did not see, beside that law.

    claim is its status, or "error" if it raised, whatever it raised; right_terms is whether it has
    as many terms as the law, and no power of y. `compared` tells the rest, if it has.
    """
    place = [seed, axes["terms"], axes["rows"], NOISES.index(axes["noise"])]
    law = draw(axes["terms"], axes["rows"], axes["noise"], np.random.default_rng(place))
    row = {"columns": law.x.shape[1], "level": law.level, "claim": "error", "noise_model": ""}
    row |= {"right_noise": False, "found_terms": 0, "right_terms": False}
    regressor = PosynomialRegressor()
    row |= fit_timed(regressor, law.x, law.y)
    if "error" in row:
        return row
    found = regressor.law_.explicit()
    row |= {
        "claim": regressor.status_,
        "noise_model": regressor.noise_,
        "right_noise": regressor.noise_ == MODELS[axes["noise"]],
        "found_terms": len(found.coefficients),
        "power": str(found.power),
        "right_terms": found.power == 1 and len(found.coefficients) == axes["terms"],
        "formula": regressor.formula(4),
        "reason": regressor.evidence_["reason"],
    }
    return row | (compared(regressor, law) if row["right_terms"] else {})


def compared(regressor: PosynomialRegressor, law: RandomLaw) -> dict[str, Any]:
    """A fit with the right number of terms beside the law, term by term.

    Terms are matched so that the exponents' distances have the least sum.

    Returns:
      z: (found - true) / standard error of all exponents, then of log c of all constants, as words.
        A fraction that is the truth has z = 0.
      largest_z: of their absolute values.
      real, real_told: exponents that are real numbers; of these, told as fractions.
      fractions, fractions_told, fractions_wrong: those that are fractions; of these, told as what
        they are, and told as other ones.
    """
    explicit, power = regressor.law_.explicit(), abs(float(regressor.law_.power))
    exponents = np.array(explicit.exponents, float)
    told = np.array([[not isinstance(a, float) for a in row] for row in explicit.exponents])
    errors = np.maximum(regressor.exponent_errors_ / power, _LEAST)
    relative = regressor.coefficient_errors_ / np.abs(regressor.law_.coefficients) / power
    relative = np.maximum(relative, _LEAST)
    distances = np.abs(law.exponents[:, None] - exponents[None]).sum(axis=-1)
    _, own = linear_sum_assignment(distances)
    change = exponents[own] - law.exponents
    ratio = explicit.coefficients[own] / law.coefficients
    log_ratio = np.log(np.abs(ratio))
    # Of the other sign, which log c does not see: in errors of c.
    change_c = np.where(ratio > 0, log_ratio, (ratio - 1) / np.abs(ratio))
    z = np.concatenate([(change / errors[own]).ravel(), change_c / relative[own]])
    told, right = told[own], np.abs(change) < 1e-9
    return {
        "z": " ".join(f"{value:.4g}" for value in z),
        "largest_z": float(np.max(np.abs(z))),
        "real": int(np.sum(~law.fractions)),
        "real_told": int(np.sum(told & ~law.fractions)),
        "fractions": int(np.sum(law.fractions)),
        "fractions_told": int(np.sum(told & law.fractions & right)),
        "fractions_wrong": int(np.sum(told & law.fractions & ~right)),
    }
