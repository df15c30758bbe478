"""Leverage scores: their sums, the row that is never missed, and Gram matrices that are kept."""

import numpy as np
import pytest
import scipy.stats

import training
from weirdonetworks.analysis import effective_dimension, leverage_scores, sample_rows


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _lone(rows: int = 60) -> np.ndarray:
    """Rows of which the first alone has a third direction."""
    A = np.column_stack([_normal(rows, 2), np.zeros(rows)])
    A[0, 2] = 1e-3
    return A


@pytest.mark.parametrize("shape", [(30, 5), (5, 30), (12, 12)])
def test_they_sum_to_the_rank_or_the_effective_dimension(shape):
    A = _normal(*shape)
    low = A @ np.diag(np.arange(shape[1]) < 3).astype(float)
    for matrix, rank in ((A, min(shape)), (low, 3), (0 * A, 0)):
        scores = leverage_scores(matrix)
        assert scores.sum() == pytest.approx(rank) and effective_dimension(matrix, 0) == rank
        assert scores.min() >= 0 and scores.max() <= 1
    K = A @ A.T
    for ridge in (1e-3, 1.0, 100.0):
        expected = np.trace(K @ np.linalg.inv(K + ridge * np.eye(len(K))))
        assert leverage_scores(A, ridge).sum() == pytest.approx(expected)
        assert effective_dimension(A, ridge) == pytest.approx(expected)


def test_they_are_their_formula():
    A = _normal(20, 4) * np.array([1e-3, 1, 1, 1e3])
    expected = np.einsum("ni,ij,nj->n", A, np.linalg.pinv(A.T @ A, rcond=1e-30), A)
    np.testing.assert_allclose(leverage_scores(A), expected, rtol=1e-6)
    ridged = np.einsum("ni,ij,nj->n", A, np.linalg.inv(A.T @ A + 0.3 * np.eye(4)), A)
    np.testing.assert_allclose(leverage_scores(A, 0.3), ridged, rtol=1e-6)


def test_a_row_that_alone_spans_a_direction():
    scores = leverage_scores(_lone())
    assert scores[0] == pytest.approx(1) and scores[1:].max() < 0.5
    twice = np.vstack([_lone(), _lone()[:1]])  # then it is not alone
    assert leverage_scores(twice)[[0, -1]] == pytest.approx([0.5, 0.5], abs=0.05)


@pytest.mark.slow
def test_it_is_never_missed_and_uniform_draws_miss_it():
    """m draws with replacement miss it with probability (1 - 1/n)^m."""
    A, m, trials = _lone(), 6, 2000
    scores = leverage_scores(A)
    assert all(0 in sample_rows(scores, m, seed).indices for seed in range(trials))
    rng, n = np.random.default_rng(0), len(A)
    with_replacement = sum(0 not in rng.integers(n, size=m) for _ in range(trials))
    assert scipy.stats.binomtest(with_replacement, trials, (1 - 1 / n) ** m).pvalue > 1e-3
    uniform = sum(0 not in sample_rows(np.ones(n), m, seed).indices for seed in range(trials))
    assert scipy.stats.binomtest(uniform, trials, 1 - m / n).pvalue > 1e-3


@pytest.mark.slow
def test_rows_are_drawn_as_often_as_they_should_be():
    scores = np.random.default_rng(0).exponential(size=30)
    scores[3] = 0
    for m in (1, 7, 20, 29):
        low, high = 0.0, 1e6  # of c, by bisection
        for _ in range(200):
            c = (low + high) / 2
            low, high = (c, high) if np.minimum(1, c * scores).sum() < m else (low, c)
        expected, counts, trials = np.minimum(1, c * scores), np.zeros(30), 2000
        for seed in range(trials):
            indices, weights = sample_rows(scores, m, seed)
            assert len(set(indices)) == m and np.all(np.diff(indices) > 0)
            np.testing.assert_allclose(weights, expected[indices] ** -0.5, rtol=1e-9)
            counts[indices] += 1
        assert counts[3] == 0
        deviation = np.sqrt(trials * expected * (1 - expected))
        assert np.all(np.abs(counts - trials * expected) <= 4.5 * deviation + 1e-9)


def test_the_order_is_random():
    """Of equal scores, each set is drawn; in their own order, three of the sets of two would be."""
    drawn = {tuple(sample_rows(np.ones(6), 2, seed).indices) for seed in range(300)}
    assert len(drawn) == 15


