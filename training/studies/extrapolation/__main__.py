"""How far outside of [1, 10] do networks that learned 2x, x^2, 1/x or sin x there stay right?

python -m training.extrapolate_functions --function_seeds=5

`UniversalRegressor`, MLPs on x and on logarithms, and posynomials learn each function from 256 rows
of [1, 10]. Reported is the widest interval around [1, 10] on which the relative error stays within
1 %, looked for on [1e-6, 1e7]. An ablation, on 2x, asks what it takes: number of terms, features,
penalties. What is there already is not repeated, so an interrupted command goes on.
"""

import csv
import functools
import io
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf
from absl import flags
from tqdm import tqdm

from training.cli import app
from training.cli import checks
from training.engine import workdir as results
from training.cli import flags as shared
from training.engine.optimizers import Adam, scheduled
from weirdonetworks import _checks
from weirdonetworks.layers import PosynomialDense, SignomialDense
from weirdonetworks.nets import UniversalRegressor

INTERVAL = (1.0, 10.0)
GOAL = (0.01, 1000.0)
NEAR = (0.5, 20.0)  # the validation range, without the training interval
WITHIN = 0.01
ROWS = 256  # to learn from, all of them at each step
_GRID = np.logspace(-6, 7, 1301).astype(np.float32)  # 100 numbers a decade, 1 and 10 among them
_DRAWN = slice(None, None, 10)  # of the grid, in the picture


class Function(NamedTuple):
    """y(x); errors are relative to max(|y|, floor), since sin x has zeros."""

    formula: Callable[[np.ndarray], np.ndarray]
    floor: float = 0.0

    @property
    def positive(self) -> bool:
        return not self.floor


FUNCTIONS = {
    "2x": Function(lambda x: 2 * x),
    "x^2": Function(np.square),
    "1/x": Function(lambda x: 1 / x),
    "sin x": Function(np.sin, floor=1.0),
}


class MLP(snt.Module):
    """A softplus MLP of standardised x, or log2 x; with `log_output`, it gives log2 y, y > 0."""

    def __init__(self, log_input: bool, log_output: bool, name: str | None = None):
        super().__init__(name=name)
        self.mlp = snt.nets.MLP([32, 32, 1], activation=tf.nn.softplus)
        self.log_input, self.log_output = log_input, log_output

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        low, high = np.log2(INTERVAL) if self.log_input else INTERVAL
        inputs = tf.math.log(inputs) / math.log(2) if self.log_input else inputs
        outputs = self.mlp((inputs - (low + high) / 2) * (12**0.5 / (high - low)))
        return tf.pow(2.0, tf.clip_by_value(outputs, -120, 120)) if self.log_output else outputs


# Which of `UniversalRegressor.penalties` are added to the loss, times a strength; `weights` are the
# squares of all weights, as in plain weight decay.
PENALTIES: dict[str, tuple[str, ...]] = {
    "none": (),
    "weights": ("weights",),
    "digits": ("digits",),
    "spread": ("spread",),
    "sign": ("sign",),
    "digits, spread": ("digits", "spread"),
    "digits, sign": ("digits", "sign"),
    "spread, sign": ("spread", "sign"),
    "digits, spread, sign": ("digits", "spread", "sign"),
}
_PENALISED = ("digits", "spread", "sign", "weights")
ALL = "digits, spread, sign"


class Model(NamedTuple):
    """How to make a network for positive functions or others, and how it is trained."""

    make: Callable[[bool], snt.Module]
    learning_rate: float
    penalty: str = "none"
    strength: float = 0.0


def _posynomial(positive: bool, num_terms: int) -> snt.Module:
    return (PosynomialDense if positive else SignomialDense)(1, num_terms)


