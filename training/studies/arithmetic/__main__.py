"""Does a network that learned products on [1, 2] multiply on [2, 6]?

python -m training.extrapolate_product --num_seeds=20 --models=posynomial,mlp

The task and the rule of success are those of `training.product_task`, the networks and their
training those of `training.product_models`. Seeds that are there already are not repeated, so an
interrupted command goes on.
"""

import csv
import io
import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from absl import flags
from tqdm import tqdm

from training.cli import app
from training.engine import workdir as results
from training.cli import flags as shared
from training.studies.arithmetic.models import MODELS, Phase
from training.studies.arithmetic.task import TEST_RANGE, TRAINING_RANGE, Task, draw_rows, mean_squared_error

# Of 100 seeds: Madsen and Johansen 2020, "Neural Arithmetic Units", the table of the arithmetic
# datasets, multiplication.
PUBLISHED = {"NMU": 98, "NAC (multiplicative)": 31, "NALU": 0}
PUBLISHED_SEEDS = 100
CAVEAT = (
    "The published runs: 5,000,000 steps of Adam on 128 fresh rows, float32, weights pulled to 0 "
    "and 1 by a penalty, the best of the last 100 checks on [1, 2]. Here: float64; posynomial: "
    "{lm_steps} steps of Levenberg-Marquardt on 1024 fresh rows and the error of log t, with a "
    "ridge on the exponents, which are rounded and frozen after half of the steps; the others: "
    "{adam_steps:,} steps of Adam on 128 fresh rows; the weights at the end are scored. Other "
    "seeds than theirs; the threshold is that of each seed's own subsets and test rows."
)
COLUMNS = (
    "model",
    "seed",
    "interpolation_mse",
    "extrapolation_mse",
    "threshold",
    "success",
    "exponents",
    "iterations",
    "seconds",
)
_VALIDATION_STREAM, _TEST_STREAM, _ROWS = 2, 3, 10_000


def extrapolate(
    models: Sequence[str],
    seeds: Sequence[int],
    workdir: str | Path,
    *,
    lm_steps: int = 200,
    adam_steps: int = 10_000,
    ridge: float = 1e-5,
) -> list[dict[str, Any]]:
    """Trains every model with every seed on [1, 2], and returns a row for each, in this order.

    `exponents` are those before they were rounded; the seconds of a model's first seed include its
    compilation. A run with errors that are not finite is no success. Writes runs.csv to the workdir
    after each run and errors.png at the end; rows of other models and seeds that are there stay.

    Raises:
      ValueError: no models or seeds, one of them twice, an unknown model, negative seeds, step
        counts below 2, a ridge that is negative or not finite, or a workdir of other settings.
    """
    _check(models, seeds, lm_steps, adam_steps, ridge)
    run = results.Workdir(workdir)
    run.claim({"lm_steps": lm_steps, "adam_steps": adam_steps, "ridge": ridge}, resume=True)
    rows = {(row["model"], row["seed"]): row for row in _read(run.path / "runs.csv")}
    for model in models:
        missing = [seed for seed in seeds if (model, seed) not in rows]
        if not missing:
            continue
        phases = plan(model, lm_steps, adam_steps, ridge)
        total = sum(phase.steps for phase in phases) * len(missing)
        trainer = None
        with tqdm(total=total, desc=model, unit=" steps", disable=None) as bar:
            for seed in missing:
                start = time.perf_counter()
                trainer = trainer or MODELS[model]()
                row = _train_and_score(trainer, phases, seed, bar)
                seconds = round(time.perf_counter() - start, 3)
                rows[model, seed] = {"model": model, **row, "seconds": seconds}
                run.write_text("runs.csv", results.to_csv(list(rows.values()), COLUMNS))
    _draw(run, list(rows.values()))
    return [rows[model, seed] for model in models for seed in seeds]


