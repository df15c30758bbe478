"""The cells of a file: text of any separator, Parquet or Excel."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

_SEPARATORS = ("\t", ";", "|", ",", " ")
MOST_COLUMNS = 10_000  # pandas takes a minute for a few times as many
# Rows by which a separator is recognised.
_SAMPLE = 100
_NUMBER = r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?"


def read_cells(path: str | Path, content: bytes) -> pd.DataFrame:
    """The rows, from 1, under their names, as they are written; missing values are NaN.

    Names may be equal or empty. `csv_table.read` says which files and errors there are.
    """
    if content[:4] == b"PAR1":
        return _read_by("pyarrow", path, lambda: _parquet(content))
    if content[:4] == b"PK\x03\x04":
        sheets = _read_by("openpyxl", path, lambda: _sheets(content))
        return _with_header(path, _one_sheet(path, sheets))
    return _with_header(path, _text(path, _decode(path, content)))


def _read_by(package: str, path: str | Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ImportError:
        raise ImportError(f"{path} needs {package} to be read: pip install {package}") from None
    except Exception:  # of the package, of any kind
        raise ValueError(
            f"{path} cannot be read with {package}: it is damaged, or holds no table"
        ) from None


def _parquet(content: bytes) -> pd.DataFrame:
    table = pd.read_parquet(io.BytesIO(content), engine="pyarrow")
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    table.columns = [str(name).strip() for name in table.columns]
    table.index = range(1, len(table) + 1)
    return table


def _one_sheet(path: str | Path, sheets: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    filled = {name: cells for name, cells in sheets.items() if not cells.empty}
    if len(filled) > 1:
        raise ValueError(f"{path} must have one sheet that is not empty, got {list(filled)}")
    return next(iter(filled.values()), pd.DataFrame())


def _sheets(content: bytes) -> dict[str, pd.DataFrame]:
    return pd.read_excel(
        io.BytesIO(content), sheet_name=None, header=None, dtype=object, engine="openpyxl"
    )


def _decode(path: str | Path, content: bytes) -> str:
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ["utf-16"] if utf16 else ["utf-8-sig", "cp1252"]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not re.search(r"[\x00-\x08\x0e-\x1f]", text):
            return text
    raise ValueError(f"{path} must be a table as text (CSV), Parquet or Excel (.xlsx), got neither")


def _text(path: str | Path, text: str) -> pd.DataFrame:
    lines = re.split(r"\r\n|\r|\n", text.strip("\r\n"))
    rows = [line for line in lines if not line.lstrip().startswith("#")]
    rows = rows[next((i for i, row in enumerate(rows) if row.strip()), len(rows)) :]
    separator = _separator(rows)
    wide = max((len(_fields(row, separator)) for row in rows[:2]), default=0)
    if wide > MOST_COLUMNS:
        raise ValueError(f"{path} must have at most {MOST_COLUMNS} columns, got {wide}")
    before = lines.index(rows[0]) if rows else 0
    if before and lines[before - 1].lstrip().startswith("#"):
        above = lines[before - 1].lstrip("# \t")
        names, first = _fields(above, separator), _fields(rows[0], separator)
        if len(names) == len(first) and _is_header(names) and not _is_header(first):
            rows = [above, *rows]
    try:
        # A header of pandas' own would rename columns of the same name without a word.
        return pd.read_csv(
            io.StringIO("\n".join(rows)),
            header=None,
            dtype=str,
            sep=r"\s+" if separator == " " else separator,
            skipinitialspace=True,
            skip_blank_lines=False,
        )
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} must hold a header and rows, got none") from None
    except pd.errors.ParserError as error:
        numbers = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if not numbers:
            raise ValueError(f"{path} cannot be read as CSV: are quotes closed?") from error
        expected, line, seen = map(int, numbers.groups())
        raise ValueError(
            f"{path} must have {expected} values in each row, as in its header, got {seen} in row "
            f"{line - 1} (numbers with decimal commas need another separator, as ;)"
        ) from None


def _fields(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line.strip()], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # longer than a field may be
        return [line]


def _separator(rows: Sequence[str]) -> str:
    """The separator by which most rows have as many fields as the first, and that more than one."""
    shares = {}
    for separator in _SEPARATORS:
        sample = [row for row in rows[:_SAMPLE] if row.strip()]
        header, *others = [len(_fields(row, separator)) for row in sample] or [0]
        if header > 1:
            shares[separator] = np.mean([fields == header for fields in others] or [1])
    return max(shares, key=shares.get, default=",")


def _is_header(names: Sequence[str]) -> bool:
    return not all(re.fullmatch(_NUMBER, name.strip()) for name in names)


def _with_header(path: str | Path, cells: pd.DataFrame) -> pd.DataFrame:
    """The rows, from 1, under the names of their columns."""
    filled = cells.notna().any(axis=1).to_numpy().nonzero()[0]
    if not len(filled):
        raise ValueError(f"{path} must hold a header and rows, got none")
    cells = cells.iloc[filled[0] : filled[-1] + 1].reset_index(drop=True)
    names = ["" if pd.isna(name) else str(name).strip() for name in cells.iloc[0]]
    if not _is_header(names):
        raise ValueError(f"{path} must begin with a header of names, got numbers only: {names}")
    cells.columns = names
    return cells.iloc[1:]
