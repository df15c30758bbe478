"""Tables: pandas' own, as CSV for machines and as Markdown for people."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd


def to_csv(rows: Iterable[dict[str, Any]] | pd.DataFrame, columns: Sequence[str] = ()) -> str:
    """The rows as CSV, numbers with all the digits that they have."""
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    if len(columns):
        frame = frame.reindex(columns=list(columns))
    return frame.to_csv(index=False, lineterminator="\n")


def read_csv(path: str | Path) -> pd.DataFrame:
    """The table in a file that `to_csv` wrote.

    Raises:
      ValueError: it is missing or damaged.
    """
    try:
        # Words such as "none" and "nan" are names here; an empty cell is a missing number.
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as a table ({error})") from None


def to_markdown(frame: pd.DataFrame) -> str:
    """A Markdown table; cells are shown as they are, missing ones are empty."""
    shown = frame.astype(object).where(frame.notna(), "")
    return shown.to_markdown(index=False, disable_numparse=True) + "\n"


def mean_and_spread(values: Iterable[float], digits: int = 2) -> str:
    """The mean and the sample standard deviation of two values or more: "1.00 ± 0.10"."""
    values = pd.Series(list(values), dtype=float)
    mean = f"{values.mean():.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {values.std(ddof=1):.{digits}f}"


def percent(values: Iterable[float], digits: int = 2) -> str:
    """`mean_and_spread` of shares, in %."""
    return mean_and_spread([100 * value for value in values], digits)


def summary(frame: pd.DataFrame, by: Sequence[str], columns: dict[str, Any]) -> pd.DataFrame:
    """A row for each group of equal `by`, in the order in which they come.

    columns: {title: (column, function of its values)}, such as {"test %": ("test_accuracy",
      percent)}; a function of the whole group if the column is None.
    """
    rows = []
    for key, group in frame.groupby(list(by), sort=False, dropna=False):
        row = dict(zip(by, key, strict=True))
        for title, (column, function) in columns.items():
            row[title] = function(group if column is None else group[column].dropna())
        rows.append(row)
    return pd.DataFrame(rows, columns=[*by, *columns])


# What `summary` tells of trainings with a chosen rate.
TRAININGS = {
    "numbers": ("numbers", lambda values: f"{values.iloc[0]:,.0f}"),
    "rate": ("learning_rate", lambda values: f"{values.iloc[0]:g}"),
    "seeds": ("seed", len),
    "test accuracy %": ("test_accuracy", percent),
    "seconds": ("seconds", lambda values: f"{values.mean():.0f}"),
}
