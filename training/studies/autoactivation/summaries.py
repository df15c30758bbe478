"""Medians over seeds, ratios to plain weights, and what they say."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats

from training.report.statistics import bootstrap
from training.studies.autoactivation.problems import DATA, MAPS, OPTIMIZERS, PROBLEMS, ROWS, TARGETS

_LARGEST = 50.0  # of logarithms of ratios: never against some number of steps, and the reverse
_DRAWS = {"n_resamples": 2000}
_MARKS = {"faster": " +", "slower": " -"}


def never_as_infinite(steps: Sequence[int]) -> np.ndarray:
    """Steps with runs that did not arrive, told as -1, as infinitely many."""
    steps = np.asarray(steps, float)
    return np.where(steps < 0, np.inf, steps)


def median(steps: Sequence[int]) -> float:
    """The median: inf where the upper one of the middle two did not arrive."""
    return float(np.percentile(never_as_infinite(steps), 50, method="higher"))


def told(steps: float) -> str:
    """For people."""
    return "never" if np.isinf(steps) else f"{steps:.0f}"


def interval(steps: Sequence[int]) -> tuple[float, float]:
    """The 95 % interval of the median, by the bootstrap; inf where it did not arrive.

    NaN for a single seed.
    """
    if len(steps) < 2:
        return np.nan, np.nan
    logs = np.minimum(np.log(np.maximum(never_as_infinite(steps), 1)), _LARGEST)
    low, high = np.exp(bootstrap(logs, np.median, **_DRAWS))
    limit = np.exp(_LARGEST / 2)
    return tuple(np.inf if value > limit else float(value) for value in (low, high))


def ratios(steps: Sequence[int], base: Sequence[int]) -> tuple[float, float, float]:
    """By how much fewer steps than the base a method needs: median over the seeds, 95 % interval.

    Both have the same problem for each seed. A run that did not arrive counts as never: infinite
    steps; where neither arrives, there is no difference. Of an even number, the median is the
    geometric mean of the middle two. The interval is the bootstrap's, NaN for a single seed.
    """
    a, b = (np.log(np.maximum(never_as_infinite(s), 1)) for s in (steps, base))
    with np.errstate(invalid="ignore"):
        logs = np.where(np.isinf(a) & np.isinf(b), 0.0, b - a)
    logs = np.clip(logs, -_LARGEST, _LARGEST)
    center = np.median(logs)
    low, high = bootstrap(logs, np.median, **_DRAWS) if len(logs) > 1 else (np.nan, np.nan)
    return tuple(float(np.exp(value)) for value in (center, low, high))


def verdict(low: float, high: float) -> str:
    """`faster`, `slower` or `same`, by the interval of the ratio."""
    return "faster" if low > 1 else "slower" if high < 1 else "same"


def summarize(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each problem, method and optimizer, with ratios to `plain` by the same one."""
    steps = steps_of(runs)
    by, rows = ["problem", "method", "optimizer"], []
    for (problem, method, optimizer), own in runs.groupby(by, sort=False):
        row = {
            "problem": problem,
            "method": method,
            "optimizer": optimizer,
            "rate": own["rate"].iloc[0],
            "rate_at_edge": bool(own["rate_at_edge"].iloc[0]),
            "seeds": len(own),
            "solved": int((own["steps"] >= 0).sum()),
            "steps": median(own["steps"]),
            "diverged": int(own["diverged"].sum()),
            **early_loss(own["early_loss"]),
        }
        plain = steps.get((problem, "plain", optimizer))
        if plain is not None:
            center, low, high = ratios(*paired(steps[problem, method, optimizer], plain))
            row |= {"ratio": center, "ratio_low": low, "ratio_high": high}
            row["verdict"] = verdict(low, high)
        rows.append(row)
    return pd.DataFrame(rows)


def early_loss(losses: Sequence[float]) -> dict[str, float]:
    """The geometric mean of losses, with the 95 % interval of Student's t of their logarithms."""
    logs = np.log10(np.asarray(losses, float))
    spread = 0.0
    if len(logs) > 1:
        quantile = scipy.stats.t.ppf(0.975, len(logs) - 1)
        spread = quantile * logs.std(ddof=1) / len(logs) ** 0.5
    names = ("early_low", "early_loss", "early_high")
    places = (logs.mean() - spread, logs.mean(), logs.mean() + spread)
    return {name: float(10**place) for name, place in zip(names, places, strict=True)}


def steps_of(runs: pd.DataFrame) -> dict[tuple[str, str, str], pd.Series]:
    """Steps by seed, of each problem, method and optimizer."""
    groups = runs.groupby(["problem", "method", "optimizer"], sort=False)
    return {key: own.set_index("seed")["steps"] for key, own in groups}


