"""Does y = phi(W) x learn linear regression faster than y = W x; when, and why? And digits?

python -m training.study_autoactivation
python -m training.study_autoactivation --study_parts=digits --dataset=mnist --data_dir=...

Regression without noise: positive and signed data, condition numbers from 1 to 1000, 8 to 512
inputs, dense and sparse targets, all rows at each step or one. Every method gets a learning rate of
its own for each optimizer and problem, from a grid that is extended until the best is inside, on
seeds that are not reported, by the mean logarithm of their steps (those that do not arrive count
four times the budget). Speed is the number of steps until the mean squared error is, for the first
time, 0.1 % of the variance of the targets. Digits: the same question for a network of three layers.

Problems, respectively pairs of a variant and an optimizer, that are there already are not repeated,
so an interrupted study goes on.
"""

import gc
import itertools
import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
from absl import flags
from tqdm import tqdm

from training.cli import app
from training.studies.autoactivation import digits as autoactivated_digits
from training.cli import checks
from training.report import statistics as comparison
from training import data
from training.engine import workdir as results
from training.studies.autoactivation import regression
from training.cli import flags as shared
from training.studies.autoactivation.regression import METHODS, OPTIMIZERS, RECORDS, SIGNS, Problem
from weirdonetworks import _checks
from weirdonetworks.functional.parameter_activations import PARAMETER_ACTIVATIONS

PARTS = ("regression", "digits")
_BUDGETS = {1: 300, 10: 300, 100: 2000, 1000: 10_000}  # steps, by condition
_CONDITIONS = [
    *((64, condition, "dense", "all") for condition in _BUDGETS),
    *((inputs, 10, "dense", "all") for inputs in (8, 512)),
    *((inputs, 10, "sparse", "all") for inputs in (8, 64, 512)),
    *((inputs, 10, "dense", "one") for inputs in (8, 64, 512)),
    *((inputs, 10, "sparse", "one") for inputs in (8, 64, 512)),
]
PROBLEMS = {
    problem.name: problem
    for sign in regression.DATA
    for n, condition, target, rows in _CONDITIONS
    for problem in [
        Problem(
            sign, target, n, condition, rows, _BUDGETS[condition] if rows == "all" else 500 + 14 * n
        )
    ]
}
SHARED = {name: PROBLEMS[name] for name in PROBLEMS if name.endswith("dense-64-condition10")}
SHARED_RATES = 10.0 ** np.arange(-4, 0.5, 0.5)
_SHARED_STEPS = 6000
SCALES = (0.1, 1.0, 10.0, 100.0, 1000.0)  # of targets, for Adam at one rate
SCALE_RATE, _SCALE_STEPS = 0.01, 20_000

CHOOSING = tuple(range(1000, 1010))  # seeds of runs that choose rates
FIRST_SEED = 0
_COARSE, _FINE = 4.0 ** np.arange(-4, 5), 2.0 ** (np.arange(-4, 5) / 2)
_EXTENSIONS = 8
_FLOOR = 1e-10  # of losses: float32 has no more
_EARLY = RECORDS // 10  # the short budget, in records
LEVEL = comparison.LEVEL

DIGIT_OPTIMIZERS = (*OPTIMIZERS, "eg")
DIGIT_CHOICE_SEED = 1000
_DIGIT_STARTS = {"sgd": 0.1, "momentum": 0.01, "adam": 1e-3, "eg": 1.0}  # of the search
_DIGIT_FACTOR = 10**0.5
_DIGIT_REACH = 4  # half decades to both sides of the start

COLUMNS = (
    "problem",
    "method",
    "optimizer",
    "rate",
    "rate_at_edge",
    "solved",
    "seeds",
    "steps",
    "steps_low",
    "steps_high",
    "ratio",
    "ratio_low",
    "ratio_high",
    "early_rate",
    "early_loss",
    "early_low",
    "early_high",
    "diverged",
)
Row = dict[str, Any]


# ---- choosing rates


class _Grid:
    """Rates that were tried, with what each of the choosing seeds gave."""

    def __init__(self, steps: int):
        self._steps, self._tried = steps, {}

    def add(self, rates: np.ndarray, runs: regression.Runs) -> None:
        shape = (len(CHOOSING), len(rates))
        solved, early = (a[: math.prod(shape)].reshape(shape) for a in (runs.solved, _early(runs)))
        for i, rate in enumerate(rates):
            steps = np.where(solved[:, i] < 0, 4 * self._steps, np.maximum(solved[:, i], 1))
            speed, loss = np.mean(np.log(steps)), np.mean(np.log(early[:, i]))
            self._tried[float(rate)] = {"speed": (speed, loss), "early": (round(loss, 3), speed)}

    def best(self, criterion: str) -> float:
        """The rate that is best by this, the smallest of equals."""
        return min(sorted(self._tried), key=lambda rate: self._tried[rate][criterion])

    def edge(self, criterion: str) -> int:
        """-1 or 1 if the best rate is the smallest or the largest that was tried, else 0."""
        best = self.best(criterion)
        return -int(best == min(self._tried)) + int(best == max(self._tried))

    @property
    def ends(self) -> tuple[float, float]:
        return min(self._tried), max(self._tried)


def _early(runs: regression.Runs) -> np.ndarray:
    """The losses at the short budget, within bounds; what has diverged has the upper one."""
    loss = runs.curve[_EARLY]
    return np.where(np.isfinite(loss), np.clip(loss, _FLOOR, 1e10), 1e10)


