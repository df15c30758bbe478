"""Is there structure left in the residuals? Tests of independence from the inputs."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import spatial, stats

from weirdonetworks.regression import fitting

# Of a false alarm, over all tests together.
LEVEL = 0.01
# Rows whose neighbours are looked at, at most.
_MANY = 20_000


class Finding(NamedTuple):
    """The smallest p-value of several tests, times their number (Bonferroni), and whose it is.

    `test` is None, with a p-value of 1, where there were too few rows for any.
    """

    p_value: float
    test: str | None

    @property
    def found(self) -> bool:
        """Whether residuals like these come up in less than 1 % of fits of a true law."""
        return self.p_value < LEVEL


def smallest(results: Sequence[tuple[float, str]]) -> Finding:
    """What the p-values and names of some tests say together."""
    if not results:
        return Finding(1.0, None)
    p_value, test = min(results, key=lambda result: result[0])
    return Finding(min(1.0, len(results) * p_value), test)


def nested(small: float, large: float, first: int, second: int) -> float:
    """The p-value of the F-test that the larger of two fits explains more by chance.

    Their sums of squares are `small`, of the smaller fit, and `large`; `first` is by how many
    parameters they differ, `second` the degrees of freedom of the larger one. 1 where either is
    below 1, or the larger fit leaves as much.
    """
    if first < 1 or second < 1 or large >= small:
        return 1.0
    ratio = (small / max(large, 1e-300) - 1) * second / first
    return float(stats.f.sf(ratio, first, second))


def structure(
    u: np.ndarray,
    residuals: np.ndarray,
    num_parameters: int,
    neighbours: bool = True,
    weights: np.ndarray | None = None,
) -> Finding:
    """Tests whether residuals [rows] of a fit depend on the inputs u [rows, features].

    * polynomial: the F-test of all monomials of u of the highest degree <= 3 that leaves ten rows
      for each and for each parameter of the fit; or of degree 2 or 1 that leaves half as many rows
      beyond, three at least.
    * neighbours, with 20 rows or more (of more than 20,000, so many): Spearman's correlation of the
      residual of a row with that of the row nearest to it. Of n independent ones it has the
      variance (1 + m) / n, where m is the share of rows that are nearest to their nearest.
    * replicates, where rows repeat others in all inputs at least three times and there are more
      different ones than parameters: the F-test of the residuals' means in equal rows against what
      they vary by within these (lack of fit against pure error). `weights` [rows] are those by
      which y - f was multiplied.
    """
    results = []
    p_value = _replicates(u, residuals, num_parameters, weights)
    if p_value is not None:
        results.append((p_value, "replicates"))
    degree = polynomial_degree(u, num_parameters)
    if degree:
        results.append((_polynomial(u, residuals, num_parameters, degree), "polynomial"))
    if neighbours and len(u) >= 20:
        results.append((_neighbours(u, residuals), "neighbours"))
    return smallest(results)


def products(u: np.ndarray, residuals: np.ndarray) -> Finding:
    """The correlations of residuals with products of two columns and squares, one at a time.

    For tables of so many columns that no polynomial of degree 2 can be fitted. Of the products,
    what the columns explain is taken out.
    """
    rows, n = u.shape
    spread = u.std(axis=0)
    v = (u - u.mean(axis=0)) / np.where(spread > 0, spread, 1)
    q, _ = np.linalg.qr(np.column_stack([np.ones(rows), v]))
    left = residuals - q @ (q.T @ residuals)
    first, second = np.triu_indices(n)
    largest = 0.0
    for block in np.array_split(np.arange(len(first)), -(-len(first) * rows // 10_000_000)):
        columns = v[:, first[block]] * v[:, second[block]]
        columns -= q @ (q.T @ columns)
        size = np.maximum(np.linalg.norm(columns, axis=0), 1e-9 * np.sqrt(rows))
        largest = max(largest, float(np.max(np.abs(left @ columns) / size)))
    r2 = min(largest**2 / max(float(left @ left), 1e-300), 1.0)
    freedom = rows - n - 2
    if freedom < 1:
        return Finding(1.0, None)
    p_value = float(stats.f.sf(freedom * r2 / max(1 - r2, 1e-300), 1, freedom))
    return Finding(min(1.0, len(first) * p_value), "products")


def features(u: np.ndarray, degree: int) -> np.ndarray:
    """All monomials of the standardised u of degree 1 .. degree, [rows, number]."""
    spread = u.std(axis=0)
    return _monomials((u - u.mean(axis=0)) / np.where(spread > 0, spread, 1), degree)


def _monomials(v: np.ndarray, degree: int) -> np.ndarray:
    columns = []
    for d in range(1, degree + 1):
        for chosen in itertools.combinations_with_replacement(range(v.shape[1]), d):
            columns.append(np.prod(v[:, chosen], axis=1))
    return np.stack(columns, axis=1)


def polynomial_degree(u: np.ndarray, num_parameters: int) -> int:
    """The degree of the polynomial test, 0 if there are too few rows for any."""
    rows, n = u.shape
    for degree, factor in ((3, 10), (2, 10), (2, 1), (1, 1)):
        number = math.comb(n + degree, degree)
        if factor * (number + num_parameters) + max(3, number // 2) <= rows:
            return degree
    return 0


def _polynomial(u: np.ndarray, residuals: np.ndarray, num_parameters: int, degree: int) -> float:
    rows = len(u)
    center, spread = u.mean(axis=0), u.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    upper = fitting.triangle(
        np.column_stack(
            [
                np.ones(len(residuals[block])),
                _monomials((u[block] - center) / spread, degree),
                residuals[block],
            ]
        )
        for block in fitting.blocks(rows)
    )
    kept = np.abs(np.diag(upper)[:-1]) > 1e-8 * np.abs(upper[0, 0])
    explained = float(np.sum(np.square(upper[: len(kept), -1][kept])))
    rest = float(np.sum(np.square(upper[:, -1]))) - explained
    first, second = int(kept.sum()), rows - int(kept.sum()) - num_parameters
    if rest <= 0:
        return 0.0 if explained > 0 else 1.0
    return float(stats.f.sf(explained / first / (rest / second), first, second))


def _neighbours(u: np.ndarray, residuals: np.ndarray) -> float:
    step = -(-len(u) // _MANY)
    u, residuals = u[::step], residuals[::step]
    spread = u.std(axis=0)
    v = u / np.where(spread > 0, spread, 1)
    _, nearest = spatial.cKDTree(v).query(v, k=2)
    other = nearest[:, 1]
    # Ranks: a few large residuals must not decide.
    r = stats.rankdata(residuals)
    r = (r - r.mean()) / r.std()
    rows = len(r)
    mutual = float(np.mean(other[other] == np.arange(rows)))
    statistic = float(np.mean(r * r[other])) / np.sqrt((1 + mutual) / rows)
    return float(stats.norm.sf(statistic))


def different(u: np.ndarray) -> np.ndarray:
    """The number of each row among the different rows, [rows]."""
    if any(len(np.unique(column)) == len(u) for column in u.T):
        return np.arange(len(u))
    order = np.lexsort(u.T)
    new = np.zeros(len(u) - 1, bool)
    for column in u.T:
        new |= np.diff(column[order]) != 0
    number = np.empty(len(u), int)
    number[order] = np.concatenate([[0], np.cumsum(new)])
    return number


def _replicates(
    u: np.ndarray, residuals: np.ndarray, num_parameters: int, weights: np.ndarray | None
) -> float | None:
    groups = different(u)
    number = int(groups.max()) + 1
    first, second = number - num_parameters, len(u) - number
    if second < 3 or first < 1:
        return None
    w = np.ones(len(u)) if weights is None else weights
    means = np.bincount(groups, w * residuals) / np.bincount(groups, np.square(w))
    within = float(np.sum(np.square(residuals - w * means[groups])))
    between = max(float(residuals @ residuals) - within, 0.0)
    if within <= 1e-24 * between:
        return 0.0
    return float(stats.f.sf(between / first / (within / second), first, second))
