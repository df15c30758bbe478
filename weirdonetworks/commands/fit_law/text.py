"""A fitted law in words."""

from collections.abc import Mapping
from typing import Any

# How errors were taken, by the model of the noise.
_SPREAD = {
    "absolute": "of one size",
    "relative": "in proportion to it",
    "mixed": "of one size and in proportion to it",
    "measured": "they are given",
}


def to_text(law: Mapping[str, Any]) -> str:
    """The law and what it rests on, in words, from what law.json holds."""
    evidence, rows = law["evidence"], law["rows"]
    table = [["", "constant", *law["box"]]]
    for i, term in enumerate(law["terms"], 1):
        exponents = [
            _exponent(a, term["free_exponents"][name]) + _error(term["exponent_errors"][name])
            for name, a in term["exponents"].items()
        ]
        constant = f"{term['coefficient']:.6g}{_error(term['coefficient_error'])}"
        table.append([f"term {i}", constant, *exponents])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [law["formula"], ""]
    for first, *others in table:
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("   ".join([f"{first:{widths[0]}}", *cells]))
    if law["power"] != "1":
        power = law["power"] if law["power"].isdecimal() else f"({law['power']})"
        lines.append(f"terms of {law['target']}^{power}")
    lines += [
        "± standard errors; of a fraction, those of the exponent = ... that it would have free",
        "",
        f"status      {law['status']}: {evidence['reason']}",
    ]
    if evidence["test"] is not None:
        lines.append(
            f"test        {evidence['test']}, p = {evidence['p_value']:.2g} "
            f"({rows['fitted']} rows, {evidence['parameters']} parameters)"
        )
    spread = _SPREAD[law["noise"]]
    errors = [f"{_percent(evidence['relative_error'])} of {law['target']} where fitted"]
    if rows["held_out"]:
        errors.append(f"{_percent(law['held_out_error'])} on {rows['held_out']} rows held out")
    lines.append(f"errors      {', '.join(errors)}; taken as {spread}")
    if law["outliers"]:
        said = ", ".join(str(row) for row in law["outliers"][:20])
        said += ", ..." if len(law["outliers"]) > 20 else ""
        lines.append(f"outliers    rows {said}")
    if evidence.get("chi_square") is not None:
        lines.append(f"chi square  {evidence['chi_square']:.3g} a degree of freedom")
    if rows["dropped"]:
        lines.append(f"dropped     {rows['dropped']} rows with missing values")
    if law["index_left_out"]:
        lines.append("left out    the first column, which counts the rows")
    if law["units"]:
        lines += [f"units       {part}" for part in law["units"]["message"].split("; ")]
    for name, (low, high) in law["box"].items():
        lines.append(f"known for   {name} from {low:.6g} to {high:.6g}")
    return "\n".join(lines) + "\n"


def _exponent(exponent: str | float, free: float | None) -> str:
    """A float, or a fraction with what the exponent is where it is free."""
    if not isinstance(exponent, str):
        return f"{exponent:.5g}"
    return exponent if free is None else f"{exponent} = {free:.4g}"


def _error(error: float | None) -> str:
    if error is None:
        return " ± ?"
    return f" ± {error:.2g}" if error else ""


def _percent(share: float | None) -> str:
    return "no finite share" if share is None else f"{100 * share:.3g} %"
