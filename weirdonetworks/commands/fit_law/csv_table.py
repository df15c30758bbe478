"""A user's table of measurements: file -> numbers, with every fault named by row and column."""

import dataclasses
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from weirdonetworks.commands.fit_law import cells
from weirdonetworks.regression.input_checks import FAR

# What programs call the number of a row.
_INDEX = ("", "index", "unnamed: 0")
_DECIMAL_COMMA = r"[+-]?\d*,\d+([eE][+-]?\d+)?"
_THOUSANDS = r"[+-]?[1-9]\d{0,2}(([,.' _\u00a0\u2009\u202f])\d{3})+([.,]\d*)?"


@dataclasses.dataclass(frozen=True, eq=False)
class Measurements:
    """What a file holds of a law.

    Attributes:
      x: the columns, float64, with their names.
      y: the target, float64, with its name.
      errors: its standard deviations, or None.
      rows: their numbers in the file, from 1 below the header.
      dropped: how many rows were left out since a value is missing.
      index: whether the first column only counts the rows, and was left out.
      sha256: of the file.
    """

    x: pd.DataFrame
    y: pd.Series
    errors: pd.Series | None
    rows: np.ndarray
    dropped: int
    index: bool
    sha256: str


def read(
    path: str | Path,
    target: str,
    columns: Sequence[str] | None = None,
    drop_missing: bool = False,
    errors: str | None = None,
) -> Measurements:
    """Reads the target and the columns, by default all others, of a table with a header.

    `errors` is the column of the target's standard deviations, which must be > 0, if there is one.

    The file is text, Parquet or Excel (one sheet; these need pyarrow and openpyxl). Text is in
    UTF-8, UTF-16 with a byte order mark, or else Windows-1252. Separators (tab, ;, |, comma or
    spaces) and decimal commas are recognised. Lines that begin with # are comments; the last one
    above the rows may be the header. Empty fields and NA, NaN, null and the like are missing. Rows
    count from 1 below the header. A first column without a name, or called index, that counts the
    rows is left out.

    Raises:
      OSError: no such file, or one that cannot be opened.
      ImportError: a package that reads such files is not installed.
      ValueError: a file that is no such table, a header with a name twice or none, a target or
        columns that are not in it, no rows, or values that are not numbers, not finite, missing
        (unless rows are dropped), with separators of thousands or, but for the target, not > 0.
    """
    content = Path(path).read_bytes()
    table, index = _without_index(cells.read_cells(path, content), target, columns)
    names = list(table.columns)
    counts = Counter(names)
    if any(not name or counts[name] > 1 or not name.isprintable() for name in names):
        raise ValueError(
            f"{path} must begin with a header of different, printable names, got {names}"
        )
    if target not in names:
        raise ValueError(f"target must be a column of {path}, one of {names}, got {target!r}")
    if errors is not None and (errors not in names or errors == target):
        raise ValueError(
            f"errors must be a column of {path} other than the target, one of {names}, "
            f"got {errors!r}"
        )
    others = [name for name in names if name not in (target, errors)]
    chosen = others if columns is None else list(columns)
    for name in chosen:
        if name not in others or chosen.count(name) > 1:
            raise ValueError(
                f"columns must be different columns of {path} other than the target, of {others}, "
                f"got {name!r}"
            )
    if not chosen:
        raise ValueError(f"columns must hold one at least beside the target, got {names} in {path}")
    table = table[[*chosen, target] + ([] if errors is None else [errors])]
    missing = table.isna()
    if missing.any(axis=None) and not drop_missing:
        row, name, _ = _first(table, missing)
        raise ValueError(
            f"{path} must have a value in each row of {name!r}, got none in row {row} "
            f"({int(missing.any(axis=1).sum())} such rows: leave them out with --drop_missing)"
        )
    numbers = _to_numbers(path, table[~missing.any(axis=1)])
    if numbers.empty:
        raise ValueError(f"{path} must hold rows below its header, got none without missing values")
    _check(path, numbers, lambda values: ~np.isfinite(values), "finite numbers")
    _check(
        path,
        numbers[chosen],
        lambda values: values <= 0,
        "numbers > 0 (powers of others are not real)",
    )
    if errors is not None:
        _check(path, numbers[[errors]], lambda values: values <= 0, "errors > 0")
        size = float(numbers[target].abs().max()) or 1.0
        _check(
            path,
            numbers[[errors]],
            lambda values: np.abs(np.log10(values) - np.log10(size)) > FAR,
            f"errors within a factor of 1e{FAR} of the largest {target}, {size:g},",
        )
    rows = numbers.index.to_numpy()
    numbers = numbers.reset_index(drop=True)
    return Measurements(
        numbers[chosen],
        numbers[target],
        None if errors is None else numbers[errors],
        rows,
        len(table) - len(numbers),
        index,
        hashlib.sha256(content).hexdigest(),
    )


