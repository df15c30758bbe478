"""Rows of results as a table by class and as a picture."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from training.engine import workdir as results
from training.studies.feynman.laws.classify import CLASSES
from training.studies.feynman.laws.published import CAVEAT, SRBENCH

IN_REACH = CLASSES[:-1]


def rate(rows: Sequence[dict[str, Any]], holds: Callable[[dict[str, Any]], bool]) -> float | None:
    """The percentage of the rows for which it holds, None without rows."""
    return 100 * statistics.mean(map(holds, rows)) if rows else None


def to_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Rates in % of the fits, a line for each class and a column for each noise."""
    noises = sorted({row["noise"] for row in rows})
    lines = [
        f"| % of the fits | laws |{''.join(f' noise {noise:g} |' for noise in noises)}",
        f"|---|---|{'---|' * len(noises)}",
    ]

    def line(title: str, classes: Sequence[str], entry: Callable[[list[dict[str, Any]]], str]):
        own = [row for row in rows if row["class"] in classes]
        cells = [entry([row for row in own if row["noise"] == noise]) for noise in noises]
        lines.append(f"| {title} | {len({row['law'] for row in own})} | {' | '.join(cells)} |")

    def percent(holds: Callable[[dict[str, Any]], bool]) -> Callable[[list[dict[str, Any]]], str]:
        return lambda chosen: f"{rate(chosen, holds):.1f}" if chosen else "-"

    for name in IN_REACH:
        line(f"{name}: solved", [name], percent(lambda row: row["solved"]))
    line("in reach: solved", IN_REACH, percent(lambda row: row["solved"]))
    line("in reach: the law's terms", IN_REACH, percent(lambda row: row["same_terms"]))
    for status in ("exact", "consistent"):
        line(f"outside: {status}", ["outside"], percent(lambda row, s=status: row["status"] == s))
    line("all: solved", CLASSES, percent(lambda row: row["solved"]))
    line(
        "all: exact and not solved",
        CLASSES,
        percent(lambda row: row["status"] == "exact" and not row["solved"]),
    )
    line("all: refused", CLASSES, percent(lambda row: row["status"] == "error"))
    line(
        "median seconds of a fit",
        CLASSES,
        lambda chosen: f"{statistics.median(row['seconds'] for row in chosen):.2f}",
    )
    return "\n".join(lines) + "\n"


def draw(table: results.Workdir, rows: Sequence[dict[str, Any]]) -> None:
    """Rates by class and noise, and the published ones beside ours."""
    noises = sorted({row["noise"] for row in rows})
    figure, (left, middle, right) = results.new_figure(1, 3, figsize=(13, 4))

    def ours(classes: Sequence[str], holds: Callable[[dict[str, Any]], bool]) -> list[float]:
        own = [row for row in rows if row["class"] in classes]
        rates = [rate([row for row in own if row["noise"] == n], holds) for n in noises]
        return [float("nan") if value is None else value for value in rates]

    for name in IN_REACH:
        left.plot(ours([name], lambda row: row["solved"]), "o-", label=f"{name}: solved")
    for status, style in (("exact", "x--"), ("consistent", "s--")):
        values = ours(["outside"], lambda row, s=status: row["status"] == s)
        left.plot(values, style, label=f"outside: called {status}")
    left.set(title="by class", ylabel="% of the fits")
    left.legend(fontsize="small")
    for axes, column, classes, title in (
        (middle, 1, ["monomial"], "monomials"),
        (right, 0, CLASSES, "all laws"),
    ):
        axes.plot(ours(classes, lambda row: row["solved"]), "ko-", label="ours")
        for method, published in SRBENCH.items():
            values = [published.get(noise, (float("nan"),) * 2)[column] for noise in noises]
            axes.plot(values, "o:", label=f"{method} (SRBench)")
        axes.set(title=f"{title}: solved")
        axes.legend(fontsize="small")
    for axes in (left, middle, right):
        axes.set(xlabel="noise", ylim=(-3, 103), xticks=range(len(noises)))
        axes.set_xticklabels([f"{noise:g}" for noise in noises])
    figure.suptitle(CAVEAT, fontsize="small")
    table.save_figure(figure, "rates.png")