# By the error on the validation range with seeds that are not reported: the strength with 0 .. 4
# (all do alike); with 0 .. 2, the MLPs' activation (of ReLU, tanh, GELU, softplus) and rate
# (of 0.003, 0.01, 0.03), that of posynomials (up to 0.1), and scale 2 on raw x (of 2, 8, 32). The
# rate of the regressors and their 4 terms were the first that were tried.
_RATE = 0.03
STRENGTH = 0.1
MODELS = {
    "universal": Model(lambda _: UniversalRegressor(), _RATE, ALL, STRENGTH),
    "universal, no penalties": Model(lambda _: UniversalRegressor(), _RATE),
    "universal, raw x": Model(
        lambda _: UniversalRegressor(units=32, features="raw", scale=2.0), _RATE
    ),
    "MLP": Model(lambda _: MLP(False, False), 0.01),
    "MLP on logs": Model(lambda positive: MLP(True, positive), 0.003),
    "posynomial, 4 terms": Model(lambda positive: _posynomial(positive, 4), 0.1),
    "posynomial, 1 term": Model(lambda positive: _posynomial(positive, 1), 0.1),
}
TERMS = (1, 2, 4, 8, 16)
STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)
FEATURES = ("log", "both", "raw")
_ERRORS = ("inside", "near", "goal")
RESULTS = ("parameters", *_ERRORS, "low", "high", "covers_goal")
RUN_COLUMNS = ("function", "model", "seed", *RESULTS)
ABLATION_COLUMNS = ("features", "terms", "penalty", "strength", "seed", *RESULTS)
_CURVE_COLUMNS = ("function", "model", "seed", *(f"{x:.4g}" for x in _GRID[_DRAWN]))
# Along flat valleys gradients are small: what Adam remembers of the first ones holds it back.
_BETAS = (0.9, 0.98)


def draw_rows(seed: int) -> np.ndarray:
    """What a seed learns from: uniform on [1, 10], [ROWS, 1]."""
    return np.random.default_rng([seed, 1]).uniform(*INTERVAL, [ROWS, 1]).astype(np.float32)