def test_scores_of_any_size():
    """What is certain is so, however small: the quotient of two scores may be 0 or infinite."""
    for scores in ([1e300, 1e-300], [5e-324, 1.7e308], [1.7e308, 1.7e308], [1e-320, 1e-320]):
        indices, weights = sample_rows(scores, 2)
        assert list(indices) == [0, 1] and np.all(weights == 1)
    for seed in range(20):
        indices, weights = sample_rows([1e-300, 1e300, 1e-300, 2e-300, 1e308], 3, seed)
        assert {1, 4} < set(indices)
        (other,) = set(indices) - {1, 4}
        expected = {1: 1, 4: 1, other: np.sqrt(2 if other == 3 else 4)}
        np.testing.assert_allclose(weights, [expected[i] for i in indices], rtol=1e-12)
    indices, weights = sample_rows([1.7e308, 1.7e308, 1e-300], 1)
    assert indices[0] < 2 and weights[0] == pytest.approx(np.sqrt(2))


@pytest.mark.slow
def test_the_gram_matrix_is_kept_better_than_by_uniform_rows():
    A = _normal(300, 5) * np.where(np.arange(300) < 6, 30, 1)[:, None]
    gram = A.T @ A
    errors = {}
    for name, scores in (("leverage", leverage_scores(A)), ("uniform", np.ones(300))):
        drawn = []
        for seed in range(300):
            indices, weights = sample_rows(scores, 40, seed)
            rows = weights[:, None] * A[indices]
            drawn.append(rows.T @ rows)
        spread = np.std(drawn, axis=0) / np.sqrt(len(drawn))
        assert np.all(np.abs(np.mean(drawn, axis=0) - gram) < 5 * spread + 1e-9)
        errors[name] = np.mean([np.linalg.norm(one - gram, 2) for one in drawn])
    assert errors["leverage"] < errors["uniform"] / 5, errors


@pytest.mark.slow
def test_digits_are_kept_better_than_by_uniform_rows():
    """3,500 images of 7 x 7 pixels, far more than columns, relative to A^T A + ridge I.

    By the spectral error, and by what ridge regression on the rows loses on all images; twice as
    many rows as the effective dimension.
    """
    train, ridge = training.load("mnist_5k").train, 0.1
    A = train.images.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49) / 255
    targets, gram = np.eye(10)[train.labels], A.T @ A
    scores = leverage_scores(A, ridge)
    dimension = effective_dimension(A, ridge)
    assert scores.sum() == pytest.approx(dimension) and 40 < dimension < 49 < len(A)
    values, vectors = np.linalg.eigh(gram)
    white = A @ (vectors / np.sqrt(np.maximum(values, 0) + ridge))

    def solved(rows, targets):
        return np.linalg.solve(rows.T @ rows + ridge * np.eye(49), rows.T @ targets)

    def loss(w):
        return np.sum((A @ w - targets) ** 2) + ridge * np.sum(w**2)

    best = loss(solved(A, targets))
    errors, losses = {}, {}
    for name, own in (("leverage", scores), ("uniform", np.ones(len(A)))):
        spectral, excess = [], []
        for seed in range(30):
            indices, weights = sample_rows(own, round(2 * dimension), seed)
            rows, answers = (weights[:, None] * each[indices] for each in (white, targets))
            spectral.append(np.linalg.norm(rows.T @ rows - white.T @ white, 2))
            excess.append(loss(solved(weights[:, None] * A[indices], answers)) / best - 1)
        errors[name], losses[name] = np.mean(spectral), np.mean(excess)
    assert errors["leverage"] < errors["uniform"] / 1.3, errors
    assert losses["leverage"] < losses["uniform"], losses


def test_bad_arguments():
    A = _normal(5, 3)
    for function in (leverage_scores, effective_dimension):
        for ridge in (-1.0, np.nan, np.inf, None, "1", True):
            with pytest.raises(ValueError, match=r"^ridge must be a number in \[0, inf\), got "):
                function(A, ridge)
        for value, rule in ((A[0], r"\[n, d\]"), (A + 1j, "real"), (A * np.nan, "finite")):
            with pytest.raises(ValueError, match=f"^A must be .*{rule}"):
                function(value, 1.0)
    for value in ([-1.0, 1.0], [0.0, 0.0]):
        with pytest.raises(ValueError, match="^scores must be >= 0, and one of them > 0, got "):
            sample_rows(value, 1)
    for m in (0, 2.5, None):
        with pytest.raises(ValueError, match="^num_samples must be an integer >= 1, got "):
            sample_rows([1.0, 2.0], m)
    with pytest.raises(ValueError, match="^num_samples must be at most the scores > 0, 2, got 3$"):
        sample_rows([1.0, 0.0, 2.0], 3)
    with pytest.raises(ValueError, match="^seed must be an integer >= 0, got -1$"):
        sample_rows([1.0, 2.0], 1, seed=-1)
