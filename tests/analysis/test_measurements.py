"""The report of a matrix of measurements: known figures, and what is unlike a Gaussian matrix."""

import itertools

import numpy as np
import pytest

from weirdonetworks.analysis import measurement_report

SHAPE = (56, 256)


def _normal(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) / np.sqrt(shape[0])


def test_the_figures_of_a_small_matrix():
    """By all pairs, and all sets of columns in place of drawn ones."""
    A = _normal(4, 5)
    found = measurement_report(A, 2, draws=500).matrix
    norms = [np.linalg.norm(column) for column in A.T]
    assert found.least_norm == pytest.approx(min(norms))
    assert found.largest_norm == pytest.approx(max(norms))
    cosines = [
        abs(A[:, i] @ A[:, j]) / norms[i] / norms[j] for i, j in itertools.combinations(range(5), 2)
    ]
    assert found.coherence == pytest.approx(max(cosines))
    values = [
        np.linalg.svd(A[:, [i, j]], compute_uv=False)[-1]
        for i, j in itertools.combinations(range(5), 2)
    ]
    assert found.least_singular_value == pytest.approx(min(values))
    assert found.singular_value == pytest.approx(np.mean(values), abs=0.05)
    assert 0 < found.correlation < max(norms)


@pytest.mark.slow
def test_a_gaussian_matrix_is_like_another_one():
    """Correlations are about sqrt(2 log(d) / n), least singular values above 1 - sqrt(m / n)."""
    matrix, gaussian = measurement_report(_normal(*SHAPE), 4)
    for own, other in zip(matrix, gaussian, strict=True):
        assert own == pytest.approx(other, rel=0.25)
    assert matrix.correlation == pytest.approx(np.sqrt(2 * np.log(256) / 56), rel=0.15)
    assert 1 - np.sqrt(4 / 56) < matrix.singular_value < 1
    signs = measurement_report(np.sign(_normal(*SHAPE)) / np.sqrt(56), 4).matrix
    assert signs.least_norm == pytest.approx(1) == signs.largest_norm
    assert signs.correlation == pytest.approx(gaussian.correlation, rel=0.1)


@pytest.mark.slow
def test_what_is_no_matrix_of_measurements():
    coherent, gaussian = measurement_report(np.cumsum(_normal(*SHAPE), axis=1), 4)
    assert coherent.coherence > 0.99 > gaussian.coherence + 0.2
    scaled = np.cumsum(_normal(*SHAPE), axis=1)
    scaled /= np.linalg.norm(scaled, axis=0)
    coherent = measurement_report(scaled, 4).matrix
    assert coherent.correlation > 1.5 * gaussian.correlation
    assert coherent.singular_value < 0.5 < gaussian.least_singular_value
    uneven = measurement_report(_normal(*SHAPE) * np.geomspace(0.1, 10, 256), 4).matrix
    assert uneven.largest_norm > 5 * gaussian.largest_norm
    twice = measurement_report(np.hstack([_normal(5, 3)] * 2), 4).matrix
    assert twice.coherence == pytest.approx(1) and twice.singular_value < 1e-12


def test_bad_arguments():
    A = _normal(4, 5)
    for value in (A[:, :1], A * [1, 1, 0, 1, 1]):
        with pytest.raises(ValueError, match="^A must have two columns or more, none of them 0"):
            measurement_report(value, 1)
    with pytest.raises(
        ValueError, match=r"^A must be \[n, d\] with at least one entry, got \(4,\)"
    ):
        measurement_report(A[:, 0], 1)
    for k in (0, 2.5, None):
        with pytest.raises(ValueError, match="^k must be an integer >= 1, got "):
            measurement_report(A, k)
    for k in (5, 6):
        with pytest.raises(ValueError, match=f"^k must be at most the rows of A .*, got {k}$"):
            measurement_report(A, k)
    with pytest.raises(ValueError, match="^draws must be an integer >= 1, got 0$"):
        measurement_report(A, 1, draws=0)
    with pytest.raises(ValueError, match="^seed must be an integer >= 0, got -1$"):
        measurement_report(A, 1, seed=-1)
