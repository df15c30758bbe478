"""Finds the law in a table of measurements: constants, exponents as fractions, units, reach.

python -m training.fit_law data.csv --target=T --units=l=m,g=m/s^2,T=s

The CSV file has a header; the law says the target by the other columns, or by those of --columns,
which must be > 0. See `weirdonetworks.regression.PosynomialRegressor` for what is found and how.
"""

import datetime
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from training.cli import app
from training.fit_law import picture as law_picture
from training.fit_law import csv_table as measurements
from training.engine import workdir as results
from training.cli import flags as shared
from weirdonetworks.regression import PosynomialRegressor
from weirdonetworks.regression.regressor import DIMENSIONS, NOISE, POWERS


def fit_law(
    data: str | Path,
    target: str,
    workdir: str | Path,
    columns: Sequence[str] | None = None,
    units: Sequence[str] | None = None,
    holdout: float | None = None,
    drop_missing: bool = False,
    random_state: int = 0,
    noise: str = "auto",
    **settings: Any,
) -> dict[str, Any]:
    """Fits a law to a CSV file and returns what law.json holds.

    Writes config.json, law.json and law.png to the workdir. The rows that are held out, by default
    a fifth of them if there are 50 or more, are scored and have no part in the fit. `units` are
    words such as "T=s", one for each column and the target; `settings` go to the regressor.

    Raises:
      OSError: the file cannot be read, or the workdir not be written.
      ValueError: bad values in the file, arguments or units; a workdir with other results.
    """
    run = results.Workdir(workdir)
    table = measurements.read(data, target, columns, drop_missing)
    names = [str(name) for name in table.x.columns]
    if units is not None:
        known = measurements.parse_units(units, target, names)
        settings |= {"units": known, "target_units": known[target]}
    held = measurements.held_out(len(table.y), holdout, random_state)
    regressor = PosynomialRegressor(noise=noise, random_state=random_state, **settings)
    regressor.fit(table.x[~held], table.y[~held])
    config = {
        "data": str(data),
        "sha256": table.sha256,
        "target": target,
        "columns": names,
        "holdout": holdout,
        "drop_missing": drop_missing,
        "regressor": _plain(regressor.get_params()),
        "versions": results.versions()
        | {p: metadata.version(p) for p in ("scikit-learn", "scipy")},
    }
    run.claim(config, resume=True)
    law = _describe(regressor)
    law["rows"] = {"fitted": int(sum(~held)), "held_out": int(sum(held)), "dropped": table.dropped}
    law["held_out_error"] = None
    if held.any():
        left = table.y[held].to_numpy() - regressor.predict(table.x[held])
        law["held_out_error"] = _rms(left) / _rms(table.y[held].to_numpy())
    law = _plain(law) | {"config": config}
    run.write("law.json", law)
    law_picture.draw(run, regressor, table.x, table.y, held)
    return law


def to_text(law: Mapping[str, Any]) -> str:
    """The law and what it rests on, in words, from what law.json holds."""
    evidence, rows = law["evidence"], law["rows"]
    table = [["", "constant", *law["box"]]]
    for i, term in enumerate(law["terms"], 1):
        exponents = [
            (a if isinstance(a, str) else f"{a:.5g}") + _error(term["exponent_errors"][name])
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
        "± standard errors; those of exponents, before they were rounded to fractions",
        "",
        f"status      {law['status']}: {evidence['reason']}",
    ]
    if evidence["test"] is not None:
        lines.append(
            f"test        {evidence['test']}, p = {evidence['p_value']:.2g} "
            f"({rows['fitted']} rows, {evidence['parameters']} parameters)"
        )
    spread = "in proportion to it" if law["noise"] == "relative" else "of one size"
    errors = [f"{_percent(evidence['relative_error'])} of {law['target']} where fitted"]
    if rows["held_out"]:
        errors.append(f"{_percent(law['held_out_error'])} on {rows['held_out']} rows held out")
    lines.append(f"errors      {', '.join(errors)}; taken as {spread}")
    if rows["dropped"]:
        lines.append(f"dropped     {rows['dropped']} rows with missing values")
    if law["units"]:
        lines += [f"units       {part}" for part in law["units"]["message"].split("; ")]
    for name, (low, high) in law["box"].items():
        lines.append(f"known for   {name} from {low:.6g} to {high:.6g}")
    return "\n".join(lines) + "\n"