def plan(model: str, lm_steps: int, adam_steps: int, ridge: float) -> list[Phase]:
    """The phases of a model: exponents that are free, then rounded; the MLP has no exponents."""
    if model == "mlp":
        return [Phase(adam_steps)]
    count = lm_steps if model == "posynomial" else adam_steps
    return [Phase(count // 2, ridge), Phase(count - count // 2, rounded=True)]


def _train_and_score(trainer, phases: list[Phase], seed: int, bar: tqdm) -> dict[str, Any]:
    task = Task.draw(seed)
    trainer.begin(task, seed)
    exponents = ""
    for phase in phases:
        if phase.rounded:
            exponents = " ".join(f"{a:.4f}" for a in trainer.network.exponents.numpy()[:, 0])
        trainer.run(phase, bar.update)

    def score(rows: np.ndarray) -> float:
        outputs = trainer.network.decode(trainer.network(tf.constant(rows)))
        return mean_squared_error(outputs[:, 0].numpy(), task.targets(rows))

    inside = draw_rows(seed, _VALIDATION_STREAM, _ROWS, TRAINING_RANGE)
    outside = draw_rows(seed, _TEST_STREAM, _ROWS, TEST_RANGE)
    error, threshold = score(outside), task.threshold(outside)
    return {
        "seed": seed,
        "interpolation_mse": score(inside),
        "extrapolation_mse": error,
        "threshold": threshold,
        "success": int(error < threshold),
        "exponents": exponents,
        "iterations": sum(phase.steps for phase in phases),
    }


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a rate p from k successes in n trials, (Wilson 1927,
    "Probable inference, the law of succession, and statistical inference"):

        (k + z^2/2 -+ z sqrt(k (n - k) / n + z^2/4)) / (n + z^2),

    z the normal quantile of (1 + confidence) / 2.

    Raises:
      ValueError: trials < 1, successes outside 0 .. trials, or a confidence outside (0, 1).
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(
            f"successes must be in 0 .. trials and trials >= 1, got {successes} of {trials}"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence!r}")
    z2 = statistics.NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    k, n = successes, trials
    half = math.sqrt(z2 * (k * (n - k) / n + z2 / 4))
    low, high = ((k + z2 / 2 + sign * half) / (n + z2) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def to_text(rows: Sequence[dict[str, Any]]) -> str:
    """The success rates with their intervals, and the published ones."""
    lines = [
        f"{'':32}{'success':>9}  {'rate, 95 % interval':24}{'median MSE on [1,2]':>20}{'[2,6]':>10}"
    ]

    def line(name: str, successes: int, trials: int, rest: str = "") -> str:
        low, high = (100 * bound for bound in wilson(successes, trials))
        rate = f"{100 * successes / trials:.0f} % [{low:.1f}, {high:.1f}]"
        return f"{name:32}{f'{successes}/{trials}':>9}  {rate:24}{rest}".rstrip()

    for model in dict.fromkeys(row["model"] for row in rows):
        runs = [row for row in rows if row["model"] == model]
        inside, outside = (
            statistics.median(math.inf if math.isnan(row[key]) else row[key] for row in runs)
            for key in ("interpolation_mse", "extrapolation_mse")
        )
        successes = sum(row["success"] for row in runs)
        lines.append(line(model, successes, len(runs), f"{inside:20.2g}{outside:10.2g}"))
    for name, successes in PUBLISHED.items():
        lines.append(line(f"{name}, published", successes, PUBLISHED_SEEDS))
    return "\n".join(lines) + "\n"


def _check(models, seeds, lm_steps, adam_steps, ridge) -> None:
    if not models or not seeds:
        raise ValueError(f"models and seeds must not be empty, got {models!r} and {seeds!r}")
    for name, values in (("models", models), ("seeds", seeds)):
        if len(set(values)) < len(values):
            raise ValueError(f"{name} must differ from one another, got {values!r}")
    for model in models:
        if model not in MODELS:
            raise ValueError(f"models must be among {list(MODELS)}, got {model!r}")
    if min(seeds) < 0:
        raise ValueError(f"seeds must be integers >= 0, got {seeds!r}")
    for name, value in (("lm_steps", lm_steps), ("adam_steps", adam_steps)):
        if value < 2:
            raise ValueError(f"{name} must be an integer >= 2, got {value!r}")
    if not 0 <= ridge < math.inf:
        raise ValueError(f"ridge must be a finite number >= 0, got {ridge!r}")


def _read(path: Path) -> list[dict[str, Any]]:
    """The rows of runs.csv; none if there is no such file yet.

    Raises:
      ValueError: it is damaged.
    """
    if not path.exists():
        return []
    kinds = {"model": str, "exponents": str, "seed": int, "success": int, "iterations": int}
    try:
        texts = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        return [{key: kinds.get(key, float)(text[key]) for key in COLUMNS} for text in texts]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read ({error}): give another --workdir") from error


def _draw(run: results.Workdir, rows: list[dict[str, Any]]) -> None:
    """The errors of all runs on both ranges, a column a model, and the threshold."""
    figure, axes = results.new_figure(figsize=(6.5, 3.8))
    models = list(dict.fromkeys(row["model"] for row in rows))
    for key, label, shift in (
        ("interpolation_mse", "on [1, 2], as trained", -0.15),
        ("extrapolation_mse", "on [2, 6]", 0.15),
    ):
        # A network that is exact in float64 would have no place on a logarithmic axis.
        errors = np.maximum([row[key] for row in rows], 1e-30)
        places = [models.index(row["model"]) + shift for row in rows]
        axes.plot(places, errors, "o", markersize=4, alpha=0.5, label=label)
    threshold = statistics.median(row["threshold"] for row in rows)
    axes.axhline(threshold, color="black", linewidth=1, label="success on [2, 6]: below")
    axes.set(yscale="log", ylabel="mean squared error", xlim=(-0.6, len(models) - 0.4))
    axes.set_xticks(range(len(models)), models)
    axes.set_title("Products of two sums of 25 numbers")
    figure.legend(loc="outside lower center", ncols=3)
    run.save_figure(figure, "errors.png")


_MODELS = flags.DEFINE_list(
    "models", ["posynomial", "mlp"], f"Which of {', '.join(MODELS)}, separated by commas."
)
_NUM_SEEDS = flags.DEFINE_integer("num_seeds", 20, "How many seeds.", 1)
_FIRST_SEED = flags.DEFINE_integer("first_seed", 0, "The first of the seeds.", 0)
_LM_STEPS = flags.DEFINE_integer("lm_steps", 200, "Steps of Levenberg-Marquardt.", 2)
_ADAM_STEPS = flags.DEFINE_integer("adam_steps", 10_000, "Steps of the models with Adam.", 2)
_RIDGE = flags.DEFINE_float("ridge", 1e-5, "Weight of the squared exponents, until rounded.", 0)
flags.declare_key_flag("workdir")


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / "extrapolate-product")
    rows = extrapolate(
        _MODELS.value,
        list(range(_FIRST_SEED.value, _FIRST_SEED.value + _NUM_SEEDS.value)),
        workdir,
        lm_steps=_LM_STEPS.value,
        adam_steps=_ADAM_STEPS.value,
        ridge=_RIDGE.value,
    )
    print(to_text(rows), end="")
    print(CAVEAT.format(lm_steps=_LM_STEPS.value, adam_steps=_ADAM_STEPS.value))
    print(f"written to {workdir}/: runs.csv, errors.png")


if __name__ == "__main__":
    app.run(main)
