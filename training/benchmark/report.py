"""Rates as rows, as text and as a picture."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from training.benchmark.groups import Group
from weirdonetworks.commands.figures import new_figure


def summarise(group: Group, rates: dict[str, list[float]]) -> list[dict[str, Any]]:
    """A row for each contender: median rate, spread, and median ratio within a round."""
    rows = []
    for name, own in rates.items():
        pairs = zip(rates[group.reference], own, strict=True)
        ratios = [b / a if group.faster else a / b for a, b in pairs]
        rows.append(
            {
                "contender": name,
                "rate": statistics.median(own),
                "lowest": min(own),
                "highest": max(own),
                "ratio": statistics.median(ratios),
            }
        )
    return rows


def to_text(group: Group, rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a table."""
    head = f"{'':34}{group.unit:>12}{'lowest':>12}{'highest':>12}"
    lines = [group.title, f"{head}{'peak MB':>10}  {group.ratio}"]
    for row in rows:
        numbers = "".join(f"{row[key]:12,.0f}" for key in ("rate", "lowest", "highest"))
        memory = f"{row['peak_mb']:10,.0f}" if "peak_mb" in row else f"{'':10}"
        lines.append(f"{row['contender']:34}{numbers}{memory}  {row['ratio']:.2f}")
    return "\n".join(lines)


def draw(tables: Mapping[str, Sequence[dict[str, Any]]], units: Mapping[str, str]) -> Figure:
    """A panel of bars for each group of `tables`, with the spread over the rounds."""
    size = len(tables)
    figure, axes = new_figure(1, size, figsize=(5.5 * size, 3), squeeze=False)
    for axis, (name, table) in zip(axes[0], tables.items(), strict=True):
        rows = table[::-1]
        rate = [row["rate"] for row in rows]
        spread = [
            [row["rate"] - row["lowest"] for row in rows],
            [row["highest"] - row["rate"] for row in rows],
        ]
        axis.barh([row["contender"] for row in rows], rate, xerr=spread)
        axis.set(xlabel=units[name], title=name)
    return figure