def _describe(regressor: PosynomialRegressor) -> dict[str, Any]:
    law = regressor.law_
    terms = [
        {
            "coefficient": c,
            "coefficient_error": c_error,
            "exponents": dict(zip(law.names, exponents, strict=True)),
            "exponent_errors": dict(zip(law.names, errors, strict=True)),
        }
        for c, c_error, exponents, errors in zip(
            law.coefficients,
            regressor.coefficient_errors_,
            law.exponents,
            regressor.exponent_errors_,
            strict=True,
        )
    ]
    units = regressor.units_
    low, high = regressor.box_
    return {
        "formula": law.formula(),
        "latex": law.to_latex(),
        "target": law.target,
        "power": law.power,
        "sign": law.sign,
        "terms": terms,
        "status": regressor.status_,
        "evidence": regressor.evidence_,
        "noise": regressor.noise_,
        "box": {
            name: [low, high] for name, low, high in zip(law.names, *regressor.box_, strict=True)
        },
        "units": units
        and {
            "consistent": units.consistent,
            "message": units.message,
            "constants": [vars(constant) for constant in units.constants],
        },
    }


def _plain(value: Any) -> Any:
    """The value as JSON has it: fractions as "3/2", what is not finite as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def _error(error: float | None) -> str:
    if error is None:
        return " ± ?"
    return f" ± {error:.2g}" if error else ""


def _percent(share: float | None) -> str:
    return "no finite share" if share is None else f"{100 * share:.3g} %"


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def parse_rounding(word: str) -> str | int | None:
    """ "auto", "none" or an integer.

    Raises ValueError for other words.
    """
    if word == "auto":
        return word
    if word == "none":
        return None
    if not word.isdecimal():
        raise ValueError(f"rounding must be auto, none or an integer >= 1, got {word!r}")
    return int(word)


def parse_powers(words: Sequence[str]) -> tuple[float, ...]:
    """["1", "1/2"] -> (1.0, 0.5).

    Raises ValueError for words that are no numbers.
    """
    try:
        return tuple(float(Fraction(word)) for word in words)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"powers must be numbers such as -1 or 1/2, got {words!r}") from None


_TARGET = flags.DEFINE_string("target", None, "The column that the law gives.")
_COLUMNS = flags.DEFINE_list(
    "columns", None, "The columns it depends on, separated by commas; by default all others."
)
_UNITS = flags.DEFINE_list(
    "units",
    None,
    "Units as NAME=UNIT, separated by commas, for each column and the target: a=au,T=year. Pint's "
    "names; NAME= for a pure number.",
)
_NOISE_MODEL = flags.DEFINE_enum(
    "noise_model",
    "auto",
    NOISE,
    "Errors of the target: of one size, in proportion to it, or whichever is likelier.",
)
_NUM_TERMS = flags.DEFINE_integer("num_terms", None, "The number of terms, if not to be found.", 1)
_MAX_TERMS = flags.DEFINE_integer("max_terms", 12, "The largest number of terms to be found.", 1)
_ROUNDING = flags.DEFINE_string(
    "rounding",
    "auto",
    "Exponents: auto for fractions where the data support them, an integer d for multiples of 1/d, "
    "none for none.",
)
_POWERS = flags.DEFINE_list(
    "powers",
    [str(Fraction(power)) for power in POWERS],
    "Which powers of the target to try, separated by commas.",
)
_DIMENSIONS = flags.DEFINE_enum(
    "dimensions",
    "check",
    DIMENSIONS,
    "Report on the units of the law's constants, or admit only laws whose constants have none.",
)
_HOLDOUT = flags.DEFINE_float(
    "holdout",
    None,
    "The share of rows to score the law on, not to fit; by default 0.2 if there are 50 or more.",
)
_DROP_MISSING = flags.DEFINE_boolean(
    "drop_missing", False, "Leave out rows with missing values instead of refusing them."
)
_RANDOM_STATE = flags.DEFINE_integer(
    "random_state", 0, "The seed of splits and starting points.", 0, 2**31 - 1
)
flags.declare_key_flag("workdir")


def main(data: str) -> None:
    if not _TARGET.value:
        raise ValueError("target must be given: --target=COLUMN")
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    workdir = Path(shared.WORKDIR.value or Path("runs") / f"law-{Path(data).stem}-{now}")
    law = fit_law(
        data,
        _TARGET.value,
        workdir,
        columns=_COLUMNS.value,
        units=_UNITS.value,
        holdout=_HOLDOUT.value,
        drop_missing=_DROP_MISSING.value,
        random_state=_RANDOM_STATE.value,
        noise=_NOISE_MODEL.value,
        num_terms=_NUM_TERMS.value,
        max_terms=_MAX_TERMS.value,
        rounding=parse_rounding(_ROUNDING.value),
        powers=parse_powers(_POWERS.value),
        dimensions=_DIMENSIONS.value,
    )
    print(to_text(law), end="")
    print(f"written to  {workdir}/: config.json, law.json, law.png")


if __name__ == "__main__":
    app.run(main)