def paired(steps: pd.Series, base: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Those of the seeds that both have."""
    seeds = steps.index.intersection(base.index)
    return steps.loc[seeds].to_numpy(), base.loc[seeds].to_numpy()


def cell(row: pd.Series) -> str:
    """Median steps, how many seeds arrive if not all do, and the verdict."""
    share = "" if row["solved"] == row["seeds"] else f" ({row['solved']}/{row['seeds']})"
    mark = _MARKS.get(row.get("verdict"), "") if row["method"] != "plain" else ""
    return f"{told(row['steps'])}{share}{mark}"


def by_method(summary: pd.DataFrame, optimizer: str) -> pd.DataFrame:
    """Median steps with verdicts: a row for each problem, a column for each method."""
    rows = []
    for problem, own in summary[summary["optimizer"] == optimizer].groupby("problem", sort=False):
        cells = {row["method"]: cell(row) for _, row in own.iterrows()}
        rows.append({"problem": problem, **cells})
    return pd.DataFrame(rows)


def early(summary: pd.DataFrame) -> pd.DataFrame:
    """The loss at a tenth of the budget, at rates of its own: a column for each method."""
    rows = []
    for (problem, optimizer), own in summary.groupby(["problem", "optimizer"], sort=False):
        cells = {row["method"]: f"{row['early_loss']:.1e}" for _, row in own.iterrows()}
        rows.append({"problem": problem, "optimizer": optimizer, **cells})
    return pd.DataFrame(rows)


def against(runs: pd.DataFrame, method: str, base: str) -> list[dict[str, Any]]:
    """On how many problems a method is faster, as fast or slower than another, by optimizer."""
    steps, rows = steps_of(runs), []
    for optimizer in OPTIMIZERS:
        counts = {"faster": 0, "same": 0, "slower": 0}
        for problem in runs["problem"].unique():
            pair = [steps.get((problem, name, optimizer)) for name in (method, base)]
            if all(own is not None for own in pair):
                _, low, high = ratios(*paired(*pair))
                counts[verdict(low, high)] += 1
        if sum(counts.values()):
            rows.append({"method": method, "base": base, "optimizer": optimizer, **counts})
    return rows


def comparisons(runs: pd.DataFrame) -> pd.DataFrame:
    """`against` for plain weights, and for those of the starts that may explain a difference."""
    rows = []
    controls = ("plain zero", "plain log-normal", "plain own rates")
    for method in ("exp", "square", *controls, "EGU", "EG"):
        rows += against(runs, method, "plain")
    for method in ("exp", "square"):
        for base in ("plain log-normal", "plain zero"):
            rows += against(runs, method, base)
    columns = ["method", "base", "optimizer", "faster", "same", "slower"]
    return pd.DataFrame(rows, columns=columns)


def gains(summary: pd.DataFrame, method: str = "exp") -> pd.DataFrame:
    """Steps of W x over those of a method, geometric means over problems of one kind."""
    rows = []
    for data in DATA:
        for target in TARGETS:
            for how in ROWS:
                names = [n for n, p in PROBLEMS.items()
                         if (p.data, p.target, p.rows) == (data, target, how)]  # fmt: skip
                own = summary[summary["problem"].isin(names) & (summary["method"] == method)]
                means = {
                    optimizer: f"{np.exp(np.log(some['ratio'].clip(1e-3, 1e3)).mean()):.2g}"
                    for optimizer, some in own.groupby("optimizer", sort=False)
                }
                if means:
                    rows.append({"data": data, "target": target, "rows": how, **means})
    return pd.DataFrame(rows)


def online(summary: pd.DataFrame, optimizer: str = "sgd") -> pd.DataFrame:
    """Steps row by row, by the number of inputs."""
    rows = []
    own = summary[(summary["optimizer"] == optimizer) & summary["problem"].str.endswith("-online")]
    for data in DATA:
        for target in TARGETS:
            for method in own["method"].unique():
                cells = {}
                for n in (8, 64, 512):
                    name = f"{data}-{target}-{n}-online"
                    found = own[(own["problem"] == name) & (own["method"] == method)]
                    if len(found):
                        cells[f"{n} inputs"] = told(found["steps"].iloc[0])
                if cells:
                    rows.append({"data": data, "target": target, "method": method, **cells})
    return pd.DataFrame(rows)


def geometry(runs: pd.DataFrame) -> pd.DataFrame:
    """How well A, moved by phi'^2 times its gradient at the rates of SGD, tells the steps."""
    rows = []
    chosen = {"exp": ["exp"], "square": ["square"]}
    chosen["all maps but the identity"] = [name for name in MAPS if name != "identity"]
    for kind, how in (("moving", "at each step anew"), ("frozen", "frozen at the target")):
        for name, methods in chosen.items():
            pairs = runs[runs["method"].isin(methods) & runs[kind].notna()]
            both = pairs[(pairs[kind] >= 0) & (pairs["steps"] >= 0)]
            if not len(both):
                continue
            a, b = (np.log(both[column].clip(lower=1).astype(float)) for column in (kind, "steps"))
            near = float(np.mean(np.abs(a - b) < np.log(1.1)))
            row = {"phi'^2": how, "method": name, "runs": len(pairs)}
            row |= {"arrive": int((pairs["steps"] >= 0).sum()), "so, too": len(both)}
            rows.append({**row, "within 10 %": f"{near:.0%}"})
    return pd.DataFrame(rows)


def scales(frame: pd.DataFrame) -> pd.DataFrame:
    """Medians over the seeds for targets of each size."""
    rows = []
    for (method, scale), own in frame.groupby(["method", "scale"], sort=False):
        rows.append(
            {
                "method": method,
                "targets": f"{scale:g}",
                "steps at 0.01": told(median(own["steps"])),
                "the way over the rate": f"{own['way'].median():.0f}",
                "own rate": f"{own['own_rate'].iloc[0]:.3g}",
                "steps at its own rate": told(median(own["own_steps"])),
            }
        )
    return pd.DataFrame(rows)


def one_rate(frame: pd.DataFrame) -> pd.DataFrame:
    """Median steps of each method at each rate, one for all methods."""
    rows = []
    for key, own in frame.groupby(["problem", "optimizer", "method"], sort=False):
        cells = {f"{rate:.2g}": told(median(some["steps"])) for rate, some in own.groupby("rate")}
        rows.append({**dict(zip(("problem", "optimizer", "method"), key, strict=True)), **cells})
    return pd.DataFrame(rows)
