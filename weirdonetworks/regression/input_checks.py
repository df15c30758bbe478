"""What a table must be for a law to be found in it."""

from collections.abc import Sequence

import numpy as np

from weirdonetworks.regression.exponent_space import Space

# A target is of one sign if its values of the other one hold no more of its sum of squares.
_ONE_SIGN = 0.02


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
    """Raises ValueError for columns whose exponents such rows do not determine, by their names."""
    check_positive(x, names)
    u = np.log(x)
    u = u - u.mean(axis=0)
    varying = np.ptp(u, axis=0) > 1e-12
    u[:, ~varying] = 0
    free = np.any(space.basis != 0, axis=1)
    if space.basis.shape[1] == 0:
        return
    constant = [name for name, v, f in zip(names, varying, free, strict=True) if f and not v]
    moved = u @ space.basis
    size = np.linalg.norm(moved, axis=0)
    if np.all(size > 0):
        values, right = np.linalg.svd(moved / size, full_matrices=False)[1:]
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
