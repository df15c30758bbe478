"""One fit of one law, without a hint: a sample goes in, a row of results comes out."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from training.fitting.laws import forms
from training.fitting.laws.classify import classify
from training.fitting.laws.sample import sample
from training.fitting.laws.score import TOLERANCE, score
from training.fitting.laws.table import get

COLUMNS = (
    "law",
    "class",
    "noise",
    "seed",
    "solved",
    "same_terms",
    "claim",
    "seconds",
    "terms",
    "power",
    "relative_error",
    "formula",
    "error",
)

# The rows on which a model is validated are drawn with a seed that no fit has.
_VALIDATION_SEED = 2**40

# What an estimator may raise for data that it cannot fit. Anything else is a fault of the program.
_REFUSALS = (ValueError, ArithmeticError)


def posynomial_regressor() -> Any:
    """The estimator of the package with its default settings."""
    from weirdonetworks.regression import PosynomialRegressor

    return PosynomialRegressor()


def attempt(
    law: str,
    noise: float,
    seed: int,
    points: int = 10_000,
    make: Callable[[], Any] = posynomial_regressor,
    tolerance: float = TOLERANCE,
) -> dict[str, Any]:
    """Fits `make()` to a sample of a law and scores what it found: a row of `COLUMNS`.

    The estimator has `fit(x, y)` for a DataFrame with the variables' names and an array,
    `predict(x)`, `to_sympy()` and `status_`; it gets nothing else, and neither class nor number of
    terms. The row's `seconds` are the CPU time of the fit alone. `claim` is the estimator's status,
    what it says of the fit itself. `relative_error` is RMS(prediction - f) / RMS(f) on as many new
    rows without noise. `terms` and `power` are those of the model's normal form, y^power a
    signomial. A fit that is refused (ValueError, ArithmeticError) has the claim "error", and the
    message.

    Raises:
      ValueError: an unknown law, or arguments that `sample` or `score` refuse.
    """
    equation = get(law)
    data = sample(equation, points, noise, seed)
    row = dict.fromkeys(COLUMNS, "") | {"law": law, "noise": noise, "seed": seed}
    row |= {"class": classify(equation).name, "solved": False, "same_terms": False}
    estimator = make()
    row |= fit_timed(estimator, data.x, data.y, _REFUSALS)
    if row["claim"] == "error":
        return row
    model = estimator.to_sympy()
    verdict = score(model, equation, tolerance)
    new = sample(equation, points, seed=_VALIDATION_SEED + seed)
    found = forms.form(sympy.sympify(model))
    return row | {
        **verdict._asdict(),
        "claim": estimator.status_,
        "terms": len(found.terms) if found else "",
        "power": str(1 / found.root) if found else "",
        "relative_error": relative_error(estimator.predict(new.x), new.clean),
        "formula": f"{equation.output} = {rounded(model)}",
    }


def fit_timed(
    estimator: Any, x: Any, y: Any, refusals: tuple[type[Exception], ...] = (Exception,)
) -> dict[str, Any]:
    """Fits, and returns the CPU time of it as `seconds`; with it, of a fit that raises one of
    `refusals`, the claim "error" and the `error` in a line."""
    told = {}
    started = time.process_time()
    try:
        estimator.fit(x, y)
    except refusals as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())
        told = {"claim": "error", "error": message}
    return told | {"seconds": time.process_time() - started}


def relative_error(prediction: np.ndarray, clean: np.ndarray) -> float:
    """RMS(prediction - clean) / RMS(clean), NaN if a prediction is no finite number."""
    with np.errstate(all="ignore"):
        error = math.sqrt(np.mean((prediction - clean) ** 2) / np.mean(clean**2))
    return error if math.isfinite(error) else math.nan


def rounded(model: sympy.Expr, digits: int = 6) -> sympy.Expr:
    """The model with its floats at this many digits."""
    model = sympy.sympify(model)
    return model.xreplace({f: sympy.Float(f, digits) for f in model.atoms(sympy.Float)})
