"""What comparisons share: the choice of a learning rate, and which differences are none."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.stats

LEVEL = 0.05
CHOICE_SEED = 1000  # of the runs that choose a rate, whose test accuracy nobody reads


def chosen_rate(choices: Sequence[Mapping[str, Any]]) -> float | None:
    """The rate of the run with the best validation accuracy, the smallest of equals.

    Runs are rows with learning_rate, validation_accuracy and status; None if none is "done".
    """
    done = [row for row in choices if row["status"] == "done"]
    if not done:
        return None
    best = min(done, key=lambda row: (-row["validation_accuracy"], row["learning_rate"]))
    return best["learning_rate"]


def welch(a: Sequence[float], b: Sequence[float]) -> float:
    """The two-sided p of Welch's test that two samples have one mean; 1 where it cannot tell."""
    if len(a) < 2 or len(b) < 2:
        return 1.0
    # From moments: of the samples, SciPy would warn where one hardly varies.
    moments = [value for x in (a, b) for value in (np.mean(x), np.std(x, ddof=1), len(x))]
    if not np.ptp(a) and not np.ptp(b):
        return float(a[0] == b[0])
    return float(scipy.stats.ttest_ind_from_stats(*moments, equal_var=False).pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """p values adjusted for their number, by Holm's step-down procedure."""
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted


def verdicts(pairs: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> str:
    """Names of (values, base) with their differences, by what Welch's test says of each pair.

    "better A (+0.50); not told apart none; worse B (-0.20), C (-0.30)", by the test at 5 %,
    adjusted by Holm for the number of pairs. Few values tell little apart: not told apart is not
    equal.
    """
    names: dict[str, list[str]] = {"better": [], "not told apart": [], "worse": []}
    adjusted = holm([welch(*pair) for pair in pairs.values()])
    for (name, (values, base)), p in zip(pairs.items(), adjusted, strict=True):
        difference = statistics.mean(values) - statistics.mean(base)
        better, worse = p < LEVEL and difference > 0, p < LEVEL and difference < 0
        verdict = "better" if better else "worse" if worse else "not told apart"
        names[verdict].append(f"{name} ({difference:+.2f})")
    return "; ".join(f"{verdict} {', '.join(of) or 'none'}" for verdict, of in names.items())
