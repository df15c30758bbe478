"""A user's table of measurements: CSV -> numbers, with every fault named by row and column."""

import dataclasses
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

MOST_COLUMNS = 10_000  # pandas takes a minute for a few times as many


@dataclasses.dataclass(frozen=True, eq=False)
class Measurements:
    """What a file holds of a law.

    Attributes:
      x: the columns, float64, with their names.
      y: the target, float64, with its name.
      dropped: how many rows were left out since a value is missing.
      sha256: of the file.
    """

    x: pd.DataFrame
    y: pd.Series
    dropped: int
    sha256: str


def read(
    path: str | Path,
    target: str,
    columns: Sequence[str] | None = None,
    drop_missing: bool = False,
) -> Measurements:
    """Reads the target and the columns, by default all others, of a CSV file with a header.

    The file is text in UTF-8, separated by commas. Empty fields and NA, NaN, null and the like are
    missing values. Rows count from 1 below the header.

    Raises:
      OSError: no such file, or one that cannot be opened.
      ValueError: a file that is no such text, a header with a name twice or none, a target or
        columns that are not in it, no rows, or values that are not numbers, not finite, missing
        (unless rows are dropped) or, but for the target, not > 0.
    """
    content = Path(path).read_bytes()
    table = _read_text(path, content)
    names = list(table.columns)
    if target not in names:
        raise ValueError(f"target must be a column of {path}, one of {names}, got {target!r}")
    chosen = [name for name in names if name != target] if columns is None else list(columns)
    for name in chosen:
        if name not in names or name == target or chosen.count(name) > 1:
            raise ValueError(
                f"columns must be different columns of {path} other than the target, of {names}, "
                f"got {name!r}"
            )
    if not chosen:
        raise ValueError(f"columns must hold one at least beside the target, got {names} in {path}")
    table = table[[*chosen, target]]
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
    numbers = numbers.reset_index(drop=True)
    return Measurements(
        numbers[chosen],
        numbers[target],
        len(table) - len(numbers),
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


def held_out(rows: int, fraction: float | None, seed: int) -> np.ndarray:
    """Which rows to keep from the fit, [rows]: by default a fifth of 50 rows or more, else none.

    Raises ValueError for a fraction outside [0, 0.5], NaN among them.
    """
    if fraction is None:
        fraction = 0.2 if rows >= 50 else 0.0
    if not 0 <= fraction <= 0.5:
        raise ValueError(f"holdout must be a fraction in [0, 0.5], got {fraction}")
    order = np.random.default_rng(seed).permutation(rows)
    return np.isin(np.arange(rows), order[: round(fraction * rows)])


def _read_text(path: str | Path, content: bytes) -> pd.DataFrame:
    """The table as it is written, missing values as NaN, rows from 1."""
    wide = max(line.count(b",") for line in content.split(b"\n", 2)[:2]) + 1
    if wide > MOST_COLUMNS:
        raise ValueError(f"{path} must have at most {MOST_COLUMNS} columns, got {wide}")
    try:
        # A header of pandas' own would rename columns of the same name without a word.
        table = pd.read_csv(
            io.BytesIO(content),
            header=None,
            dtype=str,
            encoding="utf-8-sig",
            skipinitialspace=True,
            skip_blank_lines=False,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8, got another encoding ({error})") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path} cannot be read as CSV ({error})") from error
    table = table.iloc[: table.notna().any(axis=1).to_numpy().nonzero()[0].max(initial=-1) + 1]
    if table.empty:
        raise ValueError(f"{path} must hold a header and rows, got none")
    names = [name.strip() if isinstance(name, str) else "" for name in table.iloc[0]]
    counts = Counter(names)
    for name in names:
        if not name or counts[name] > 1 or not name.isprintable():
            raise ValueError(
                f"{path} must begin with a header of different, printable names, separated by "
                f"commas, got {names}"
            )
    table.columns = names
    return table.iloc[1:]


def _to_numbers(path: str | Path, table: pd.DataFrame) -> pd.DataFrame:
    try:
        return table.astype(np.float64)
    except ValueError:
        wrong = table.map(lambda text: not _is_number(text))
        row, name, text = _first(table, wrong)
        raise ValueError(
            f"{path} must have numbers in column {name!r}, got {text!r} in row {row}: give the "
            "columns of the law with --columns"
        ) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check(
    path: str | Path,
    numbers: pd.DataFrame,
    is_wrong: Callable[[pd.DataFrame], pd.DataFrame],
    rule: str,
) -> None:
    wrong = is_wrong(numbers)
    if wrong.any(axis=None):
        row, name, value = _first(numbers, wrong)
        raise ValueError(
            f"{path} must have {rule} in column {name!r}, got {value:g} in row {row} "
            f"({int(wrong.any(axis=1).sum())} such rows)"
        )


def _first(table: pd.DataFrame, where: pd.DataFrame) -> tuple[int, str, object]:
    """Row, column and value of the first entry that is marked."""
    row, column = np.argwhere(where.to_numpy())[0]
    return int(table.index[row]), str(table.columns[column]), table.iloc[row, column]
