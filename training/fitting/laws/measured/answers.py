"""What the regression of laws says of the measured tables, beside the literature."""

import numpy as np
import pandas as pd

from training.fitting.laws import measured
from training.report.tables import read_csv
from weirdonetworks.regression import PosynomialRegressor

FILE = measured.FOLDER / "results" / "answers.csv"


def rows_of(name: str) -> tuple[pd.DataFrame, pd.Series]:
    """The columns and the target of the rows for which the literature's law is said to hold."""
    table, frame = measured.get(name), measured.load(name)
    if table.rows:
        frame = frame.query(table.rows)
    return frame[list(table.columns)], frame[table.target]


def fit(name: str, **settings) -> PosynomialRegressor:
    """The law of a table, with its own settings and `settings`, and defaults for the others."""
    x, y = rows_of(name)
    table = measured.get(name)
    units = dict(table.units)
    settings = {"target_units": units.pop(table.target), **table.settings, **settings}
    return PosynomialRegressor(units=units, **settings).fit(x, y)


def literature(name: str) -> pd.Series:
    """The values of the literature's law on the rows of `rows_of`."""
    return rows_of(name)[0].eval(measured.get(name).law)


def scatter(y: pd.Series, predicted, relative: bool) -> float:
    """The RMS of log(y / predicted), or of y - predicted over that of y."""
    if relative:
        return float(np.sqrt(np.mean(np.log(y / predicted) ** 2)))
    return float(np.sqrt(np.mean((y - predicted) ** 2) / np.mean(y**2)))


def answer(name: str) -> dict:
    """A row of the table of answers."""
    (x, y), found = rows_of(name), fit(name)
    relative = found.noise_ != "absolute"
    return {
        "name": name,
        "rows": len(y),
        "law": found.formula(3),
        "exponents": "; ".join(
            ", ".join(
                f"{_number(a)} ± {error:.2g}"
                for a, error in zip(exponents, errors, strict=True)
                if a
            )
            for exponents, errors in zip(found.law_.exponents, found.exponent_errors_, strict=True)
        ),
        "status": found.status_,
        "reason": found.evidence_["reason"],
        "noise": found.noise_,
        "scatter": float(f"{scatter(y, found.predict(x), relative):.3g}"),
        "literature_scatter": float(f"{scatter(y, literature(name), relative):.3g}"),
    }


def answers() -> pd.DataFrame:
    """The answers to all tables."""
    return pd.DataFrame([answer(name) for name in measured.NAMES])


def shown(which: str) -> pd.DataFrame:
    """A table for people: "answers", as FILE holds them, or "sources".

    Raises:
      ValueError: another name.
    """
    tables = measured.TABLES.values()
    if which == "sources":
        return pd.DataFrame(
            {
                "table": [f"`{table.name}`" for table in tables],
                "what": [table.title for table in tables],
                "source": [table.source for table in tables],
                "law of the literature": [table.literature for table in tables],
            }
        )
    if which != "answers":
        raise ValueError(f"a table must be answers or sources, got {which!r}")
    kept = read_csv(FILE)
    return pd.DataFrame(
        {
            "table, rows": [f"`{row.name}`, {row.rows}" for row in kept.itertuples(index=False)],
            "literature": [f"`{measured.get(name).law}`" for name in kept["name"]],
            "scatter": [f"{100 * value:.2g} %" for value in kept["literature_scatter"]],
            "ours": [f"`{law.partition(' = ')[2]}`" for law in kept["law"]],
            "scatter ": [f"{100 * value:.2g} %" for value in kept["scatter"]],
            "exponents": kept["exponents"],
            "status": [f"{row.status}: {row.reason}" for row in kept.itertuples(index=False)],
            "what to learn": [measured.get(name).lesson for name in kept["name"]],
        }
    )


def _number(exponent) -> str:
    return f"{exponent:.3g}" if isinstance(exponent, float) else str(exponent)
