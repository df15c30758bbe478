"""One random sum, fitted by default settings."""

from typing import Any

import numpy as np

from training.fitting.laws.attempt import fit_timed
from training.fitting.laws.random_sums import KINDS, draw
from weirdonetworks.regression import PosynomialRegressor


def trial(axes: dict[str, Any], seed: int, choice: None) -> dict[str, Any]:
    """What the regression says of a law that it did not see.

    Laws that are to be "told" are drawn until the rows can tell each of their terms; `drawn` is how
    many were. found is whether the law has the true exponents and coefficients within 5 %; claim is
    its status, or "error" if the fit raised, whatever it raised.
    """
    place = [seed, axes["terms"], axes["variables"], KINDS.index(axes["kind"])]
    generator, drawn = np.random.default_rng(place), 1
    law = draw(axes["terms"], axes["variables"], axes["kind"], axes["noise"], generator)
    while axes["laws"] == "told" and not law.is_told(axes["noise"]):
        law = draw(axes["terms"], axes["variables"], axes["kind"], axes["noise"], generator)
        drawn += 1
    row = {"drawn": drawn, "found": False, "claim": "error", "found_terms": 0}
    regressor = PosynomialRegressor()
    row |= fit_timed(regressor, law.x, law.y)
    if "error" in row:
        return row
    found = regressor.law_.explicit()
    exponents = np.array(found.exponents, float)
    return row | {
        "found": found.power == 1 and law.is_found(exponents, found.coefficients),
        "claim": regressor.status_,
        "found_terms": len(found.coefficients),
        "formula": regressor.formula(4),
        "reason": regressor.evidence_["reason"],
    }
