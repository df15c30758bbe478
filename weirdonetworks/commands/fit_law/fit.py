"""Fits a law to a table, and writes what is found beside what it depends on."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from weirdonetworks.commands.fit_law import csv_table, picture
from weirdonetworks.commands.folder import Folder
from weirdonetworks.commands.versions import versions
from weirdonetworks.regression import PosynomialRegressor
from weirdonetworks.regression.units import consistent_exponents


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
    errors: str | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Fits a law to a table in a file (see `csv_table.read`) and returns what law.json holds.

    Writes config.json, law.json and law.png to the workdir. The rows that are held out, by default
    a fifth of them if there are 50 or more, are scored and have no part in the fit. `units` are
    words such as "T=s", one for each column and the target; `errors` is the column of the target's
    standard deviations; `settings` go to the regressor.

    Raises:
      OSError: the file cannot be read, or the workdir not be written.
      ImportError: a package that reads such files is not installed.
      ValueError: bad values in the file, arguments or units; a workdir with other results.
    """
    folder = Folder(workdir)
    table = csv_table.read(data, target, columns, drop_missing, errors)
    names = [str(name) for name in table.x.columns]
    if units is not None:
        known = csv_table.parse_units(units, target, names)
        settings |= {"units": known, "target_units": known[target]}
    least = 2 + _free_exponents(names, settings)
    if len(table.y) < least:
        raise ValueError(
            f"{data} must have at least {least} rows to fit one term in {len(names)} columns with, "
            f"got {len(table.y)}"
        )
    held = csv_table.held_out(len(table.y), holdout, random_state, least)
    regressor = PosynomialRegressor(noise=noise, random_state=random_state, **settings)
    given = None if table.errors is None else table.errors[~held]
    regressor.fit(table.x[~held], table.y[~held], y_error=given)
    config = {
        "data": str(data),
        "sha256": table.sha256,
        "target": target,
        "columns": names,
        "errors": errors,
        "holdout": holdout,
        "drop_missing": drop_missing,
        "regressor": _plain(regressor.get_params()),
        "versions": versions() | {p: metadata.version(p) for p in ("scikit-learn", "scipy")},
    }
    folder.claim(config, resume=True)
    law = _describe(regressor)
    law["outliers"] = table.rows[~held][regressor.evidence_["outliers"]].tolist()
    law["rows"] = {"fitted": int(sum(~held)), "held_out": int(sum(held)), "dropped": table.dropped}
    law["index_left_out"] = table.index
    law["held_out_error"] = None
    if held.any():
        left = table.y[held].to_numpy() - regressor.predict(table.x[held])
        law["held_out_error"] = _share(left, table.y[held].to_numpy())
    law = _plain(law) | {"config": config}
    folder.write("law.json", law)
    figure = picture.draw(regressor, table.x, table.y, held)
    folder.save_figure(figure, "law.png")
    return law


def _free_exponents(names: Sequence[str], settings: Mapping[str, Any]) -> int:
    """How many exponents of a term the data must determine."""
    if settings.get("dimensions") != "constrain" or "units" not in settings:
        return len(names)
    return consistent_exponents(settings["units"], settings["target_units"], names)[1].shape[1]


def _describe(regressor: PosynomialRegressor) -> dict[str, Any]:
    law = regressor.law_
    terms = [
        {
            "coefficient": c,
            "coefficient_error": c_error,
            "exponents": dict(zip(law.names, exponents, strict=True)),
            "free_exponents": dict(zip(law.names, free, strict=True)),
            "exponent_errors": dict(zip(law.names, errors, strict=True)),
        }
        for c, c_error, exponents, free, errors in zip(
            law.coefficients,
            regressor.coefficient_errors_,
            law.exponents,
            regressor.free_exponents_,
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
            "readings": units.readings,
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


def _share(left: np.ndarray, y: np.ndarray) -> float:
    """RMS(left) / RMS(y), of numbers of any size; infinite for y = 0."""
    size = np.abs(y).max()
    if size == 0:
        return np.inf
    return float(np.linalg.norm(left / size) / np.linalg.norm(y / size))
