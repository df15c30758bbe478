"""By which power of the number of tokens the seconds and the memory of attention grow."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

STARTS = (128, 512)  # the fewest tokens of a fit
COLUMNS = ("form", "from", "to", "seconds", "memory")


def growth(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each form and each of STARTS: powers by least squares on the logarithms.

    Args:
      rows: those of contenders "FORM, TOKENS", with rates in tokens a second, and peak_mb if it was
        measured.
    """
    forms: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    for row in rows:
        form, tokens = row["contender"].rsplit(", ", 1)
        forms.setdefault(form, []).append((int(tokens.replace(",", "")), row))
    found = []
    for form, measured in forms.items():
        for first in STARTS:
            part = [(n, row) for n, row in measured if n >= first]
            if len(part) < 2:
                continue
            tokens = [n for n, _ in part]
            one = {"form": form, "from": min(tokens), "to": max(tokens)}
            one["seconds"] = _power(tokens, [n / row["rate"] for n, row in part])
            if all("peak_mb" in row for _, row in part):
                one["memory"] = _power(tokens, [row["peak_mb"] for _, row in part])
            found.append(one)
    return found


def _power(tokens: Sequence[int], values: Sequence[float]) -> float:
    return float(np.polyfit(np.log(tokens), np.log(values), 1)[0])
