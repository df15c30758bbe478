"""Leverage scores: which rows of a matrix the others cannot replace, and rows drawn by them."""

from typing import Any, NamedTuple

import numpy as np

from weirdonetworks import _checks
from weirdonetworks.analysis import _arrays


class SampledRows(NamedTuple):
    """Rows that were drawn.

    Attributes:
      indices: [m], of the rows, each once, in ascending order.
      weights: [m], by which to multiply them.
    """

    indices: np.ndarray
    weights: np.ndarray


def leverage_scores(A: Any, ridge: float = 0) -> np.ndarray:
    """h_i = a_i^T (A^T A + ridge I)^+ a_i of the rows a_i of A, [n, d] -> [n], in [0, 1].

    How far row i is from being a combination of the others: 1 where it alone spans a direction
    (without a ridge). Their sum is the rank of A, or with a ridge the `effective_dimension`.

    Source: Drineas, Mahoney and Muthukrishnan 2006, "Sampling algorithms for l2 regression and
    applications"; with a ridge, Alaoui and Mahoney 2015, "Fast randomized kernel ridge regression
    with statistical guarantees".

    Raises:
      ValueError: A is no finite matrix, or the ridge is not >= 0.
    """
    left, shares = _shares(A, ridge)
    return np.minimum(np.sum(left**2 * shares, axis=1), 1)


def effective_dimension(A: Any, ridge: float) -> float:
    """sum_i s_i^2 / (s_i^2 + ridge) of the singular values s of A: its rank, for the ridge 0.

    Of the eigenvalues s^2 of a kernel matrix A A^T: the degrees of freedom of kernel ridge
    regression. Source: Zhang 2005, "Learning bounds for kernel regression using effective data
    dimensionality".

    Raises:
      ValueError: as `leverage_scores`.
    """
    return float(np.sum(_shares(A, ridge)[1]))


def sample_rows(scores: Any, num_samples: int, seed: int = 0) -> SampledRows:
    """m = num_samples rows, row i with probability p_i = min(1, c h_i), weights 1 / sqrt(p_i).

    c is such that sum p = m, so that with m >= sum h a row of score 1 is never missed. The rows S,
    times their weights, keep the Gram matrix in the mean: E S^T S = A^T A. Equal scores are uniform
    sampling.

    Rows are drawn without replacement, by systematic sampling in random order: their number is
    exactly m, and their probabilities are exactly p. Source: Madow 1949, "On the theory of
    systematic sampling, II".

    Raises:
      ValueError: scores [n] that are not finite and >= 0, a num_samples that is no integer in 1 ..
        the number of scores > 0, or a seed that is not >= 0.
    """
    scores = _arrays.array("scores", scores, 1, "[n]")
    if scores.min() < 0 or not scores.any():
        raise ValueError(f"scores must be >= 0, and one of them > 0, got {scores.min():.6g}")
    m, most = _checks.integer("num_samples", num_samples), np.sum(scores > 0)
    if m > most:
        raise ValueError(f"num_samples must be at most the scores > 0, {most}, got {m}")
    generator = np.random.default_rng(_checks.integer("seed", seed, minimum=0))
    probabilities = _probabilities(scores, m)
    certain = probabilities > 1 - 1e-9  # but for rounding
    order, left = generator.permutation(np.flatnonzero(~certain)), m - int(np.sum(certain))
    if left:
        ends = np.cumsum(probabilities[order])
        passed = np.floor(np.append(0, ends * (left / ends[-1])) + generator.uniform())
        passed[-1] = passed[0] + left
        certain[order[np.diff(passed) > 0]] = True
    indices = np.flatnonzero(certain)
    return SampledRows(indices, 1 / np.sqrt(probabilities[indices]))


def _probabilities(scores: np.ndarray, m: int) -> np.ndarray:
    """min(1, c h) that sums to m: the largest are 1 until the rest has its share."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    with np.errstate(over="ignore"):  # what is so much larger than the m-th is certain
        falling = np.minimum(falling / falling[m - 1], 1e150)
    rest = np.cumsum(falling[::-1])[::-1]  # sum of h from i on
    certain = np.arange(m)  # if so many are 1
    first = int(np.argmax(falling[:m] * (m - certain) <= rest[:m]))
    probabilities = np.ones(len(scores))
    probabilities[order[first:]] = falling[first:] * (m - first) / rest[first]
    return np.minimum(probabilities, 1)


def _shares(A: Any, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Left singular vectors, and s^2 / (s^2 + ridge)."""
    A = _arrays.array("A", A, 2, "[n, d]")
    ridge = _checks.number("ridge", ridge, 0, np.inf, open_high=True)
    left, values, _ = np.linalg.svd(A, full_matrices=False)
    known = values > max(A.shape) * np.finfo(float).eps * values[0]
    values = np.where(known, values, 1)
    return left, np.where(known, 1 / (1 + (np.sqrt(ridge) / values) ** 2), 0)
