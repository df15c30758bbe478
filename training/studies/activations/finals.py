"""Who meets on full data: the best of the heats, by validation accuracy."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

FINALISTS = 5
ALWAYS = ("relu", "gelu")


def heats(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """All activations in all networks on the first data set."""
    return _cells(axes, axes["dataset"][:1], axes["activation"])


def finals(rows: Sequence[Row], axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The finalists of these rows of the heats in all networks on the further data sets."""
    return _cells(axes, axes["dataset"][1:], finalists(rows))


def _cells(axes, datasets, activations) -> list[dict[str, Any]]:
    cells = itertools.product(datasets, axes["network"], activations)
    return [dict(zip(("dataset", "network", "activation"), cell, strict=True)) for cell in cells]


def finalists(rows: Sequence[Row]) -> list[str]:
    """`ALWAYS`, and of the others the first `FINALISTS` of the ranking of the heats."""
    return [*ALWAYS, *[name for name in ranking(rows) if name not in ALWAYS][:FINALISTS]]


def ranking(rows: Sequence[Row]) -> list[str]:
    """The activations by their mean validation accuracy over all runs of these rows, the best
    first; those of which a run diverged, or has not been made, behind all others."""
    runs: dict[str, list[Row]] = {}
    for row in rows:
        runs.setdefault(row["activation"], []).append(row)
    complete = max(map(len, runs.values()), default=0)

    def key(name: str) -> tuple[bool, float]:
        done = [row["validation_accuracy"] for row in runs[name] if row["status"] == "done"]
        return len(done) < complete, -statistics.mean(done or [0.0])

    return sorted(runs, key=key)
