"""Laws solved by each method, and our errors beside those of a fit of the given form."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from training.experiments import Report
from training.fitting.laws.classify import CLASSES

METHODS = ("ours", "gplearn", "operon")
IN_REACH = CLASSES[:-1]
# What our errors may be, over those of curve_fit.
AIM = 1.1
ERRORS = {"relative_error": "values on new rows", "constants_error": "worst constant"}
# Laws that the table `worst` names, at each noise.
_WORST = 5


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """The tables `solved`, `outside`, `accuracy` and `worst`."""
    runs = results["runs"]
    return Report({
        "solved": solved(runs),
        "outside": outside(runs),
        "accuracy": accuracy(runs),
        "worst": worst(runs),
    })  # fmt: skip


def solved(runs: pd.DataFrame) -> pd.DataFrame:
    """For each noise and class, how many laws each method solved, and its median CPU seconds.

    Of those outside of its family, which it is not given, the regression has no number.
    """
    rows = []
    for noise, own in runs.groupby("noise"):

        def row(title: str, classes: Sequence[str], own=own, noise=noise) -> None:
            tried = own[own["class"].isin(classes)]
            if len(tried):
                solved = {m: tried[tried["method"] == m]["solved"] for m in METHODS}
                cells = {m: str(found.sum()) if len(found) else "" for m, found in solved.items()}
                laws = tried["law"].nunique()
                rows.append({"noise": f"{noise:g}", "laws solved": title, "of": laws, **cells})

        for name in IN_REACH:
            row(name, [name])
        row("in reach", IN_REACH)
        row("outside", [CLASSES[-1]])
        row("all", CLASSES)
        seconds = own.groupby("method")["seconds"].median()
        cells = {m: f"{seconds[m]:.1f}" for m in METHODS if m in seconds}
        rows.append({"noise": f"{noise:g}", "laws solved": "median seconds", "of": "", **cells})
    return pd.DataFrame(rows)


def outside(runs: pd.DataFrame) -> pd.DataFrame:
    """The laws outside of our family that each method solved, by noise."""
    rows = []
    for noise, own in runs[runs["class"] == CLASSES[-1]].groupby("noise"):
        for method in METHODS[1:]:
            found = own[(own["method"] == method) & own["solved"]]["law"]
            names = ", ".join(found) or "none"
            rows.append({"noise": f"{noise:g}", "method": method, "outside, solved": names})
    return pd.DataFrame(rows, columns=["noise", "method", "outside, solved"])


def beside(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each law in reach with noise: both errors of curve_fit and ours, and their ratios.

    Errors of constants, and all ratios, are NaN where our fit does not have the law's terms.
    """
    runs = runs[(runs["class"] != CLASSES[-1]) & (runs["noise"] > 0)]
    keys = ["law", "noise", "seed"]
    columns = [*keys, "same_terms", *ERRORS]
    ours, theirs = (runs[runs["method"] == method][columns] for method in ("ours", "curve_fit"))
    both = ours.merge(theirs, on=keys, suffixes=("", "_bound"))
    for error in ERRORS:
        bound = pd.to_numeric(both[f"{error}_bound"])
        ratio = pd.to_numeric(both[error]) / bound
        both[f"{error}_ratio"] = ratio.where(both["same_terms"].astype(bool))
    return both


def accuracy(runs: pd.DataFrame) -> pd.DataFrame:
    """Our errors over those of curve_fit, a row for each noise and kind of error.

    `together` is the ratio of the roots of the mean squares over all these laws.
    """
    rows = []
    for noise, own in beside(runs).groupby("noise"):
        for error, title in ERRORS.items():
            right = own[own[f"{error}_ratio"].notna()]
            ratio = right[f"{error}_ratio"]
            mean = [
                np.sqrt(np.mean(pd.to_numeric(right[column]) ** 2))
                for column in (error, f"{error}_bound")
            ]
            rows.append({
                "noise": f"{noise:g}",
                "our error over curve_fit's": title,
                "laws": f"{len(right)} of {len(own)}",
                f"<= {AIM}, %": f"{100 * np.mean(ratio <= AIM):.1f}",
                "median": f"{ratio.median():.3f}",
                "largest": f"{ratio.max():.3f}",
                "together": f"{mean[0] / mean[1]:.3f}",
            })  # fmt: skip
    return pd.DataFrame(rows)


def worst(runs: pd.DataFrame) -> pd.DataFrame:
    """The laws with the largest ratios of errors of values, and their errors."""
    rows = []
    for noise, own in beside(runs).groupby("noise"):
        own = own.dropna(subset="relative_error_ratio")
        for _, law in own.nlargest(_WORST, "relative_error_ratio").iterrows():
            cells = {"noise": f"{noise:g}", "law": law["law"]}
            for error, title in ERRORS.items():
                cells[f"{title}: ours"] = f"{float(law[error]):.2e}"
                cells[f"{title}: curve_fit"] = f"{float(law[f'{error}_bound']):.2e}"
            rows.append({**cells, "ratio of values": f"{law['relative_error_ratio']:.3f}"})
    return pd.DataFrame(rows)