def _first_guess(problem: Problem, method: str, optimizer: str, sign: str) -> float:
    """About how large a rate is: the search goes on from there."""
    form, _, dual = METHODS[method]
    w, _, slope = regression.start(problem._replace(steps=1), method, CHOOSING, sign)
    if form == "linear":
        derivative = slope
    elif form == "mass":
        derivative = np.full_like(w, problem.scale / w.shape[-1])
    else:
        activation = PARAMETER_ACTIVATIONS[form]
        derivative = np.asarray(activation.derivative(activation.forward(w)))
    size = float(np.mean(np.square(derivative) if not (dual) else np.abs(derivative)))
    if optimizer == "adam":
        return 0.1 if dual or form == "exp" else 0.1 * problem.scale / problem.inputs / size**0.5
    length = problem.inputs if problem.rows == "one" else 1
    return (0.1 if optimizer == "momentum" else 1.0) / (size * length)


def choose(problem: Problem, method: str, optimizer: str, sign: str = "auto", room: int = 20):
    """The best rates for speed and for the early loss, and which of them are at the grid's edge."""
    seeds = tuple(itertools.islice(itertools.cycle(CHOOSING), max(room, len(CHOOSING))))
    owners, grid = _owners(len(CHOOSING), len(_COARSE), room), _Grid(problem.steps)

    def add(rates):
        tiled = np.resize(np.tile(rates, len(CHOOSING)), len(owners))
        grid.add(rates, regression.run(problem, method, optimizer, seeds, tiled, owners, sign))

    add(_first_guess(problem, method, optimizer, sign) * _COARSE)
    for _ in range(_EXTENSIONS):
        edges = {grid.edge(criterion) for criterion in ("speed", "early")}
        if -1 in edges:
            add(grid.ends[0] * 4.0 ** np.arange(-8, 1))
        elif 1 in edges:
            add(grid.ends[1] * 4.0 ** np.arange(9))
        else:
            break
    for criterion in ("speed", "early"):
        add(grid.best(criterion) * _FINE)
    criteria = ("speed", "early")
    return [grid.best(c) for c in criteria], [bool(grid.edge(c)) for c in criteria]


def _owners(seeds: int, rates: int, room: int) -> np.ndarray:
    """Whose each run is, filled up to the number of runs that all calls have."""
    total = max(len(CHOOSING) * len(_COARSE), 2 * room)
    return np.resize(np.repeat(np.arange(seeds), rates), total)


# ---- measuring


def measure(
    problem: Problem, methods: Sequence[str], seeds: Sequence[int], sign: str = "auto", report=None
) -> list[Row]:
    """Each method by each optimizer on one problem: rates, steps and losses of every seed.

    Raises:
      ValueError: bad settings, or seeds of those that choose.
    """
    _check(problem, methods, seeds, sign)
    seeds, rows = tuple(seeds), []
    for method, optimizer in itertools.product(methods, OPTIMIZERS):
        rates, edges = choose(problem, method, optimizer, sign, len(seeds))
        # Each seed at both rates: for speed in even places, for the early loss in odd ones.
        owners = _owners(len(seeds), 2, len(seeds))
        count = 2 * len(seeds)
        padded = tuple(itertools.islice(itertools.cycle(seeds), max(len(seeds), len(CHOOSING))))
        runs = regression.run(
            problem, method, optimizer, padded, np.resize(rates, len(owners)), owners, sign
        )
        solved, early = runs.solved[:count], _early(runs)[:count]
        curve = np.nan_to_num(runs.curve[:, :count:2], nan=np.inf, posinf=np.inf)
        rows.append(
            {
                "problem": problem.name,
                "method": method,
                "optimizer": optimizer,
                "rate": rates[0],
                "early_rate": rates[1],
                "rate_at_edge": edges[0],
                "steps": [int(t) for t in solved[::2]],
                "early": [float(loss) for loss in early[1::2]],
                "diverged": int(np.sum(~np.isfinite(runs.final[:count:2]))),
                "curve": [
                    [float(f"{min(v, 1e10):.4g}") for v in row]
                    for row in np.percentile(
                        np.minimum(curve, 1e30), [50, 25, 75], axis=1, method="nearest"
                    )
                ],
                **_explained(problem, method, optimizer, runs, rates[0], padded, len(seeds), sign),
            }
        )
        if report:
            report(f"{problem.name}: {method}, {optimizer}")
    return rows


def _check(problem, methods, seeds, sign) -> None:
    problem.check()
    checks.each_once("methods", methods)
    checks.seeds(seeds)
    if taken := sorted(set(seeds) & set(CHOOSING)):
        raise ValueError(f"seeds must leave {CHOOSING} to the choice of rates, got {taken}")
    for method in methods:
        regression.is_paired(problem, method, sign)


def _explained(problem, method, optimizer, runs, rate, seeds, count, sign) -> Row:
    """Steps of SGD as the geometry phi'^2 explains them: followed on its way, and frozen."""
    form, _, _ = METHODS[method]
    if (optimizer, problem.rows, problem.target) != ("sgd", "all", "dense") or form == "mass":
        return {"moving": None, "frozen": None}
    frozen = _frozen(problem, method, runs, rate, seeds[:count], sign)
    if form == "linear":
        return {"moving": None, "frozen": frozen}
    owners = _owners(count, 1, count)
    rates = np.full(len(owners), rate)
    moving = regression.run(
        problem, method, "sgd", seeds, rates, owners, sign, geometry=True
    ).solved[:count]
    return {"moving": [int(t) for t in moving], "frozen": frozen}


