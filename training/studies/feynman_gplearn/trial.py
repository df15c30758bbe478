"""One law, fitted by the regression and twice by gplearn."""

import functools
from typing import Any

from training.fitting.laws.attempt import attempt
from training.studies.feynman_gplearn.genetic import GeneticRegressor


def trial(
    axes: dict[str, Any], seed: int, choice: None, *, points: int, budget: float
) -> list[dict[str, Any]]:
    """A row of `attempt` for each method.

    gplearn gets as many seconds of CPU as our fit took, and in another run `budget`; it finishes
    the generation that it is in.

    Raises:
      ImportError: gplearn is not installed.
      ValueError: an unknown law, or a budget that is not > 0.
    """
    GeneticRegressor(budget)  # says at once if it is missing
    run = functools.partial(attempt, axes["law"], axes["noise"], seed, points)
    rows = [{"method": "ours", **run()}]
    for method, seconds in (
        ("gplearn, same time", rows[0]["seconds"]),
        (f"gplearn, {budget:g} s", budget),
    ):
        found = run(functools.partial(GeneticRegressor, seconds, seed))
        rows.append({"method": method, **found})
    return rows
