"""The tables of an analysis, for people."""

from typing import Any

import pandas as pd

from training.report.tables import percent, summary

_SPECTRA = {
    "size": ("size", ".2f"),
    "norm": ("norm", ".2f"),
    "effective rank": ("effective_rank", ".1f"),
    "stable rank": ("stable_rank", ".1f"),
    "outliers": ("outliers", ".0f"),
    "distance": ("distance", ".3f"),
    "gaps": ("gap_ratio", ".3f"),
    "±": ("gap_error", ".3f"),
}


def to_text(report: dict[str, Any]) -> str:
    """Spectra, what is left of an alignment, and accuracies of networks drawn anew."""
    tables = [_spectra(report["spectra"])]
    if report["alignment"]:
        left = pd.DataFrame(report["alignment"]).rename(columns={"what": "what is left of"})
        for column in ("aligned", "unaligned", "random"):
            left[column] = [_number(value, ".4f", "") for value in left[column]]
        tables.append(left)
    texts = [f"{table.to_string(index=False)}\n" for table in tables]
    texts.append(_samples(report["samples"]))
    return "\n".join(texts)


def _number(value: Any, form: str, missing: str) -> str:
    return missing if pd.isna(value) else f"{value:{form}}"


def _spectra(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    shown = frame[["run", "state", "layer"]].copy()
    shown["in x out"] = [f"{row['inputs']} x {row['outputs']}" for row in rows]
    for title, (column, form) in _SPECTRA.items():
        shown[title] = [_number(value, form, "-") for value in frame[column]]
    return shown


def _samples(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "no networks are drawn: that takes a hidden layer, and a bias in the last one\n"
    columns = {f"{split} %": (f"{split}_accuracy", percent) for split in ("validation", "test")}
    found = summary(pd.DataFrame(rows), ["run", "hidden", "head"], columns)
    return f"{found.to_string(index=False)}\n"