def _frozen(problem, method, runs, rate, seeds, sign) -> list[int]:
    """Steps of gradient descent, at this rate, with the geometry phi'^2 frozen at the target.

    With D = sum of phi'(W)^2 over the parts of A, the error of A obeys e <- (1 - rate D H) e, so
    that the steps to the goal need no run. D is that of the target; where A has two parts, which
    the target leaves open, that of the end of each run.
    """
    form, _, dual = METHODS[method]
    if form == "mass" or problem.inputs > 64:
        return []
    sample = regression.draw(problem, seeds)
    w, base, slope = regression.start(problem._replace(steps=1), method, seeds, sign)
    found = []
    for i, target in enumerate(sample.weights):
        if form == "linear":
            first, derivative = base[:, i] + slope[:, i] * w[:, i], slope[:, i]
        else:
            activation = PARAMETER_ACTIVATIONS[form]
            end = np.asarray(activation.forward(runs.parameters[:, 2 * i].astype(np.float64)))
            first = np.asarray(activation.forward(w[:, i]))
            derivative = np.asarray(activation.derivative(target[None] if len(end) == 1 else end))
        geometry = np.sum(np.abs(derivative) if dual else np.square(derivative), axis=0)
        error = np.array([1, -1])[: len(first)] @ first - target
        one = sample._replace(spectrum=sample.spectrum[i], flips=sample.flips[i])
        h = regression.hessian(problem, one) @ np.eye(problem.inputs)
        unit = sample.variance[i] / 2
        found.append(_quadratic_steps(h, geometry, error, rate, unit, problem.steps))
    return found


def _quadratic_steps(h, geometry, error, rate, unit, most) -> int:
    """Steps of e <- (1 - rate D H) e until e' H e / 2 is at most the goal; -1 beyond most."""
    if not np.all(np.isfinite(geometry)) or np.min(geometry) <= 0:
        return -1
    root = np.sqrt(geometry)
    values, vectors = np.linalg.eigh(root[:, None] * h * root)
    energy = 0.5 * np.maximum(values, 0) * np.square(vectors.T @ (error / root)) / unit
    times = np.unique(np.geomspace(1, most, 400).round())
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        factors = np.log(np.square(1 - rate * values))
        losses = np.sum(np.exp(times[:, None] * factors) * energy, axis=1)
    below = np.flatnonzero(losses <= regression.SOLVED)
    return int(times[below[0]]) if below.size else -1


def measure_shared(problem: Problem, methods: Sequence[str], sign: str, report=None) -> list[Row]:
    """Median steps at rates that are the same for all methods, over the choosing seeds."""
    problem, rows = problem._replace(steps=_SHARED_STEPS), []
    owners = _owners(len(CHOOSING), len(SHARED_RATES), len(CHOOSING))
    rates = np.resize(np.tile(SHARED_RATES, len(CHOOSING)), len(owners))
    for method, optimizer in itertools.product(methods, OPTIMIZERS):
        runs = regression.run(problem, method, optimizer, CHOOSING, rates, owners, sign)
        steps = runs.solved.reshape(len(CHOOSING), -1)
        medians = [_median(column) for column in steps.T]
        keys = {"problem": problem.name, "method": method, "optimizer": optimizer}
        rows += [
            {**keys, "rate": float(rate), "steps": median}
            for rate, median in zip(SHARED_RATES, medians, strict=True)
        ]
        if report:
            report(f"one rate, {problem.name}: {method}, {optimizer}")
    return rows


def measure_scales(seeds: Sequence[int], report=None) -> list[Row]:
    """Adam at one rate, for targets of five sizes: steps, and how far the way is in steps.

    Adam moves W by about the rate in a step, so plain A by the rate and exp(W) by that part of
    itself. The way is the largest change of a parameter that the target asks for, over the rate.
    """
    seeds, rows = tuple(seeds), []
    owners = _owners(len(seeds), 1, len(seeds))
    padded = tuple(itertools.islice(itertools.cycle(seeds), max(len(seeds), len(CHOOSING))))
    for factor, method in itertools.product(
        SCALES, ("plain", "plain zero", "plain log-normal", "exp")
    ):
        problem = Problem("positive", "dense", 8, 10, "all", _SCALE_STEPS, factor)
        rates = np.full(len(owners), SCALE_RATE)
        runs = regression.run(problem, method, "adam", padded, rates, owners)
        target = regression.draw(problem, padded).weights[: len(seeds)]
        w = regression.start(problem._replace(steps=1), method, padded)[0][0, : len(seeds)]
        goal = np.log(target) if method == "exp" else target
        # Small weights need not arrive, the goal leaves 0.1 % of the variance: by the median one.
        way = np.median(np.max(np.abs(goal - w) * (target > 0.3 * np.max(target)), axis=1))
        best, _ = choose(problem._replace(steps=2000), method, "adam", room=len(seeds))
        own = regression.run(problem, method, "adam", padded, np.full(len(owners), best[0]), owners)
        rows.append(
            {
                "scale": factor,
                "method": method,
                "steps": _median(runs.solved[: len(seeds)]),
                "way": float(way / SCALE_RATE),
                "own_rate": best[0],
                "own_steps": _median(own.solved[: len(seeds)]),
            }
        )
        if report:
            report(f"scale {factor:g}: {method}")
    return rows


# ---- summaries


def _median(steps: Sequence[int]) -> float:
    """The median, with runs that did not arrive counted as never: inf where it is one of them."""
    values = np.where(np.asarray(steps) < 0, np.inf, steps)
    return float(np.percentile(values, 50, method="higher"))


def _bootstrap(values: np.ndarray, draws: int = 2000) -> tuple[float, float]:
    """The 95 % interval of the median, by resampling with a fixed seed.

    Where two values are in the middle, its ends are those of the lower and of the upper one.
    """
    index = np.random.default_rng(0).integers(0, len(values), (draws, len(values)))
    lower, upper = (np.percentile(values[index], 50, 1, method=m) for m in ("lower", "higher"))
    low = np.percentile(lower, 2.5, method="nearest")
    return float(low), float(np.percentile(upper, 97.5, method="nearest"))


