"""One method on one problem, with all seeds in one compiled loop."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.studies.autoactivation import regression
from training.studies.autoactivation.choose import (
    CHOOSING,
    choose,
    early_losses,
    owners_of,
    padded,
)
from training.studies.autoactivation.geometry import explained
from training.studies.autoactivation.problems import (
    DRAWN_METHODS,
    DRAWN_PROBLEMS,
    OPTIMIZERS,
    PROBLEMS,
    SCALED,
    SHARED,
    Problem,
    is_paired,
)
from training.studies.autoactivation.samples import draw, start

SHARED_RATES = 10.0 ** np.arange(-4, 0.5, 0.5)
SHARED_STEPS = 6000
SCALE_RATE = 0.01
RECORDS_KEPT = range(0, regression.RECORDS, 2)  # of the losses on the way
_LARGEST = 1e10  # of losses that are kept

Tables = dict[str, list[dict[str, Any]]]


def trial(axes: dict[str, Any], seeds: list[int], choice: None, *, sign: str) -> list[Tables]:
    """What `measure`, `measure_one_rate` and `measure_scale` have of each seed.

    Raises:
      ValueError: seeds of those that choose rates, or a sign that data or targets do not admit.
    """
    name, method = axes["problem"], axes["method"]
    if taken := sorted(set(seeds) & set(CHOOSING)):
        raise ValueError(f"seeds must leave {CHOOSING} to the choice of rates, got {taken}")
    if name in SCALED:
        return [{"scales": [row]} for row in measure_scale(SCALED[name], method, seeds)]
    problem = PROBLEMS[name]
    is_paired(problem, method, sign)
    found = measure(problem, method, seeds, sign)
    if name in SHARED:
        for tables, rows in zip(found, measure_one_rate(problem, method, seeds, sign), strict=True):
            tables["one_rate"] = rows
    return found


def measure(
    problem: Problem, method: str, seeds: Sequence[int], sign: str = "auto"
) -> list[Tables]:
    """One method by each optimizer, at rates of its own.

    For each seed a row for each optimizer: `steps` at the rate for speed, -1 if the goal is not
    met; the loss at a tenth of the budget at the rate for that; and what `explained` tells. Of some
    problems and methods, in the table `curves`, the losses on the way, too: a column for each
    percentage of the budget.
    """
    found: list[Tables] = [{"runs": []} for _ in seeds]
    count = len(seeds)
    for optimizer in OPTIMIZERS:
        rates, edges = choose(problem, method, optimizer, sign, count)
        # Each seed at both rates: for speed in even places, for the early loss in odd ones.
        owners, everyone = owners_of(count, 2, count), padded(seeds)
        runs = regression.run(
            problem, method, optimizer, everyone, np.resize(rates, len(owners)), owners, sign
        )
        early = early_losses(runs)[1 : 2 * count : 2]
        told = explained(problem, method, optimizer, runs, rates[0], everyone, count, sign)
        drawn = problem.name in DRAWN_PROBLEMS and method in DRAWN_METHODS
        for i, tables in enumerate(found):
            tables["runs"].append(
                {
                    "optimizer": optimizer,
                    "rate": rates[0],
                    "rate_at_edge": edges[0],
                    "steps": int(runs.solved[2 * i]),
                    "early_rate": rates[1],
                    "early_loss": float(early[i]),
                    "diverged": not np.isfinite(runs.final[2 * i]),
                    "moving": told["moving"][i],
                    "frozen": told["frozen"][i],
                }
            )
            if drawn:
                losses = _kept(runs.curve[:, 2 * i])
                tables.setdefault("curves", []).append({"optimizer": optimizer, **losses})
    return found


def _kept(curve: np.ndarray) -> dict[str, float]:
    """Losses by percentage of the budget, to four digits; what has diverged is the largest."""
    curve = np.minimum(np.nan_to_num(curve, nan=np.inf, posinf=np.inf), _LARGEST)
    return {f"{100 * i // regression.RECORDS}": float(f"{curve[i]:.4g}") for i in RECORDS_KEPT}


def measure_one_rate(
    problem: Problem, method: str, seeds: Sequence[int], sign: str = "auto"
) -> list[list[dict[str, Any]]]:
    """Steps at rates that are the same for all methods: rows for each seed; -1 is never."""
    problem, count = problem._replace(steps=SHARED_STEPS), len(SHARED_RATES)
    owners = owners_of(len(seeds), count, len(seeds))
    if len(owners) < len(seeds) * count:
        owners = np.repeat(np.arange(len(seeds)), count)
    rates = np.resize(np.tile(SHARED_RATES, len(seeds)), len(owners))
    found: list[list[dict[str, Any]]] = [[] for _ in seeds]
    for optimizer in OPTIMIZERS:
        runs = regression.run(problem, method, optimizer, padded(seeds), rates, owners, sign)
        steps = runs.solved[: len(seeds) * count].reshape(len(seeds), count)
        for rows, own in zip(found, steps, strict=True):
            rows += [
                {"optimizer": optimizer, "rate": float(rate), "steps": int(t)}
                for rate, t in zip(SHARED_RATES, own, strict=True)
            ]
    return found


def measure_scale(problem: Problem, method: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Adam at one rate for targets of any size: steps, and how far the way is in steps.

    Adam moves W by about the rate in a step, so plain A by the rate and exp(W) by that part of
    itself. The way is the largest change of a parameter that the target asks for, over the rate.
    Beside it the steps at the rate that is best for this target.
    """
    count, everyone = len(seeds), padded(seeds)
    owners = owners_of(count, 1, count)
    runs = regression.run(
        problem, method, "adam", everyone, np.full(len(owners), SCALE_RATE), owners
    )
    target = draw(problem, everyone).weights[:count]
    w = start(problem._replace(steps=1), method, everyone)[0][0, :count]
    goal = np.log(target) if method == "exp" else target
    # Small weights need not arrive, the goal leaves 0.1 % of the variance: by the median one.
    way = np.max(np.abs(goal - w) * (target > 0.3 * np.max(target)), axis=1)
    best, _ = choose(problem._replace(steps=2000), method, "adam", room=count)
    own = regression.run(problem, method, "adam", everyone, np.full(len(owners), best[0]), owners)
    return [
        {
            "scale": problem.scale,
            "steps": int(runs.solved[i]),
            "way": float(way[i] / SCALE_RATE),
            "own_rate": best[0],
            "own_steps": int(own.solved[i]),
        }
        for i in range(count)
    ]
