"""One law, fitted by each method from the same rows."""

import functools
from typing import Any

from training.fitting.laws.attempt import attempt, posynomial_regressor
from training.fitting.laws.classify import classify
from training.fitting.laws.score import score
from training.fitting.laws.table import get
from training.studies.feynman_others.genetic import GeneticRegressor
from training.studies.feynman_others.given import GivenForm, constants_error
from training.studies.feynman_others.operon import OperonRegressor
from training.studies.feynman_others.rounding import readings


def trial(
    axes: dict[str, Any], seed: int, choice: None, *, points: int, budget: float
) -> list[dict[str, Any]]:
    """A row of `attempt` for each method: gplearn and operon, and ours and curve_fit within reach.

    gplearn and Operon get `budget` seconds of CPU; they finish the generation that they are in.
    A model that is not the law as it was found is scored again by its `readings`; `rounded` says
    that one of them is. `constants_error` is that of a model with the law's terms.

    Raises:
      ImportError: gplearn or pyoperon is not installed.
      ValueError: an unknown law, or a budget that is not > 0.
    """
    equation = get(axes["law"])
    makers = {
        "gplearn": functools.partial(GeneticRegressor, budget, seed),
        "operon": functools.partial(OperonRegressor, budget, seed),
    }
    if classify(equation).name != "outside":  # else there is nothing that ours could solve
        makers = {"ours": posynomial_regressor, **makers}
        makers["curve_fit"] = functools.partial(GivenForm, equation)
    estimators = {method: make() for method, make in makers.items()}  # what is missing shows first
    rows = []
    for method, estimator in estimators.items():
        row = attempt(equation.name, axes["noise"], seed, points, lambda e=estimator: e)
        row |= {"rounded": False, "constants_error": ""}
        if row["claim"] != "error":
            model = estimator.to_sympy()
            if not row["solved"] and any(score(m, equation).solved for m in readings(model)):
                row |= {"solved": True, "same_terms": True, "rounded": True}
            if row["same_terms"]:
                row["constants_error"] = constants_error(model, equation)
        rows.append({"method": method, **row})
    return rows
