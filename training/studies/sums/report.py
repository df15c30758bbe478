"""How many laws are found, and what the fits say of themselves, by number of terms."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from training.experiments import Report
from weirdonetworks.commands.figures import new_figure

CLAIMS = ("exact", "consistent", "approximate", "error")
# Of the laws found, in %, by number of terms and noise; of those that are told.
AIMS = {0: {2: 100, 3: 99, 4: 97, 6: 90}, 0.01: {2: 98, 3: 95, 4: 85, 6: 60}}


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """Tables `found` and `claims`, figure `found`."""
    runs = results["runs"]
    return Report({"found": found(runs), "claims": claims(runs)}, {"found": draw(runs)})


def _columns(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The fits of each noise, and of those all laws or the ones that rows can tell."""
    own = {}
    for (noise, laws), fits in runs.groupby(["noise", "laws"]):
        own[f"noise {noise:g}" + (f", {laws}" if noise else "")] = fits
    return own


def found(runs: pd.DataFrame) -> pd.DataFrame:
    """% of laws found, of how many, by terms and variables, beside the aims; and median seconds."""
    rows = []
    for terms in sorted(runs["terms"].unique()):
        for variables in sorted(runs["variables"].unique()):
            row = {"terms": terms, "variables": variables}
            for title, fits in _columns(runs).items():
                fits = fits[(fits["terms"] == terms) & (fits["variables"] == variables)]
                row[title] = f"{100 * fits['found'].mean():.1f} of {len(fits)}" if len(fits) else ""
            own = runs[(runs["terms"] == terms) & (runs["variables"] == variables)]
            told = own[own["laws"] == "told"]
            row["% of laws told"] = (
                f"{100 * len(told) / told['drawn'].sum():.0f}" if len(told) else ""
            )
            row["median seconds"] = f"{own['seconds'].median():.1f}"
            rows.append(row)
        aims = {f"noise {noise:g}" + (", told" if noise else ""): f">= {by_terms[terms]}"
                for noise, by_terms in AIMS.items() if terms in by_terms}  # fmt: skip
        rows.append({"terms": terms, "variables": "aim", **aims})
    columns = max(rows, key=len)
    return pd.DataFrame(rows, columns=list(columns)).fillna("")


def claims(runs: pd.DataFrame) -> pd.DataFrame:
    """Of each status, how many fits have it, and how many % of these are not the law."""
    rows = []
    for claim in CLAIMS:
        row = {"status": claim}
        for title, fits in _columns(runs).items():
            own = fits[fits["claim"] == claim]
            row[title] = str(len(own))
            row[f"{title}: % wrong"] = f"{100 * (1 - own['found'].mean()):.1f}" if len(own) else ""
        rows.append(row)
    return pd.DataFrame(rows)


def draw(runs: pd.DataFrame) -> Figure:
    """% found against the number of terms, for each kind and number of variables."""
    columns = _columns(runs)
    figure, axes = new_figure(1, len(columns), squeeze=False, figsize=(4 * len(columns), 3.4))
    for axis, (title, fits) in zip(axes[0], columns.items(), strict=True):
        for (kind, variables), own in fits.groupby(["kind", "variables"]):
            share = 100 * own.groupby("terms")["found"].mean()
            style = "o-" if kind == "posynomial" else "s--"
            axis.plot(share.index, share, style, markersize=4, label=f"{kind}, {variables}")
        axis.set(title=title, xlabel="terms", ylabel="laws found in %", ylim=(0, 104))
        axis.set_xticks(sorted(runs["terms"].unique()))
    axes[0][0].legend(title="kind, variables", fontsize=8)
    return figure
