"""Is there structure left in the residuals? Tests of independence from the inputs."""

import itertools
from typing import NamedTuple

import numpy as np
from scipy import spatial, stats

# Of a false alarm, over all tests together.
LEVEL = 0.01


class Structure(NamedTuple):
    """The smallest p-value of the tests, corrected for their number, and which one gave it."""

    p_value: float
    test: str

    @property
    def found(self) -> bool:
        """Whether residuals this structured come up in less than 1 % of fits of a true law."""
        return self.p_value < LEVEL


def structure(u: np.ndarray, residuals: np.ndarray, num_parameters: int, neighbours: bool = True):
    """Tests whether residuals [rows] depend on the inputs u [rows, features].

    * polynomial: the F-test of all monomials of u of a degree <= 3 that leaves ten rows for each;
    * spread: the same for the logarithms of |residual|, of degree 1 (reported, not counted: noise
      may depend on x without the law being wrong);
    * neighbours: the correlation between the residuals of a row and of the row nearest to it,
      against 2 permutation standard deviations sqrt(1/n) of independent residuals.

    Bonferroni's correction: the smallest p-value times the number of tests.
    """
    results = [("polynomial", _polynomial(u, residuals, num_parameters))]
    if neighbours and len(u) >= 20:
        results.append(("neighbours", _neighbours(u, residuals)))
    test, p = min(results, key=lambda result: result[1])
    return Structure(min(1.0, len(results) * p), test)


def features(u: np.ndarray, degree: int) -> np.ndarray:
    """All monomials of the standardised u of degree 1 .. degree, [rows, number]."""
    spread = u.std(axis=0)
    v = (u - u.mean(axis=0)) / np.where(spread > 0, spread, 1)
    columns = []
    for d in range(1, degree + 1):
        for chosen in itertools.combinations_with_replacement(range(v.shape[1]), d):
            columns.append(np.prod(v[:, chosen], axis=1))
    return np.stack(columns, axis=1)


def _polynomial(u: np.ndarray, residuals: np.ndarray, num_parameters: int) -> float:
    rows, n = u.shape
    for degree in (3, 2, 1):
        number = _binomial(n + degree, degree) - 1
        if 10 * (number + num_parameters) <= rows:
            break
    else:
        return 1.0
    design = np.column_stack([np.ones(rows), features(u, degree)])
    q, r = np.linalg.qr(design)
    kept = np.abs(np.diag(r)) > 1e-8 * np.abs(r[0, 0])
    explained = float(np.sum(np.square(q[:, kept].T @ residuals)))
    rest = float(residuals @ residuals) - explained
    first, second = int(kept.sum()), rows - int(kept.sum()) - num_parameters
    if rest <= 0 or second <= 0:
        return 1.0
    return float(stats.f.sf(explained / first / (rest / second), first, second))


def _binomial(n: int, k: int) -> int:
    result = 1
    for i in range(k):
        result = result * (n - i) // (i + 1)
    return result


def _neighbours(u: np.ndarray, residuals: np.ndarray) -> float:
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
