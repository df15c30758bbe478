"""What sparse recovery asks of a matrix of measurements, beside a Gaussian one."""

from typing import Any, NamedTuple

import numpy as np

from weirdonetworks import _checks
from weirdonetworks.analysis import _arrays


class Measurements(NamedTuple):
    """Properties of a matrix [n, d].

    Attributes:
      least_norm: of a column. (The theorem: norms are 1 in the mean of squares.)
      largest_norm: of a column.
      coherence: the largest |cos| of the angle of two columns.
      correlation: the mean over draws of max_j |<a_j, u>|, u a unit vector in the span of k
        columns, j among the others. (Joint correlation: about sqrt(2 log d / n).)
      singular_value: the mean over draws of the least singular value of k columns. (At least 1/2.)
      least_singular_value: the least of all draws.
    """

    least_norm: float
    largest_norm: float
    coherence: float
    correlation: float
    singular_value: float
    least_singular_value: float


class MeasurementReport(NamedTuple):
    """The figures of a matrix, and of a Gaussian one of its shape.

    Attributes:
      matrix: those of the matrix.
      gaussian: those of one with entries of N(0, 1 / n), independent of one another.
    """

    matrix: Measurements
    gaussian: Measurements


def measurement_report(A: Any, k: int, draws: int = 100, seed: int = 0) -> MeasurementReport:
    """Whether A, [n, d], is like the matrices by which matching pursuit finds k-sparse vectors.

    Tropp and Gilbert 2007, "Signal recovery from random measurements via orthogonal matching
    pursuit", ask that columns are independent of one another (which no single matrix shows), that
    E |a_j|^2 = 1, that a column is all but orthogonal to vectors that do not depend on it, and that
    k columns are far from dependent. The latter two are properties of random draws here: of `draws`
    sets of k columns. u is the image of normal coefficients, as the residual is at the start.

    `orthogonal_matching_pursuit` divides by the lengths of columns: to judge A as it sees it, give
    A / |a_j|.

    Raises:
      ValueError: A is no finite matrix of at least two columns or has a column of zeros, k is not
        in 1 .. n or leaves no other column, draws < 1, or a seed that is not >= 0.
    """
    A = _arrays.array("A", A, 2, "[n, d]")
    rows, columns = A.shape
    if columns < 2 or not np.all(np.any(A, axis=0)):
        raise ValueError(f"A must have two columns or more, none of them 0, got shape {A.shape}")
    k = _checks.integer("k", k)
    if k > min(rows, columns - 1):
        raise ValueError(
            f"k must be at most the rows of A and leave a column, of {rows} x {columns}, got {k}"
        )
    draws = _checks.integer("draws", draws)
    (other,) = np.random.default_rng(_checks.integer("seed", seed, minimum=0)).spawn(1)
    gaussian = other.normal(size=A.shape) / np.sqrt(rows)
    return MeasurementReport(*(_measure(matrix, k, draws, seed) for matrix in (A, gaussian)))


def _measure(A: np.ndarray, k: int, draws: int, seed: int) -> Measurements:
    generator = np.random.default_rng(_checks.integer("seed", seed, minimum=0))
    norms = np.linalg.norm(A, axis=0)
    cosines = np.abs((A / norms).T @ (A / norms))
    np.fill_diagonal(cosines, 0)
    correlations, values = [], []
    for _ in range(draws):
        order = generator.permutation(A.shape[1])
        chosen, others = A[:, order[:k]], A[:, order[k:]]
        u = chosen @ generator.normal(size=k)
        length = np.linalg.norm(u)
        correlations.append(np.abs(others.T @ u).max() / length if length else 0.0)
        values.append(np.linalg.svd(chosen, compute_uv=False)[-1])
    return Measurements(
        least_norm=float(norms.min()),
        largest_norm=float(norms.max()),
        coherence=float(min(1, cosines.max())),
        correlation=float(np.mean(correlations)),
        singular_value=float(np.mean(values)),
        least_singular_value=float(np.min(values)),
    )