def ratios(row: Row, base: Row) -> tuple[float, float, float]:
    """By how much fewer steps than the base a method needs: median over the seeds, and interval.

    Both have the same problem for each seed. A run that did not arrive counts as never: infinite
    steps; where neither arrives, there is no difference.
    """
    a, b = (np.array([t if t >= 0 else np.inf for t in r["steps"]]) for r in (row, base))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.maximum(b, 1) / np.maximum(a, 1)
    ratio[np.isinf(a) & np.isinf(b)] = 1.0
    with np.errstate(divide="ignore"):
        logs = np.log(np.sort(ratio))  # of an even number, the geometric mean of the middle two
    middle = logs[(len(logs) - 1) // 2], logs[len(logs) // 2]
    center = middle[0] if middle[0] == middle[1] else sum(middle) / 2
    return float(np.exp(center)), *_bootstrap(ratio)


def summarize(rows: Sequence[Row]) -> list[Row]:
    """A row for each problem, method and optimizer, with ratios to `plain`, same optimizer."""
    base = {(row["problem"], row["optimizer"]): row for row in rows if row["method"] == "plain"}
    summaries = []
    for row in rows:
        steps = np.where(np.array(row["steps"]) < 0, np.inf, row["steps"])
        low, high = _bootstrap(steps)
        logs = np.log10(row["early"])
        spread = (
            scipy.stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / len(logs) ** 0.5
            if len(logs) > 1
            else 0.0
        )
        ratio = dict.fromkeys(("ratio", "ratio_low", "ratio_high"), "")
        if plain := base.get((row["problem"], row["optimizer"])):
            ratio = dict(zip(ratio, ratios(row, plain), strict=True))
        summaries.append(
            {
                **{key: row[key] for key in COLUMNS if key in row and key != "steps"},
                "seeds": len(steps),
                "solved": int(np.isfinite(steps).sum()),
                "steps": _median(row["steps"]),
                "steps_low": low,
                "steps_high": high,
                **ratio,
                "early_loss": 10 ** logs.mean(),
                "early_low": 10 ** (logs.mean() - spread),
                "early_high": 10 ** (logs.mean() + spread),
            }
        )
    return summaries


def verdict(summary: Row) -> str:
    """`faster`, `slower` or `same`, by the interval of the ratio to `plain`."""
    if summary["ratio_low"] > 1:
        return "faster"
    return "slower" if summary["ratio_high"] < 1 else "same"


def _count(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:.0f}"


def to_markdown(rows: Sequence[Row]) -> str:
    """A table for each optimizer: median steps of each method on each problem, with verdicts."""
    summaries = summarize(rows)
    methods = list(dict.fromkeys(row["method"] for row in rows))
    cells = {(s["optimizer"], s["problem"], s["method"]): s for s in summaries}
    text = []
    for optimizer in OPTIMIZERS:
        text += [
            f"| {optimizer}: steps | {' | '.join(methods)} |",
            "|---" * (len(methods) + 1) + "|",
        ]
        for problem in dict.fromkeys(row["problem"] for row in rows):
            line = []
            for method in methods:
                s = cells[optimizer, problem, method]
                mark = {"faster": " +", "slower": " -", "same": ""}
                share = "" if s["solved"] == s["seeds"] else f" ({s['solved']}/{s['seeds']})"
                sign = mark[verdict(s)] if s["ratio"] != "" and method != "plain" else ""
                line.append(f"{_count(s['steps'])}{share}{sign}")
            text.append(f"| {problem} | {' | '.join(line)} |")
        text.append("")
    return "\n".join(text)


def _against(rows: Sequence[Row], method: str, base: str) -> str:
    """On how many problems a method is faster, as fast or slower than another, by optimizer."""
    by = {(row["method"], row["optimizer"], row["problem"]): row for row in rows}
    problems, parts = dict.fromkeys(row["problem"] for row in rows), []
    for optimizer in OPTIMIZERS:
        counts = {"faster": 0, "same": 0, "slower": 0}
        for problem in problems:
            pair = by.get((method, optimizer, problem)), by.get((base, optimizer, problem))
            if all(pair):
                _, low, high = ratios(*pair)
                counts[verdict({"ratio_low": low, "ratio_high": high})] += 1
        if sum(counts.values()):
            parts.append(
                f"{optimizer}: faster on {counts['faster']}, as fast on {counts['same']}, slower "
                f"on {counts['slower']}"
            )
    return "; ".join(parts)


def conclusions(
    rows: Sequence[Row], shared_rows: Sequence[Row], scale_rows: Sequence[Row]
) -> list[str]:
    """What the numbers say of regression, sentence by sentence."""
    summaries = [s for s in summarize(rows) if s["ratio"] != ""]
    sentences = []

    cells = {(s["optimizer"], s["problem"], s["method"]): s for s in summaries}
    for method in (
        "exp",
        "square",
        "plain zero",
        "plain log-normal",
        "plain own rates",
        "EGU",
        "EG",
    ):
        if found := _against(rows, method, "plain"):
            sentences.append(f"{method} against W x, each at its own rate: {found}.")
    for method in ("exp", "square"):
        if found := _against(rows, method, "plain log-normal"):
            sentences.append(f"{method} against W x from the start of exp: {found}.")
        if found := _against(rows, method, "plain zero"):
            sentences.append(f"{method} against W x from zero: {found}.")
    for sign, target, rows_kind in itertools.product(
        regression.DATA, regression.TARGETS, regression.ROWS
    ):
        chosen = {
            name
            for name, p in PROBLEMS.items()
            if (p.data, p.target, p.rows) == (sign, target, rows_kind)
        }
        some = [
            f"{optimizer} {statistics.geometric_mean(values):.2g}"
            for optimizer in OPTIMIZERS
            if (
                values := [
                    min(max(cells[optimizer, name, "exp"]["ratio"], 1e-3), 1e3)
                    for name in sorted(chosen)
                    if (optimizer, name, "exp") in cells
                ]
            )
        ]
        if some:
            kind = "online" if rows_kind == "one" else "all rows"
            sentences.append(
                f"{sign} data, {target} targets, {kind}: W x needs by geometric mean this many "
                f"times the steps of exp(W) x: {', '.join(some)}."
            )
    for name in ("signed-sparse", "signed-dense", "positive-sparse", "positive-dense"):
        parts = []
        for method in ("plain", "plain zero", "exp", "square", "EGU", "EG"):
            line = [cells.get(("sgd", f"{name}-{n}-online", method)) for n in (8, 64, 512)]
            if all(line):
                steps = ", ".join(_count(s["steps"]) for s in line)
                parts.append(f"{method} {steps}")
        if parts:
            sentences.append(f"{name}, online, SGD, 8, 64, 512 inputs: {'; '.join(parts)}.")
    for (kind, how), method in itertools.product(
        (("moving", "at each step anew"), ("frozen", "frozen at the target")),
        ("exp", "square", "all maps but the identity"),
    ):
        names = [name for name in PARAMETER_ACTIVATIONS if name != "identity"]
        pairs = [
            pair
            for row in rows
            if row[kind] and row["method"] in (names if method.startswith("all") else (method,))
            for pair in zip(row[kind], row["steps"], strict=True)
        ]
        both = np.array([pair for pair in pairs if min(pair) >= 0], float)
        if both.size:
            told, found = np.log(np.maximum(both, 1)).T
            near = np.mean(np.abs(told - found) < math.log(1.1))
            sentences.append(
                f"A itself, moved by phi'^2 times its gradient, {how}, at the rates of SGD: of "
                f"{len(pairs)} runs of {method} on dense problems, "
                f"{sum(b >= 0 for _, b in pairs)} arrive, and so do {len(both)} of these; the "
                f"steps are within 10 % of each other in {near:.0%}."
            )
    if scale_rows:
        for method in dict.fromkeys(row["method"] for row in scale_rows):
            line = [row for row in scale_rows if row["method"] == method]
            scales = ", ".join(f"{row['scale']:g}" for row in line)
            ways = ", ".join(f"{row['way']:.0f}" for row in line)
            sentences.append(
                f"Adam at the rate {SCALE_RATE:g}, {method}, targets of scale "
                f"{scales}: steps {', '.join(_count(row['steps']) for row in line)}; the way over "
                f"the rate {ways}; at its own rate "
                f"{', '.join(_count(row['own_steps']) for row in line)}."
            )
    for name, optimizer in itertools.product(SHARED, OPTIMIZERS):
        ranges = []
        for method in ("plain", "exp"):
            steps = {
                row["rate"]: row["steps"]
                for row in shared_rows
                if (row["problem"], row["optimizer"], row["method"]) == (name, optimizer, method)
            }
            if steps:
                ranges.append(", ".join(_count(t) for t in steps.values()))
        if len(ranges) == 2:
            sentences.append(
                f"{name}, {optimizer}, one rate for both, 1e-4 to 1 by half decades: W x "
                f"{ranges[0]}; exp(W) x {ranges[1]}."
            )
    edges = [
        f"{row['problem']}: {row['method']}, {row['optimizer']}"
        for row in rows
        if row["rate_at_edge"]
    ]
    sentences.append(
        f"Rates at the edge of their grid after all extensions: {len(edges)} of {len(rows)}"
        f"{' (' + '; '.join(edges) + ')' if edges else ''}."
    )
    return sentences


# ---- digits


def choose_digit_rate(
    trainer: autoactivated_digits.Trainer, optimizer: str, epochs: int, report
) -> tuple[float, dict[float, float]]:
    """The rate of the best validation accuracy, by half decades, until it is inside of the grid."""
    tried: dict[int, float] = {}
    places = range(-_DIGIT_REACH, _DIGIT_REACH + 1)
    for _ in range(_EXTENSIONS):
        for place in places:
            rate = _DIGIT_STARTS[optimizer] * _DIGIT_FACTOR**place
            runs = trainer.train(rate, [DIGIT_CHOICE_SEED], epochs, report=report)
            last = float(runs.validation[0, -1])
            tried[place] = 0.0 if math.isnan(last) else last
        best = max(tried, key=lambda place: (tried[place], -place))
        if min(tried) < best < max(tried):
            break
        places = (best - 1,) if best == min(tried) else (best + 1,)
    to_rate = lambda place: _DIGIT_STARTS[optimizer] * _DIGIT_FACTOR**place  # noqa: E731
    return to_rate(best), {to_rate(place): tried[place] for place in sorted(tried)}


def measure_digits(
    variant: str, optimizer: str, dataset: data.Dataset, seeds: Sequence[int], epochs: int, report
) -> Row:
    """One variant by one optimizer: the rate that validation chose, and every seed with it."""
    trainer = autoactivated_digits.Trainer(variant, optimizer, dataset)
    rate, tried = choose_digit_rate(trainer, optimizer, 1, report)
    runs = trainer.train(rate, seeds, epochs, score_test=True, report=report)
    row = {
        "variant": variant,
        "optimizer": optimizer,
        "rate": rate,
        "rates": {f"{r:g}": a for r, a in tried.items()},
        "parameters": runs.parameters,
        "looks": [int(t) for t in runs.steps],
        "validation": runs.validation.tolist(),
        "steps": [None if math.isnan(t) else t for t in runs.solved],
        "test": [None if math.isnan(t) else t for t in runs.test],
    }
    del trainer
    gc.collect()
    return row


def digits_to_markdown(rows: Sequence[Row]) -> str:
    """A line for each variant and optimizer: steps to 95 %, validation and test accuracy."""
    text = [
        "| optimizer | weights | parameters | rate | steps to 95 % | reached | validation % "
        "| test % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: DIGIT_OPTIMIZERS.index(row["optimizer"])):
        steps = [t for t in row["steps"] if t is not None]
        last = [100 * v[-1] for v in row["validation"] if not math.isnan(v[-1])]
        test = [100 * t for t in row["test"] if t is not None]
        cells = [
            row["optimizer"],
            row["variant"],
            f"{row['parameters']:,}",
            f"{row['rate']:.3g}",
            results.mean_and_spread(steps, 0) if len(steps) == len(row["steps"]) else "",
            f"{len(steps)}/{len(row['steps'])}",
            results.mean_and_spread(last) if last else "diverged",
            results.mean_and_spread(test) if test else "diverged",
        ]
        text.append(f"| {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


def digit_conclusions(rows: Sequence[Row]) -> list[str]:
    """Steps to 95 % against the plain network by the same optimizer; Welch's test, by Holm."""
    sentences = []
    for optimizer in OPTIMIZERS:
        mine = {row["variant"]: row for row in rows if row["optimizer"] == optimizer}
        base = mine.get("plain")
        if not base or None in base["steps"] or len(base["steps"]) < 2:
            continue
        others = {
            name: row["steps"]
            for name, row in mine.items()
            if name != "plain" and None not in row["steps"]
        }
        p = [
            scipy.stats.ttest_ind(np.log(steps), np.log(base["steps"]), equal_var=False).pvalue
            for steps in others.values()
        ]
        found: dict[str, list[str]] = {"faster": [], "not told apart": [], "slower": []}
        for (name, steps), adjusted in sorted(
            zip(others.items(), comparison.holm(p), strict=True), key=lambda pair: pair[1]
        ):
            ratio = statistics.geometric_mean(base["steps"]) / statistics.geometric_mean(steps)
            key = "not told apart" if adjusted >= LEVEL else "faster" if ratio > 1 else "slower"
            found[key].append(f"{name} ({ratio:.2f})")
        missed = [name for name, row in mine.items() if None in row["steps"]]
        parts = [f"{key} {', '.join(names) or 'none'}" for key, names in found.items()]
        sentences.append(
            f"digits, {optimizer}, steps to 95 % of W x ({statistics.mean(base['steps']):.0f}) "
            f"over those of others: {'; '.join(parts)}; not all seeds arrive: "
            f"{', '.join(missed) or 'none'}."
        )
    return sentences


# ---- the command's function


def study(
    parts: Sequence[str],
    workdir: str | Path,
    *,
    problems: Sequence[str] = tuple(PROBLEMS),
    methods: Sequence[str] = tuple(METHODS),
    num_seeds: int = 20,
    sign: str = "auto",
    dataset: str = "mnist_5k",
    variants: Sequence[str] = autoactivated_digits.VARIANTS,
    num_digit_seeds: int = 10,
    epochs: int = 3,
    data_dir: str | None = None,
    manual_dir: str | None = None,
) -> list[str]:
    """Measures what is not in the workdir yet, and returns the conclusions.

    Writes regression.json and digits.json (everything that was measured), regression.csv,
    shared_rates.csv, scales.csv, digits.csv, table.md, conclusions.txt and pictures.

    Raises:
      ValueError: nothing to do, a name unknown or twice, seeds of those that choose, a sign that
        the data or the targets do not admit, or a workdir of other settings.
    """
    known = (
        ("study_parts", parts, PARTS),
        ("study_problems", problems, PROBLEMS),
        ("study_methods", methods, METHODS),
        ("study_variants", variants, autoactivated_digits.VARIANTS),
    )
    for name, values, options in known:
        checks.each_once(name, values, options)
    _checks.integer("num_seeds", num_seeds)
    _checks.integer("num_digit_seeds", num_digit_seeds)
    _checks.integer("epochs", epochs)
    seeds = range(FIRST_SEED, FIRST_SEED + num_seeds)
    digit_seeds = range(FIRST_SEED, FIRST_SEED + num_digit_seeds)
    if "regression" in parts:
        for name in problems:
            _check(PROBLEMS[name], methods, list(seeds), sign)
    if DIGIT_CHOICE_SEED in digit_seeds:
        raise ValueError(
            f"num_digit_seeds must leave seed {DIGIT_CHOICE_SEED} to the choice of rates, "
            f"got {num_digit_seeds}"
        )
    run = results.Workdir(workdir)
    settings = {"parts": list(parts)}
    if "regression" in parts:
        settings |= {"problems": list(problems), "methods": list(methods)}
        settings |= {"num_seeds": num_seeds, "sign": sign}
    if "digits" in parts:
        settings |= {"dataset": dataset, "variants": list(variants)}
        settings |= {"num_digit_seeds": num_digit_seeds, "epochs": epochs}
    run.claim(settings, True)
    found: dict[str, list[Row]] = {}
    if "regression" in parts:
        found |= _study_regression(run, problems, methods, seeds, sign)
    if "digits" in parts:
        images = data.load(dataset, data_dir=data_dir, manual_dir=manual_dir)
        found["digits"] = _study_digits(run, images, variants, digit_seeds, epochs)
    return _write(run, found)


def _read(run: results.Workdir, name: str) -> dict[str, Any]:
    return run.read(name) if (run.path / name).exists() else {}


def _study_regression(run, problems, methods, seeds, sign) -> dict[str, list[Row]]:
    held = _read(run, "regression.json")
    jobs: dict[str, Callable[[Any], list[Row]]] = {
        name: lambda report, p=PROBLEMS[name]: measure(p, methods, list(seeds), sign, report)
        for name in problems
    }
    jobs |= {
        f"shared {name}": lambda report, p=PROBLEMS[name]: measure_shared(p, methods, sign, report)
        for name in problems
        if name in SHARED
    }
    if sign == "auto" and len(problems) > 1:
        jobs["scales"] = lambda report: measure_scales(list(seeds), report)
    with tqdm(total=len(jobs), initial=len(held), unit="problem", disable=None) as bar:
        for key, job in jobs.items():
            if key not in held:
                held[key] = job(bar.set_postfix_str)
                run.write_text("regression.json", json.dumps(held) + "\n")
                bar.update()
    return {
        "rows": [row for name in problems for row in held[name]],
        "shared": [row for name in problems if name in SHARED for row in held[f"shared {name}"]],
        "scales": held.get("scales", []),
    }


def _study_digits(run, images, variants, seeds, epochs) -> list[Row]:
    held = _read(run, "digits.json")
    jobs = list(itertools.product(variants, OPTIMIZERS))
    jobs += [("plain", "eg")] if "plain" in variants else []
    with tqdm(total=len(jobs), initial=len(held), unit="variant", disable=None) as bar:
        for variant, optimizer in jobs:
            key = f"{variant}, {optimizer}"
            if key not in held:
                bar.set_postfix_str(key)
                held[key] = measure_digits(
                    variant, optimizer, images, list(seeds), epochs, bar.refresh
                )
                run.write_text("digits.json", json.dumps(held) + "\n")
                bar.update()
    return [held[f"{variant}, {optimizer}"] for variant, optimizer in jobs]


def _write(run: results.Workdir, found: Mapping[str, list[Row]]) -> list[str]:
    text, sentences = [], []
    if rows := found.get("rows"):
        run.write_text("regression.csv", results.to_csv(summarize(rows), COLUMNS))
        text.append(to_markdown(rows))
        sentences += conclusions(rows, found["shared"], found["scales"])
        _draw_steps(run, rows)
        _draw_curves(run, rows)
        for name in ("shared", "scales"):
            if found[name]:
                file = {"shared": "shared_rates.csv", "scales": "scales.csv"}[name]
                run.write_text(file, results.to_csv(found[name], list(found[name][0])))
        if found["shared"]:
            _draw_shared(run, found["shared"])
    if rows := found.get("digits"):
        text.append(digits_to_markdown(rows))
        sentences += digit_conclusions(rows)
        flat = [
            {
                **{key: row[key] for key in ("variant", "optimizer", "rate", "parameters")},
                "seed": FIRST_SEED + i,
                "steps": "" if row["steps"][i] is None else row["steps"][i],
                "validation_accuracy": row["validation"][i][-1],
                "test_accuracy": "" if row["test"][i] is None else row["test"][i],
            }
            for row in rows
            for i in range(len(row["steps"]))
        ]
        run.write_text("digits.csv", results.to_csv(flat, list(flat[0])))
        _draw_digits(run, rows)
    run.write_text("table.md", "\n".join(text))
    run.write_text("conclusions.txt", "\n".join(sentences) + "\n")
    return sentences


# ---- pictures


_COLORS = {
    "plain": "black",
    "plain zero": "tan",
    "plain log-normal": "dimgray",
    "plain own rates": "darkgray",
    **{name: f"C{i}" for i, name in enumerate(PARAMETER_ACTIVATIONS)},
    "EGU": "navy",
    "EG": "darkgoldenrod",
}


def _style(method: str) -> str:
    return "-" if method in (*PARAMETER_ACTIVATIONS, "plain") else "--"


def _draw_steps(run: results.Workdir, rows: Sequence[Row]) -> None:
    """A panel for each optimizer: the steps of each method on each problem."""
    summaries = summarize(rows)
    names = list(dict.fromkeys(row["problem"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figure, axes = results.new_figure(1, 3, figsize=(15, 1.6 + 0.36 * len(names)), squeeze=False)
    for axis, optimizer in zip(axes[0], OPTIMIZERS, strict=True):
        for k, method in enumerate(methods):
            mine = {
                s["problem"]: s
                for s in summaries
                if (s["method"], s["optimizer"]) == (method, optimizer)
            }
            shift = 0.7 * (k / max(1, len(methods) - 1) - 0.5)
            places = np.arange(len(names)) + shift
            low, mid, high = np.clip(
                np.array(
                    [[mine[n]["steps_low"], mine[n]["steps"], mine[n]["steps_high"]] for n in names]
                ).T,
                1,
                2e4,
            )
            axis.errorbar(
                mid,
                places,
                xerr=[mid - low, high - mid],
                fmt="o",
                markersize=3,
                linewidth=0.8,
                color=_COLORS[method],
                markerfacecolor="white" if _style(method) == "--" else None,
                label=method,
            )
        axis.set(xscale="log", title=optimizer, xlabel="steps to 0.1 % of the variance")
        axis.set_yticks(range(len(names)), names if axis is axes[0, 0] else [], fontsize=7)
        axis.set_ylim(len(names) - 0.4, -0.6)
        axis.grid(axis="x", alpha=0.3)
    axes[0, 2].legend(fontsize=7, bbox_to_anchor=(1, 1), loc="upper left")
    figure.suptitle("median of the seeds with its 95 % interval; at the right end: never")
    run.save_figure(figure, "steps.png")


_DRAWN = (
    "plain",
    "plain zero",
    "plain log-normal",
    "plain own rates",
    "exp",
    "square",
    "EGU",
    "EG",
)


def _draw_curves(run: results.Workdir, rows: Sequence[Row]) -> None:
    """Loss by step for a few problems, with SGD and Adam at their own rates."""
    names = list(dict.fromkeys(row["problem"] for row in rows))
    wanted = [
        "positive-dense-64-condition10",
        "signed-dense-64-condition10",
        "signed-sparse-512-online",
        "signed-dense-512-online",
    ]
    names = [name for name in wanted if name in names] or names[:1]
    figure, axes = results.new_figure(2, len(names), figsize=(4 * len(names), 6), squeeze=False)
    for axis_row, optimizer in zip(axes, ("sgd", "adam"), strict=True):
        for axis, name in zip(axis_row, names, strict=True):
            steps = np.arange(RECORDS) * PROBLEMS[name].steps / RECORDS
            for row in rows:
                if (row["problem"], row["optimizer"]) != (name, optimizer):
                    continue
                if row["method"] in _DRAWN:
                    middle, low, high = np.clip(row["curve"], _FLOOR, 1e10)
                    color = _COLORS[row["method"]]
                    axis.semilogy(
                        steps, middle, _style(row["method"]), color=color, label=row["method"]
                    )
                    axis.fill_between(steps, low, high, color=color, alpha=0.12, linewidth=0)
            axis.axhline(regression.SOLVED, color="gray", linewidth=0.6, linestyle=":")
            axis.set(title=f"{name}, {optimizer}", xlabel="step", ylim=(1e-6, 1e2))
            axis.title.set_size(9)
    axes[0, 0].set(ylabel="loss / variance: median, quartiles")
    axes[0, -1].legend(fontsize=7)
    run.save_figure(figure, "curves.png")


def _draw_shared(run: results.Workdir, rows: Sequence[Row]) -> None:
    """Steps by rate, the same for all: each method has its best one elsewhere."""
    names = list(dict.fromkeys(row["problem"] for row in rows))
    figure, axes = results.new_figure(len(names), 3, figsize=(13, 3.2 * len(names)), squeeze=False)
    for (i, name), (j, optimizer) in itertools.product(enumerate(names), enumerate(OPTIMIZERS)):
        axis = axes[i, j]
        for method in dict.fromkeys(row["method"] for row in rows):
            line = [
                row
                for row in rows
                if (row["problem"], row["optimizer"], row["method"]) == (name, optimizer, method)
            ]
            axis.loglog(
                [row["rate"] for row in line],
                [row["steps"] if math.isfinite(row["steps"]) else math.nan for row in line],
                f"o{_style(method)}",
                color=_COLORS[method],
                markersize=3,
                label=method,
            )
        axis.set(title=f"{name}, {optimizer}", xlabel="the rate, one for all")
        axis.set_ylim(3, 1.2 * _SHARED_STEPS)
        axis.title.set_size(9)
    axes[0, 0].set(ylabel="median steps")
    axes[0, 2].legend(fontsize=7, bbox_to_anchor=(1, 1), loc="upper left")
    run.save_figure(figure, "shared_rates.png")


def _draw_digits(run: results.Workdir, rows: Sequence[Row]) -> None:
    """Validation accuracy by step, mean and 95 % interval over the seeds that did not diverge."""
    figure, axes = results.new_figure(1, 3, figsize=(14, 5), squeeze=False)
    for axis, optimizer in zip(axes[0], OPTIMIZERS, strict=True):
        for row in rows:
            if row["optimizer"] != optimizer:
                continue
            values = 100 * np.array(row["validation"], float)
            kept = values[np.isfinite(values).all(axis=1)]
            lost = f" ({len(values) - len(kept)} diverged)" if len(kept) < len(values) else ""
            if not len(kept):
                continue
            mean = kept.mean(axis=0)
            error = 0 * mean
            if len(kept) > 1:
                quantile = scipy.stats.t.ppf(0.975, len(kept) - 1)
                error = quantile * kept.std(axis=0, ddof=1) / len(kept) ** 0.5
            color, label = _COLORS[row["variant"]], row["variant"] + lost
            axis.plot(row["looks"], mean, _style(row["variant"]), color=color, label=label)
            axis.fill_between(row["looks"], mean - error, mean + error, color=color, alpha=0.15)
        axis.axhline(100 * autoactivated_digits.GOAL, color="gray", linewidth=0.6, linestyle=":")
        axis.set(title=optimizer, xlabel="step")
        axis.set_ylim(80, 100)
        axis.legend(fontsize=7, ncols=2, loc="lower right")
    axes[0, 0].set(ylabel="validation accuracy in %")
    run.save_figure(figure, "digits.png")


_PARTS = flags.DEFINE_list(
    "study_parts", ["regression"], f"Which of {', '.join(PARTS)}, separated by commas."
)
_PROBLEMS = flags.DEFINE_list("study_problems", list(PROBLEMS), "Which problems of regression.")
_METHODS = flags.DEFINE_list("study_methods", list(METHODS), "Which methods of regression.")
_VARIANTS = flags.DEFINE_list(
    "study_variants", list(autoactivated_digits.VARIANTS), "Which weights of networks."
)
_NUM_SEEDS = flags.DEFINE_integer("study_seeds", 20, "Seeds of regression.", 1)
_NUM_DIGIT_SEEDS = flags.DEFINE_integer("digit_seeds", 10, "Seeds of digits.", 1)
_SIGN = flags.DEFINE_enum(
    "autoactivation_sign",
    "auto",
    SIGNS,
    "Whether maps make weights of both signs; by default where data or targets ask for it.",
)
for _name in ("dataset", "data_dir", "manual_dir", "epochs", "workdir"):
    flags.declare_key_flag(_name)


def main() -> None:
    workdir = Path(
        shared.WORKDIR.value or Path("runs") / f"autoactivation-{'-'.join(_PARTS.value)}"
    )
    sentences = study(
        _PARTS.value,
        workdir,
        problems=_PROBLEMS.value,
        methods=_METHODS.value,
        num_seeds=_NUM_SEEDS.value,
        sign=_SIGN.value,
        dataset=shared.DATASET.value,
        variants=_VARIANTS.value,
        num_digit_seeds=_NUM_DIGIT_SEEDS.value,
        epochs=shared.EPOCHS.value or 3,
        data_dir=shared.DATA_DIR.value,
        manual_dir=shared.MANUAL_DIR.value,
    )
    print((workdir / "table.md").read_text(encoding="utf-8"))
    print(*sentences, sep="\n")
    print("+, -: fewer or more steps than W x by the same optimizer, at 95 %; (n/m): seeds arrived")
    print(f"written to {workdir}/: config.json, table.md, conclusions.txt, CSV and JSON, pictures")


if __name__ == "__main__":
    app.run(main)