def relative_errors(function: Function, x: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """|outputs - y| / max(|y|, floor) in float64."""
    y = function.formula(x.astype(np.float64))
    return np.abs(outputs.astype(np.float64) - y) / np.maximum(np.abs(y), function.floor)


def _within(low: float, high: float) -> np.ndarray:
    """Which numbers of the grid are in [low, high], but for their rounding."""
    return (low * (1 - 1e-6) <= _GRID) & (high * (1 + 1e-6) >= _GRID)


def held(x: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """The ends of the widest run of x around [1, 10] whose errors are within 1 %, or two NaNs."""
    good = errors <= WITHIN  # and not NaN
    inside = np.flatnonzero((x >= INTERVAL[0]) & (x <= INTERVAL[1]))
    if not good[inside].all():
        return math.nan, math.nan
    bad_below = np.flatnonzero(~good[: inside[0]])
    bad_above = np.flatnonzero(~good[inside[-1] :])
    first = bad_below[-1] + 1 if bad_below.size else 0
    last = inside[-1] + (bad_above[0] - 1 if bad_above.size else len(x) - 1 - inside[-1])
    return float(x[first]), float(x[last])


class _Trainer:
    """Fits one network after the other by the same compiled loop: [1, 10] -> relative errors.

    Minimises the mean square of (output - y) / max(|y|, floor) over all rows at each step, plus
    penalties, by Adam, with a learning rate that falls along a cosine.
    """

    def __init__(self, make: Callable[[], snt.Module], steps: int, learning_rate: float):
        self._make, self._steps, self._peak = make, steps, learning_rate
        self.network = self._new()
        self._variables = self.network.trainable_variables
        self._rows, self._targets, self._sizes = (
            tf.Variable(tf.ones([ROWS, 1]), trainable=False) for _ in range(3)
        )
        self._multiples = tf.Variable(tf.zeros([len(_PENALISED)]), trainable=False)
        self._optimizer = Adam(tf.Variable(learning_rate, trainable=False), *_BETAS)
        self._optimizer._initialize(self._variables)
        self._compiled = tf.function(self._all_steps, jit_compile=True, autograph=False)

    def _new(self) -> snt.Module:
        network = self._make()
        network(tf.ones([1, 1]))
        return network

    def fit(self, function: Function, seed: int, penalty: str, strength: float) -> np.ndarray:
        """The relative errors on the grid of a new network that has learned the function."""
        tf.random.set_seed(seed)
        for variable, fresh in zip(self._variables, self._new().trainable_variables, strict=True):
            variable.assign(fresh)
        for state in (*self._optimizer.m, *self._optimizer.v, self._optimizer.step):
            state.assign(tf.zeros_like(state))
        rows = draw_rows(seed)
        targets = function.formula(rows)
        self._rows.assign(rows)
        self._targets.assign(targets)
        self._sizes.assign(np.maximum(np.abs(targets), function.floor))
        chosen = PENALTIES[penalty]
        self._multiples.assign([strength * (name in chosen) for name in _PENALISED])
        self._compiled()
        outputs = self.network(tf.constant(_GRID[:, None]))
        return relative_errors(function, _GRID, outputs[:, 0].numpy())

    def _all_steps(self) -> None:
        rows, targets = self._rows.read_value(), self._targets.read_value()
        sizes, multiples = self._sizes.read_value(), self._multiples.read_value()

        def one_step(i):
            with tf.GradientTape() as tape:
                errors = (self.network(rows) - targets) / sizes
                loss = tf.reduce_mean(tf.square(errors))
                if isinstance(self.network, UniversalRegressor):
                    penalties = self.network.penalties()
                    penalties["weights"] = sum(
                        tf.reduce_sum(tf.square(v)) for v in self._variables if "/w:" in v.name
                    )
                    loss += tf.tensordot(multiples, [penalties[n] for n in _PENALISED], 1)
            rate = scheduled("cosine", self._peak, i, self._steps, 0)
            self._optimizer.learning_rate.assign(rate)
            self._optimizer.apply(tape.gradient(loss, self._variables), self._variables)
            return i + 1

        tf.while_loop(lambda i: i < self._steps, one_step, [tf.constant(0)])


def score(network: snt.Module, errors: np.ndarray) -> dict[str, float]:
    """What the errors on the grid say: the largest ones of three ranges, and where 1 % holds."""

    def largest(low: float, high: float, inside: bool = True) -> float:
        chosen = _within(low, high) & (True if inside else ~_within(*INTERVAL))
        return float(np.max(errors[chosen]))

    low, high = held(_GRID, errors)
    return {
        "parameters": results.num_parameters(network),
        "inside": largest(*INTERVAL),
        "near": largest(*NEAR, inside=False),
        "goal": largest(*GOAL),
        "low": low,
        "high": high,
        "covers_goal": int(low <= GOAL[0] * (1 + 1e-6) and high >= GOAL[1] * (1 - 1e-6)),
    }


class Variant(NamedTuple):
    """A row of the ablation."""

    features: str
    terms: int
    penalty: str
    strength: float


def variants() -> list[Variant]:
    """Log features: each number of terms with each penalty; all with 4 terms, and all strengths."""
    rows = []
    for features in FEATURES:
        for terms in TERMS if features == "log" else (4,):
            rows += [Variant(features, terms, p, STRENGTH if p != "none" else 0) for p in PENALTIES]
            if terms == 4:
                rows += [Variant(features, 4, ALL, s) for s in STRENGTHS if s != STRENGTH]
    return rows


def extrapolate(
    functions: Sequence[str],
    models: Sequence[str],
    seeds: Sequence[int],
    workdir: str | Path,
    *,
    steps: int = 10_000,
    ablation: Sequence[Variant] = (),
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Trains every model on every function, and every variant on 2x, with every seed.

    Returns a row for each run of the comparison and one for each of the ablation. Writes runs.csv,
    curves.csv (relative errors on every tenth number of the grid) and ablation.csv as it goes, and
    table.md and errors.png at the end. Rows that are there already are not made again; those of
    other functions, models and seeds stay.

    Raises:
      ValueError: no functions, models or seeds, or one of them twice; unknown ones; negative seeds;
        steps that are not an integer >= 1; or a workdir of other steps, or with damaged files.
    """
    for name, values, known in (("functions", functions, FUNCTIONS), ("models", models, MODELS)):
        checks.each_once(name, values, known)
    checks.seeds(seeds)
    _checks.integer("steps", steps)
    for variant in ablation:
        _checks.choice("ablation features", variant.features, FEATURES)
        _checks.choice("ablation penalty", variant.penalty, PENALTIES)
    run = results.Workdir(workdir)
    settings = {name: model._asdict() | {"make": name} for name, model in MODELS.items()}
    run.claim({"steps": steps, "rows": ROWS, "models": list(settings.values())}, resume=True)
    store = _Store(run)
    total = len(seeds) * (len(functions) * len(models) + len(ablation))
    with tqdm(total=total, unit=" runs", disable=None) as bar:
        _compare(store, functions, models, seeds, steps, bar)
        _ablate(store, ablation, seeds, steps, bar)
    runs = [store.runs[f, m, s] for f in functions for m in models for s in seeds]
    ablated = [store.ablation[(*variant, s)] for variant in ablation for s in seeds]
    run.write_text("table.md", to_text(runs) + ("\n" + to_text(ablated) if ablated else ""))
    _draw(
        run, functions, models, [store.curves[r["function"], r["model"], r["seed"]] for r in runs]
    )
    return runs, ablated


def _compare(store, functions, models, seeds, steps, bar) -> None:
    for model in models:
        make, rate, penalty, strength = MODELS[model]
        trainers = {}  # one for each kind of function, so that each is compiled once
        for function in functions:
            bar.set_description(f"{function}, {model}")
            task = FUNCTIONS[function]
            for seed in seeds:
                if (function, model, seed) not in store.runs:
                    if task.positive not in trainers:
                        network = functools.partial(make, task.positive)
                        trainers[task.positive] = _Trainer(network, steps, rate)
                    trainer = trainers[task.positive]
                    errors = trainer.fit(task, seed, penalty, strength)
                    key = {"function": function, "model": model, "seed": seed}
                    store.add_run(key | score(trainer.network, errors), errors)
                    store.write()
                bar.update()


def _ablate(store, ablation, seeds, steps, bar) -> None:
    trainer, made = None, None
    for variant in sorted(ablation, key=lambda v: v[:2]):  # those of one network together
        bar.set_description(f"{variant.features}, {variant.terms} terms, {variant.penalty}")
        for seed in seeds:
            if (*variant, seed) not in store.ablation:
                if made != variant[:2]:
                    features, terms = made = variant[:2]
                    network = functools.partial(UniversalRegressor, terms=terms, features=features)
                    trainer = _Trainer(network, steps, _RATE)
                errors = trainer.fit(FUNCTIONS["2x"], seed, variant.penalty, variant.strength)
                row = variant._asdict() | {"seed": seed} | score(trainer.network, errors)
                store.ablation[(*variant, seed)] = row
                store.write()
            bar.update()


class _Store:
    """The rows of a workdir, by what they are of."""

    def __init__(self, run: results.Workdir):
        self._run = run
        self.runs = {tuple(row.values())[:3]: row for row in self._read("runs.csv", RUN_COLUMNS)}
        self.curves = {
            (row["function"], row["model"], row["seed"]): np.array(list(row.values())[3:])
            for row in self._read("curves.csv", _CURVE_COLUMNS)
        }
        # A run counts once both of its rows are there.
        self.runs = {key: row for key, row in self.runs.items() if key in self.curves}
        rows = self._read("ablation.csv", ABLATION_COLUMNS)
        self.ablation = {tuple(row.values())[:5]: row for row in rows}

    def _read(self, name: str, columns: Sequence[str]) -> list[dict[str, Any]]:
        path = self._run.path / name
        if not path.exists():
            return []
        kinds = dict.fromkeys(("function", "model", "features", "penalty"), str)
        kinds |= dict.fromkeys(("seed", "terms", "parameters", "covers_goal"), int)
        try:
            texts = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
            return [{key: kinds.get(key, float)(text[key]) for key in columns} for text in texts]
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise ValueError(f"{path} cannot be read ({error}): give another --workdir") from error

    def add_run(self, row: dict[str, Any], errors: np.ndarray) -> None:
        key = row["function"], row["model"], row["seed"]
        self.runs[key], self.curves[key] = row, errors[_DRAWN]

    def write(self) -> None:
        curves = [
            dict(zip(_CURVE_COLUMNS, (*key, *(f"{e:.4g}" for e in errors)), strict=True))
            for key, errors in self.curves.items()
        ]
        for name, rows, columns in (
            ("curves.csv", curves, _CURVE_COLUMNS),
            ("runs.csv", list(self.runs.values()), RUN_COLUMNS),
            ("ablation.csv", list(self.ablation.values()), ABLATION_COLUMNS),
        ):
            if rows:
                self._run.write_text(name, results.to_csv(rows, columns))


def to_text(rows: Sequence[dict[str, Any]]) -> str:
    """A Markdown table: seeds in groups, medians of the largest errors, where 1 % holds."""
    keys = list(rows[0])[: list(rows[0]).index("seed")]
    heads = [
        "parameters",
        "% on [1, 10]",
        "% near",
        "% on [0.01, 1000]",
        "holds on, at least",
        "seeds that hold on [1, 10]",
        "on [0.01, 1000]",
    ]
    lines = ["| " + " | ".join([*keys, *heads]) + " |", "|---" * (len(keys) + len(heads)) + "|"]
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    for group, members in groups.items():
        holding = [row for row in members if not math.isnan(row["low"])]
        interval = "none"
        if holding:
            low, high = max(r["low"] for r in holding), min(r["high"] for r in holding)
            interval = f"[{low:.2g}, {high:.3g}]"
        errors = (statistics.median(row[key] for row in members) for key in _ERRORS)
        cells = [
            *(f"{value:g}" if isinstance(value, float) else str(value) for value in group),
            str(members[0]["parameters"]),
            *(f"{100 * error:.2g}" for error in errors),
            interval,
            f"{len(holding)}/{len(members)}",
            f"{sum(row['covers_goal'] for row in members)}/{len(members)}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


CAVEAT = (
    "%: largest error, relative to |y| (sin x: absolute), median of the seeds; near: on [0.5, 1] "
    "and [10, 20], the validation range. holds on, at least: the narrowest interval around [1, 10] "
    "with errors within 1 % of the seeds that hold on [1, 10], looked for on [1e-6, 1e7]."
)


def _draw(run, functions, models, curves: Iterable[np.ndarray]) -> None:
    """The median relative error of each model against x, a panel for each function."""
    figure, axes = results.new_figure(
        1, len(functions), figsize=(4 * len(functions), 4), squeeze=False
    )
    medians = np.median(np.array(list(curves)).reshape(len(functions), len(models), -1, 131), 2)
    for axis, function, lines in zip(axes[0], functions, medians, strict=True):
        axis.axvspan(*INTERVAL, color="0.88")
        axis.axhline(WITHIN, color="black", linewidth=0.8, linestyle=":")
        for model, errors in zip(models, lines, strict=True):
            color = f"C{list(MODELS).index(model)}"
            axis.plot(_GRID[_DRAWN], np.clip(errors, 1e-8, 1e4), color=color, label=model)
        axis.set(xscale="log", yscale="log", xlabel="x", title=f"y = {function}", ylim=(5e-9, 2e4))
    axes[0, 0].set(ylabel="relative error (sin x: absolute)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    run.save_figure(figure, "errors.png")


_FUNCTIONS = flags.DEFINE_list(
    "functions", list(FUNCTIONS), f"Which of {', '.join(FUNCTIONS)}, separated by commas."
)
_SEEDS = flags.DEFINE_integer("function_seeds", 5, "How many seeds.", 1)
_FIRST = flags.DEFINE_integer(
    "first_function_seed", 100, "The first of the seeds; 0 .. 4 chose the settings.", 0
)
_STEPS = flags.DEFINE_integer("function_steps", 10_000, "Steps of Adam.", 1)
_ABLATION = flags.DEFINE_bool(
    "function_ablation", True, "Also 2x by features, terms, penalties and their strengths."
)
flags.declare_key_flag("workdir")


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / "extrapolate-functions")
    runs, ablated = extrapolate(
        _FUNCTIONS.value,
        list(MODELS),
        list(range(_FIRST.value, _FIRST.value + _SEEDS.value)),
        workdir,
        steps=_STEPS.value,
        ablation=variants() if _ABLATION.value else (),
    )
    print(to_text(runs), end="")
    if ablated:
        print("\n2x by the universal regressor:\n\n" + to_text(ablated), end="")
    print(CAVEAT)
    files = "config.json, runs.csv, curves.csv, ablation.csv, table.md, errors.png"
    print(f"written to {workdir}/: {files if ablated else files.replace('ablation.csv, ', '')}")


if __name__ == "__main__":
    app.run(main)
