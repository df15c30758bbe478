"""Which differences are differences: Welch's test, Holm's adjustment, intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats

from training.report.tables import mean_and_spread

LEVEL = 0.05


def welch(a: Sequence[float], b: Sequence[float]) -> float:
    """The two-sided p of Welch's test that two samples have one mean; 1 where it cannot tell."""
    if len(a) < 2 or len(b) < 2:
        return 1.0
    if not np.ptp(a) and not np.ptp(b):
        return float(a[0] == b[0])
    # From moments: of the samples, SciPy would warn where one hardly varies.
    moments = [value for x in (a, b) for value in (np.mean(x), np.std(x, ddof=1), len(x))]
    return float(scipy.stats.ttest_ind_from_stats(*moments, equal_var=False).pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """p values adjusted for their number, by Holm's step-down procedure."""
    from statsmodels.stats.multitest import multipletests

    return [float(value) for value in multipletests(p, method="holm")[1]] if len(p) else []


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a rate, of k successes in n trials.

    Raises:
      ValueError: no trials, successes that are not 0 .. trials, or a confidence outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence!r}")
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(
            f"successes must be in 0 .. trials and trials >= 1, got {successes} of {trials}"
        )
    test = scipy.stats.binomtest(int(successes), int(trials))
    interval = test.proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap(values: Sequence[float], statistic=np.mean, seed: int = 0, **settings: Any):
    """(low, high): the percentile interval of a statistic, at 95 % if not said otherwise."""
    settings = {"confidence_level": 0.95, "method": "percentile", "n_resamples": 9999} | settings
    found = scipy.stats.bootstrap(
        (np.asarray(values, float),), statistic, rng=np.random.default_rng(seed), **settings
    ).confidence_interval
    return float(found.low), float(found.high)


def verdicts(
    frame: pd.DataFrame,
    baseline: Mapping[str, Any],
    metric: str = "test_accuracy",
    by: Sequence[str] = (),
    scale: float = 100.0,
    digits: int = 2,
    together: Sequence[str] | None = None,
) -> pd.DataFrame:
    """What Welch's test says of each group against the baseline's, a row each.

    Rows of `frame` are runs; those of a status other than "done" are left out. Groups are those of
    the columns of `baseline` ({column: value}), compared within equal `by`, and p values are
    adjusted by Holm for the comparisons within it, or for all within equal `together`, some of the
    columns of `by`. Few values tell little apart: "not told apart" is not "equal".

    Returns the columns of `by` and of the baseline, seeds, mean (± sample standard deviation, times
    `scale`), difference, p (adjusted) and verdict: better, worse or not told apart, for a metric of
    which more is better.
    """
    if "status" in frame:
        frame = frame[frame["status"] == "done"]
    of, chosen, rows = list(baseline), tuple(baseline.values()), []
    compared: dict[tuple, list[tuple[dict[str, Any], float, float]]] = {}
    for key, part in frame.groupby(list(by), sort=False) if len(by) else [((), frame)]:
        cell = dict(zip(by, key, strict=True))
        own = {
            name if isinstance(name, tuple) else (name,): scale * group[metric].to_numpy(float)
            for name, group in part.groupby(of, sort=False)
        }
        base = own.get(chosen)
        for name, values in own.items():
            row = {**cell, **dict(zip(of, name, strict=True)), "seeds": len(values)}
            row["mean"] = mean_and_spread(values, digits)
            if name == chosen:
                row |= {"difference": "", "p": "", "verdict": "baseline"}
            elif base is not None:
                difference = values.mean() - base.mean()
                row["difference"] = f"{difference:+.{digits}f}"
                kept = tuple(cell[column] for column in (by if together is None else together))
                compared.setdefault(kept, []).append((row, difference, welch(values, base)))
            rows.append(row)
    for found in compared.values():
        for (row, difference, _), p in zip(found, holm([one[2] for one in found]), strict=True):
            told = "better" if difference > 0 else "worse"
            row |= {"p": f"{p:.2g}", "verdict": told if p < LEVEL else "not told apart"}
    return pd.DataFrame(rows)