def parse_units(words: Sequence[str], target: str, columns: Sequence[str]) -> dict[str, str]:
    """["a=km", "T=day"] -> units by name; "" if a name has none, as in "angle=".

    Raises ValueError for a word without "=", a name twice, other names, or a missing one.
    """
    names = [*columns, target]
    units = {}
    for word in words:
        name, separator, unit = word.partition("=")
        if not separator:
            raise ValueError(f"units must be NAME=UNIT, got {word!r}")
        if name not in names or name in units:
            raise ValueError(f"units must be given for {names}, each once, got {name!r}")
        units[name] = unit
    lacking = [name for name in names if name not in units]
    if lacking:
        raise ValueError(
            "units must be given for each column and the target, with NAME= for a pure number, "
            f"got none for {', '.join(lacking)}"
        )
    return units


def held_out(rows: int, fraction: float | None, seed: int, least: int = 1) -> np.ndarray:
    """Which rows to keep from the fit, [rows]: by default a fifth of 50 rows or more, else none.

    The default leaves as many rows as a fit needs at least.

    Raises ValueError for a fraction outside [0, 0.5], NaN among them, and for one that leaves too
    few of rows that are enough.
    """
    if fraction is None:
        held = min(round(0.2 * rows), max(rows - least, 0)) if rows >= 50 else 0
    elif not 0 <= fraction <= 0.5:
        raise ValueError(f"holdout must be a fraction in [0, 0.5], got {fraction}")
    else:
        held = round(fraction * rows)
        if rows - held < least <= rows:
            raise ValueError(
                f"holdout must leave at least {least} of {rows} rows to fit one term with, got "
                f"{fraction}"
            )
    order = np.random.default_rng(seed).permutation(rows)
    return np.isin(np.arange(rows), order[:held])


def _without_index(
    table: pd.DataFrame, target: str, columns: Sequence[str] | None
) -> tuple[pd.DataFrame, bool]:
    """The table without a first column that only counts the rows, and whether there was one."""
    name = table.columns[0]
    asked = name == target or (columns is not None and name in columns)
    if name.lower() not in _INDEX or table.shape[1] == 1 or asked or table.empty:
        return table, False
    numbers = pd.to_numeric(table.iloc[:, 0], errors="coerce").to_numpy(np.float64)
    if numbers[0] not in (0, 1) or not _counts(numbers):
        return table, False
    return table.iloc[:, 1:], True


def _counts(values: np.ndarray) -> bool:
    return np.array_equal(values, values[0] + np.arange(len(values)))


def _to_numbers(path: str | Path, table: pd.DataFrame) -> pd.DataFrame:
    """float64, from texts and from what Parquet and Excel hold; decimal commas are recognised."""
    if not any(str(dtype) in ("object", "bool") for dtype in table.dtypes):
        try:
            numbers = table.astype(np.float64)
        except (TypeError, ValueError):
            numbers = None
        texts = [table[name].str for name in table if table[name].dtype == "str"]
        if numbers is not None and not any(t.contains("_", regex=False).any() for t in texts):
            return numbers
    # Here time is no matter: something is wrong, or commas are decimal.
    values = table.map(lambda value: value.strip() if isinstance(value, str) else value)
    wrong = ~values.map(_is_number)
    comma = values.map(lambda value: _matches(_DECIMAL_COMMA, value))
    points = values.map(lambda value: isinstance(value, str) and "." in value).any(axis=None)
    thousands = all(_matches(_THOUSANDS, v) for v in values.to_numpy(object)[comma.to_numpy()])
    if not points and not thousands:
        wrong &= ~comma
    if not wrong.any(axis=None):
        return values.replace(",", ".", regex=True).astype(np.float64)
    row, name, value = _first(values, wrong)
    hint = ""
    if _matches(_THOUSANDS, value):
        rule = "numbers without separators of thousands"
        hint = (
            ": if it is a decimal comma, write a point" if _matches(_DECIMAL_COMMA, value) else ""
        )
    elif _matches(_DECIMAL_COMMA, value):
        rule = "decimal commas or decimal points, not both,"
    else:
        rule, hint = "numbers", ": give the columns of the law with --columns"
    shown = repr(value) if isinstance(value, str) else str(value)
    raise ValueError(f"{path} must have {rule} in column {name!r}, got {shown} in row {row}{hint}")


def _matches(pattern: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _is_number(value: Any) -> bool:
    if not isinstance(value, str):
        return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    try:
        float(value)
    except ValueError:
        return False
    return "_" not in value


def _check(
    path: str | Path,
    numbers: pd.DataFrame,
    is_wrong: Callable[[pd.DataFrame], pd.DataFrame],
    rule: str,
) -> None:
    wrong = is_wrong(numbers)
    if wrong.any(axis=None):
        row, name, value = _first(numbers, wrong)
        counts = len(numbers) > 1 and _counts(numbers[name].to_numpy())
        hint = "; it counts the rows: leave it out with --columns" if counts else ""
        raise ValueError(
            f"{path} must have {rule} in column {name!r}, got {value:g} in row {row} "
            f"({int(wrong.any(axis=1).sum())} such rows{hint})"
        )


def _first(table: pd.DataFrame, where: pd.DataFrame) -> tuple[int, str, object]:
    """Row, column and value of the first entry that is marked."""
    row, column = np.argwhere(where.to_numpy())[0]
    return int(table.index[row]), str(table.columns[column]), table.iloc[row, column]
