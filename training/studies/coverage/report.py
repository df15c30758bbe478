"""Errors in units of those that were stated, by status, beside what they should be."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from training.experiments import Report
from weirdonetworks.commands.figures import new_figure

CLAIMS = ("exact", "consistent", "approximate", "error")
ALL = "all"
# What a normal distribution exceeds in 4.6, 0.27 and 0.00006 %.
LIMITS = (2, 3, 5)
# For what is called consistent, in %.
AIMS = {
    "wrong terms": "<= 2",
    **dict(zip((f"z > {limit}" for limit in LIMITS), ("<= 7", "<= 1.5", "<= 0.2"), strict=True)),
    "real told as fraction": "<= 3",
}
SINGLE_TERM_AIM = ">= 80"


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """Tables `claims`, `single_term` and `right_noise`, figure `quantiles`."""
    runs = results["runs"]
    single = runs[runs["terms"] == 1]
    right = shares(single[single["right_noise"]])
    right.loc[len(right)] = ["aim", *[""] * (len(right.columns) - 2), SINGLE_TERM_AIM]
    tables = {"claims": claims(runs), "single_term": shares(single), "right_noise": right}
    return Report(tables, {"quantiles": draw(runs)})


def numbers(runs: pd.DataFrame) -> np.ndarray:
    """|z| of all exponents and constants of these fits."""
    if "z" not in runs:
        return np.empty(0)
    return np.abs([float(z) for words in runs["z"].dropna() for z in str(words).split()])


def claims(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each status with what its fits are in %, and the aims for those consistent."""
    rows = []
    for claim in CLAIMS:
        own = runs[runs["claim"] == claim]
        if not len(own):
            rows.append({"% of status": claim, "laws": "0"})
            continue
        z = numbers(own)
        told = {name: own[name].sum() if name in own else 0 for name in _TOLD}
        rows.append({
            "% of status": claim,
            "laws": f"{len(own):,}",
            "wrong terms": _percent(np.sum(~own["right_terms"]), len(own)),
            "numbers": f"{len(z):,}",
            **{f"z > {limit}": _percent(np.sum(z > limit), len(z), 2) for limit in LIMITS},
            "real told as fraction": _percent(told["real_told"], told["real"]),
            "fractions told": _percent(told["fractions_told"], told["fractions"]),
            "fractions told wrongly": _percent(told["fractions_wrong"], told["fractions"]),
            "median seconds": f"{own['seconds'].median():.2f}",
        })  # fmt: skip
        if claim == "consistent":
            rows.append({"% of status": "consistent: aim", **AIMS})
    columns = max(rows, key=len)  # of a status that has laws
    return pd.DataFrame(rows, columns=list(columns)).fillna("")


_TOLD = ("real", "real_told", "fractions", "fractions_told", "fractions_wrong")


def _percent(part: float, whole: float, digits: int = 1) -> str:
    return f"{100 * part / whole:.{digits}f}" if whole else ""


def shares(runs: pd.DataFrame) -> pd.DataFrame:
    """By noise and number of rows, how many % of these fits are consistent, of how many."""
    lengths = sorted(runs["rows"].unique())
    noises = [*runs["noise"].unique(), ALL]

    def cell(noise: str, length: int | None) -> str:
        own = runs[(runs["noise"] == noise) | (noise == ALL)]
        own = own if length is None else own[own["rows"] == length]
        share = _percent(np.sum(own["claim"] == "consistent"), len(own), 0)
        return f"{share} of {len(own)}" if len(own) else ""

    return pd.DataFrame([
        {"% consistent": noise, **{f"{n} rows": cell(noise, n) for n in lengths},
         ALL: cell(noise, None)}
        for noise in noises
    ])  # fmt: skip


def draw(runs: pd.DataFrame) -> Figure:
    """Quantiles of |z| that is not 0 against those of a normal distribution: by status; by noise.

    Numbers told exactly, as fractions, are left out. Above 10, points are beyond the picture.
    """
    figure, (left, right) = new_figure(1, 2, figsize=(10, 4.4))
    consistent = runs[runs["claim"] == "consistent"]
    groups = (
        (left, "by status", [(claim, runs[runs["claim"] == claim]) for claim in CLAIMS]),
        (right, "consistent, by noise", list(consistent.groupby("noise", sort=False))),
    )
    for axis, title, members in groups:
        axis.plot([0, 4], [0, 4], "k--", linewidth=1, label="normal")
        for name, own in members:
            z = numbers(own)
            z = np.sort(z[z > 0])
            if len(z):
                expected = stats.halfnorm.ppf((np.arange(len(z)) + 0.5) / len(z))
                axis.plot(expected, z, ".-", markersize=2, linewidth=0.7, label=name)
        axis.set(title=title, xlabel="|z| of a normal distribution", ylabel="|z|")
        axis.set(xlim=(0, 4), ylim=(0, 10))
        axis.legend()
    return figure
