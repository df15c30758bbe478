"""A network that learns the product of a seed on [1, 2], scored there and on [2, 6]."""

import functools
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from training.studies.arithmetic.models import MODELS, Learner, Phase
from training.studies.arithmetic.task import (
    TEST_RANGE,
    TRAINING_RANGE,
    Task,
    draw_rows,
    mean_squared_error,
)
from training.studies.arithmetic.units import RECIPES, UnitLearner

_VALIDATION_STREAM, _TEST_STREAM, _ROWS = 2, 3, 10_000


def trial(
    axes: Mapping[str, str],
    seed: int,
    choice: None,
    *,
    lm_steps: int,
    adam_steps: int,
    ridge: float,
    unit_steps: int,
) -> dict[str, Any]:
    """Trains a model on the task of this seed.

    Returns its errors, the threshold, whether the error on [2, 6] is below it, and `exponents`:
    those before they were rounded. Errors that are not finite are no success.
    """
    start = time.perf_counter()
    learner, task = _learner(axes["model"]), Task.draw(seed)
    learner.begin(task, seed)
    exponents = ""
    steps = unit_steps if axes["model"] in RECIPES else adam_steps
    for phase in plan(axes["model"], lm_steps, steps, ridge):
        if phase.rounded:
            exponents = " ".join(f"{a:.4f}" for a in learner.network.exponents.numpy()[:, 0])
        learner.run(phase)
    return {**score(learner, task, seed), "exponents": exponents,
            "seconds": time.perf_counter() - start}  # fmt: skip


@functools.lru_cache(maxsize=1)
def _learner(model: str) -> Learner | UnitLearner:
    return MODELS[model]()


def plan(model: str, lm_steps: int, adam_steps: int, ridge: float) -> list[Phase]:
    """The phases of a model: exponents that are free, then rounded, where there are some."""
    if model == "mlp" or model in RECIPES:
        return [Phase(adam_steps)]
    count = adam_steps if model == "posynomial (Adam)" else lm_steps
    first = 0.0 if model == "posynomial (no ridge)" else ridge
    return [Phase(count // 2, first), Phase(count - count // 2, rounded=True)]


def score(learner: Learner | UnitLearner, task: Task, seed: int) -> dict[str, Any]:
    """The mean squared errors on 10,000 rows of each range, and what they have to be below."""

    def error(rows: np.ndarray) -> float:
        outputs = learner.network.decode(learner.network(tf.constant(rows)))
        return mean_squared_error(outputs[:, 0].numpy(), task.targets(rows))

    inside = draw_rows(seed, _VALIDATION_STREAM, _ROWS, TRAINING_RANGE)
    outside = draw_rows(seed, _TEST_STREAM, _ROWS, TEST_RANGE)
    found, threshold = error(outside), task.threshold(outside)
    return {
        "interpolation_mse": error(inside),
        "extrapolation_mse": found,
        "threshold": threshold,
        "success": int(found < threshold),
    }
