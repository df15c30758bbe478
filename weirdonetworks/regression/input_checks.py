"""What a table must be for a law to be found in it."""

import datetime
import numbers
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from weirdonetworks import _checks
from weirdonetworks.regression import fitting
from weirdonetworks.regression.exponent_space import Space
from weirdonetworks.regression.rows import Measurements

# A target is of one sign if its values of the other one hold no more of its sum of squares.
_ONE_SIGN = 0.02
# Decades by which errors may differ from y.
FAR = 100


# What is refused though it may be made a number, as words say it.
_KINDS = (
    ((bool, np.bool_), "a truth value"),
    ((str, bytes), "text"),
    (
        (complex, np.complexfloating),
        "Complex data not supported",
    ),  # scikit-learn asks for the words
    (
        (datetime.date, datetime.timedelta, np.datetime64, np.timedelta64),
        "a time: count seconds or days",
    ),
)


def training_data(estimator: BaseEstimator, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """X and y as float64, after scikit-learn's checks and ours; fits what X is called.

    Raises ValueError for what is not a finite number, with its column and first row: NaN, infinity,
    truth values, categories, times and text, even where they could be converted.
    """
    _check_types("X", _columns(x))
    target = _columns(y, True)
    if len(target) == 1:
        _check_types("y", target)
        values = np.asarray(target[0][1])
        if values.dtype.kind in "fiu":
            _check_finite("y", values[:, None], [""])
    x, y = validate_data(
        estimator,
        x,
        y,
        dtype=np.float64,
        y_numeric=True,
        ensure_min_samples=2,
        ensure_all_finite=False,
    )
    _check_finite("X", x, names(estimator, x))
    return x, np.asarray(y, np.float64)


def features(estimator: BaseEstimator, x: Any) -> np.ndarray:
    """X for a fitted estimator, as `training_data`; raises as that, and if X is not > 0."""
    _check_types("X", _columns(x))
    x = validate_data(estimator, x, dtype=np.float64, reset=False, ensure_all_finite=False)
    _check_finite("X", x, names(estimator, x))
    check_positive(x, names(estimator, x))
    return x


def measurements(x: np.ndarray, y: np.ndarray, sample_weight: Any, y_error: Any) -> Measurements:
    """The rows with a weight above 0, with the standard deviations that weights or errors say.

    Raises ValueError for weights or errors that are no finite numbers of the right sign, one a row.
    """
    index = np.arange(len(y))
    if y_error is not None:
        if sample_weight is not None:
            raise ValueError("y_error and sample_weight say the same: give one of them")
        deviation = _per_row("y_error", y_error, len(y))
        if not np.all(deviation > 0):
            row = int(np.argmin(deviation > 0))
            raise ValueError(f"y_error must be > 0, got {deviation[row]:g} in row {row}")
        size = float(np.abs(y).max())
        far = np.abs(np.log10(deviation) - np.log10(size or 1.0)) > FAR
        if np.any(far):
            row = int(np.argmax(far))
            raise ValueError(
                f"y_error must be within a factor of 1e{FAR} of the largest y, {size:g}, "
                f"got {deviation[row]:g} in row {row}"
            )
        return Measurements(x, y, deviation, True, index)
    if sample_weight is None:
        return Measurements(x, y, None, False, index)
    weights = _per_row("sample_weight", sample_weight, len(y))
    if np.any(weights < 0) or not np.any(weights > 0):
        row = int(np.argmin(weights))
        raise ValueError(
            "sample_weight must be >= 0 and not zero in all rows, "
            f"got {weights[row]:g} in row {row}" + (" and all others" if weights[row] == 0 else "")
        )
    if np.ptp(weights) == 0:
        return Measurements(x, y, None, False, index)
    kept = weights > 0
    if np.log10(weights[kept]).min() < np.log10(weights.max()) - FAR:
        row = int(np.argmin(np.where(kept, weights, np.inf)))
        raise ValueError(
            f"sample_weight must be 0 or within a factor of 1e{FAR} of the largest, "
            f"{weights.max():g}, got {weights[row]:g} in row {row}"
        )
    deviation = np.sqrt(weights[kept].max() / weights[kept])
    return Measurements(x[kept], y[kept], deviation, False, index[kept])


def _per_row(label: str, values: Any, rows: int) -> np.ndarray:
    """Finite numbers, one a row; a single one counts for all."""
    if isinstance(values, str | bytes | bool):
        raise ValueError(f"{label} must be numbers, one a row, got {_checks.received(values)}")
    if isinstance(values, numbers.Complex) and not isinstance(values, numbers.Real):
        raise ValueError(f"{label} must be real numbers, one a row, got {_checks.received(values)}")
    if not isinstance(values, numbers.Number) and getattr(values, "ndim", 1):
        columns = _columns(values, True)
        if len(columns) != 1:
            raise ValueError(f"{label} must be one column, got shape {np.shape(values)}")
        _check_types(label, columns)
        values = columns[0][1]
    array = np.asarray(values, np.float64)
    if array.shape not in ((), (rows,)):
        raise ValueError(f"{label} must be one number a row, {rows}, got shape {array.shape}")
    array = np.array(np.broadcast_to(array, rows))
    _check_finite(label, array[:, None], [""])
    return array


def names(estimator: BaseEstimator, x: np.ndarray) -> tuple[str, ...]:
    """What the columns are called, x0, x1, ... if the table does not say."""
    return tuple(map(str, getattr(estimator, "feature_names_in_", _numbered(x.shape[1]))))


def least_rows(space: Space, num_terms: int = 1) -> int:
    """How many rows determine so many terms with one to spare."""
    return 1 + num_terms * (1 + space.basis.shape[1])


def _numbered(columns: int) -> list[str]:
    return [f"x{i}" for i in range(columns)]


def _columns(table: Any, target: bool = False) -> list[tuple[str, Any]]:
    """Names and columns; none for what is no table, which scikit-learn refuses.

    Raises ValueError for what can be none, and for a name that two columns have.
    """
    what, kind = "X, y and what belongs to them must", type(table).__name__
    if hasattr(table, "columns"):
        titles = list(getattr(table, "column_names", table.columns))
        for name, times in Counter(map(str, titles)).items():
            if times > 1:
                raise ValueError(f"{what} have a column of each name, got {name!r} {times} times")
        result = [(str(name), table[name]) for name in titles]
    else:
        try:
            array = np.asarray(table)
        except (TypeError, ValueError):  # of NumPy, for rows of different lengths
            raise ValueError(f"{what} be tables of numbers, got a {kind} that is none") from None
        except NotImplementedError:  # of TensorFlow, for what has no values yet
            raise ValueError(
                f"{what} hold numbers, got a {kind} without values: call outside of tf.function"
            ) from None
        known = table is None or sparse.issparse(table)  # scikit-learn has words for these
        if array.ndim == 0 and array.dtype == object and not known:
            raise ValueError(f"{what} be tables of numbers, got a {kind}: make it an array")
        if target and array.ndim == 1:
            return [("", table if hasattr(table, "iloc") else array)]
        if array.ndim != 2:
            return []
        result = list(zip(_numbered(array.shape[1]), array.T, strict=True))
    return [("", column) for _, column in result] if target else result


def _check_types(label: str, columns: Sequence[tuple[str, Any]]) -> None:
    for name, column in columns:
        dtype = getattr(column, "dtype", None)
        if getattr(dtype, "kind", "O") in "fiu":
            continue
        values = np.asarray(column)
        if str(dtype) == "category":
            kinds = dict.fromkeys(map(type, values), "a category: leave it out, or fit each alone")
        else:
            kinds = {kind: _kind(kind) for kind in set(map(type, values))}
        where = [row for row, value in enumerate(values) if kinds[type(value)]]
        if where:
            # Of texts, the first that is no number says the most.
            row = next((i for i in where if _is_word(values[i])), where[0])
            value, kind = values[row], kinds[type(values[row])]
            shown = repr(str(value)) if isinstance(value, (str, bytes)) else str(value)
            raise ValueError(
                f"{label} must hold numbers, got {shown:.80} in row {row}{_of(name)} ({kind})"
            )


def _kind(kind: type) -> str | None:
    """What values of a type are, if they are refused."""
    if kind.__name__ in ("NoneType", "NAType", "NaTType"):
        return "a missing value"
    if kind.__name__ == "Period":
        return "a time: count seconds or days"
    return next((words for types, words in _KINDS if issubclass(kind, types)), None)


def _is_word(value: Any) -> bool:
    if not isinstance(value, (str, bytes)):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


def _check_finite(label: str, values: np.ndarray, names: Sequence[str]) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        value = values[row, column]
        what = "NaN, a missing value," if np.isnan(value) else f"{value:g}"
        raise ValueError(
            f"{label} must be finite, got {what} in row {row}{_of(names[column])} "
            f"({int(np.sum(~finite.all(axis=1)))} such rows)"
        )


def _of(name: str) -> str:
    return f" of column {name}" if name else ""


def sign(y: np.ndarray) -> int:
    """1 or -1 if y is of one sign, but for noise; 0 if of both."""
    squares = np.square(y / np.abs(y).max())
    if np.sum(squares[y < 0]) <= _ONE_SIGN * np.sum(squares):
        return 1
    if np.sum(squares[y > 0]) <= _ONE_SIGN * np.sum(squares):
        return -1
    return 0


def check_positive(x: np.ndarray, names: Sequence[str]) -> None:
    """Raises ValueError for values that are not > 0, with the first row and its column."""
    if np.all(x > 0):
        return
    row, column = np.argwhere(x <= 0)[0]
    # scikit-learn asks for these words.
    negative = "Negative values in data: " if np.any(x < 0) else ""
    raise ValueError(
        f"{negative}X must be > 0 (real powers of other numbers are not real): shift, drop or take "
        f"the magnitude of what is not; got {x[row, column]:.6g} in row {row} "
        f"of column {names[column]}"
    )


def check_columns(x: np.ndarray, names: Sequence[str], space: Space) -> None:
    """Raises ValueError for too few rows, or columns whose exponents they do not determine."""
    check_positive(x, names)
    if len(x) < least_rows(space):
        raise ValueError(
            f"X must have at least {least_rows(space)} rows to fit one term with, got {len(x)}"
        )
    free = np.any(space.basis != 0, axis=1)
    if space.basis.shape[1] == 0:
        return
    center = np.array([np.mean(np.log(column)) for column in x.T])
    varying = np.log(x.max(axis=0)) - np.log(x.min(axis=0)) > 1e-12
    constant = [name for name, v, f in zip(names, varying, free, strict=True) if f and not v]
    upper = fitting.triangle(
        (np.log(x[block]) - center) * varying @ space.basis for block in fitting.blocks(len(x))
    )
    columns, size = fitting.scaled(upper)
    if np.all(np.any(upper != 0, axis=0)):
        values, right = np.linalg.svd(columns, full_matrices=False)[1:]
        if values[-1] > 1e-7 * values[0]:
            return
        direction = np.abs(space.basis @ (right[-1] / size))
        together = [n for n, d in zip(names, direction, strict=True) if d > 1e-3 * direction.max()]
    else:
        together = constant
    if constant:
        raise ValueError(
            "X must not have constant columns (their exponents cannot be told from the law's "
            f"constants; drop them), got {', '.join(constant)}"
        )
    raise ValueError(
        "X must not have columns that are products of powers of others (their exponents cannot be "
        f"told apart; drop one), got {', '.join(together)}"
    )
