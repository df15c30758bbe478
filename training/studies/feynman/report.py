"""Rates by class and noise, and those that were published for other methods."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from training.experiments import Report
from training.fitting.laws.classify import CLASSES
from training.studies.feynman.published import CAVEAT, SRBENCH
from weirdonetworks.commands.figures import new_figure

IN_REACH = CLASSES[:-1]


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """Tables `rates` and `published`, figure `rates`."""
    found = rates(results["runs"]) if "runs" in results else results["transcribed"]
    return Report({"rates": found, "published": published(found)}, {"rates": draw(found)})


def rates(runs: pd.DataFrame) -> pd.DataFrame:
    """Percentages of the fits, a row for each class and a column for each noise."""
    noises, rows = sorted(runs["noise"].unique()), []

    def row(title: str, classes: Sequence[str], entry: Callable[[pd.DataFrame], str]) -> None:
        own = runs[runs["class"].isin(classes)]
        cells = {_column(noise): entry(own[own["noise"] == noise]) for noise in noises}
        rows.append({"% of the fits": title, "laws": own["law"].nunique(), **cells})

    def percent(holds: Callable[[pd.DataFrame], Any]) -> Callable[[pd.DataFrame], str]:
        return lambda fits: f"{100 * holds(fits).mean():.1f}" if len(fits) else ""

    solved = percent(lambda fits: fits["solved"])
    for name in IN_REACH:
        row(f"{name}: solved", [name], solved)
    row("in reach: solved", IN_REACH, solved)
    row("in reach: the law's terms", IN_REACH, percent(lambda fits: fits["same_terms"]))
    for claim in ("exact", "consistent"):
        row(f"outside: {claim}", ["outside"], percent(lambda fits, c=claim: fits["claim"] == c))
    row("all: solved", CLASSES, solved)
    exact = percent(lambda fits: (fits["claim"] == "exact") & ~fits["solved"])
    row("all: exact and not solved", CLASSES, exact)
    row("all: refused", CLASSES, percent(lambda fits: fits["claim"] == "error"))
    row("median seconds of a fit", CLASSES, lambda fits: f"{fits['seconds'].median():.2f}")
    return pd.DataFrame(rows)


def _column(noise: float) -> str:
    return f"noise {noise:g}"


def _noises(found: pd.DataFrame) -> list[float]:
    return [float(column.removeprefix("noise ")) for column in found if column.startswith("noise ")]


def _ours(found: pd.DataFrame, title: str) -> list[float]:
    """A row of the rates."""
    row = found[found["% of the fits"] == title].iloc[0]
    return [_number(row[_column(noise)]) for noise in _noises(found)]


def _number(cell: str | float) -> float:
    """NaN for an empty cell."""
    return float("nan") if cell == "" else float(cell)


def published(found: pd.DataFrame) -> pd.DataFrame:
    """SRBench's rates of its methods beside ours: of the 38 monomials, and of all laws."""
    noises, rows = _noises(found), []
    for laws, title, place in (("monomials", "monomial: solved", 1), ("all", "all: solved", 0)):
        for method, theirs in {"ours": None, **SRBENCH}.items():
            values = _ours(found, title) if theirs is None else [
                theirs.get(noise, (float("nan"),) * 2)[place] for noise in noises
            ]  # fmt: skip
            cells = {
                _column(noise): "" if value != value else f"{value:.1f}"
                for noise, value in zip(noises, values, strict=True)
            }
            rows.append({"% solved of": laws, "method": method, **cells})
    return pd.DataFrame(rows)


def draw(found: pd.DataFrame):
    """Rates by class and noise, and the published ones beside ours."""
    noises, beside = _noises(found), published(found)
    figure, (left, middle, right) = new_figure(1, 3, figsize=(13, 4))
    for name in IN_REACH:
        left.plot(_ours(found, f"{name}: solved"), "o-", label=f"{name}: solved")
    for claim, style in (("exact", "x--"), ("consistent", "s--")):
        left.plot(_ours(found, f"outside: {claim}"), style, label=f"outside: called {claim}")
    left.set(title="by class", ylabel="% of the fits")
    left.legend(fontsize="small")
    for axis, laws, title in ((middle, "monomials", "monomials"), (right, "all", "all laws")):
        for _, row in beside[beside["% solved of"] == laws].iterrows():
            values = [_number(row[_column(noise)]) for noise in noises]
            own = row["method"] == "ours"
            label = "ours" if own else f"{row['method']} (SRBench)"
            axis.plot(values, "ko-" if own else "o:", label=label)
        axis.set(title=f"{title}: solved")
        axis.legend(fontsize="small")
    for axis in (left, middle, right):
        axis.set(xlabel="noise", ylim=(-3, 103), xticks=range(len(noises)))
        axis.set_xticklabels([f"{noise:g}" for noise in noises])
    figure.suptitle(CAVEAT, fontsize="small")
    return figure
