"""Covariances of weights, ranks between 1 and n, and distances between 0 and 1."""

import numpy as np
import pytest
import scipy.linalg

from weirdonetworks.analysis import (
    covariance_distance,
    effective_rank,
    participation_ratio,
    spectrum,
    stable_rank,
    weight_covariance,
)

RANKS = [effective_rank, participation_ratio, stable_rank]
ranks = pytest.mark.parametrize("rank", RANKS)
kinds = pytest.mark.parametrize("kind", ["frobenius", "bures"])


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _covariance(seed: int = 0, size: int = 6, samples: int = 20) -> np.ndarray:
    return weight_covariance(_normal(size, samples, seed=seed))


def test_the_covariance_is_over_the_units():
    root = _normal(5, 5)
    weights = root @ _normal(5, 200_000, seed=1)  # a unit a column
    np.testing.assert_allclose(weight_covariance(weights), root @ root.T, atol=0.05)
    units = weights[:, :50]
    np.testing.assert_allclose(
        weight_covariance(units), sum(np.outer(w, w) for w in units.T) / 50, rtol=1e-12
    )
    np.testing.assert_allclose(
        np.linalg.eigvalsh(weight_covariance(units))[::-1], spectrum(units).eigenvalues, rtol=1e-9
    )


@ranks
def test_equal_eigenvalues_count_fully(rank):
    for n in (1, 2, 10):
        assert rank(np.full(n, 0.3)) == pytest.approx(n)
        assert rank([0.3] * n + [0.0] * 5) == pytest.approx(n)
    assert rank([7.0, 0, 0]) == 1


@ranks
def test_ranks_have_no_unit(rank):
    values = np.abs(_normal(8))
    assert rank(1e6 * values) == pytest.approx(rank(values))


@ranks
def test_ranks_of_the_largest_and_of_the_smallest_numbers(rank):
    for size in (1e308, 1e-308):
        assert rank([size, size]) == pytest.approx(2)
        assert rank([size, size / 3]) == pytest.approx(rank([3, 1]))


def test_known_values():
    values = [3.0, 1.0]
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert effective_rank(values) == pytest.approx(np.exp(entropy))
    assert participation_ratio(values) == pytest.approx(16 / 10)
    assert stable_rank(values) == pytest.approx(4 / 3)


@pytest.mark.parametrize("seed", range(5))
def test_ranks_are_in_order(seed):
    weights = _normal(20, 30, seed=seed) * np.geomspace(1, 10, 20)[:, None]
    values = spectrum(weights).eigenvalues
    order = [1, stable_rank(values), participation_ratio(values), effective_rank(values), 20]
    assert order == sorted(order) and order[1] < order[2] < order[3]
    norms = np.linalg.norm(weights) ** 2 / np.linalg.norm(weights, 2) ** 2
    assert stable_rank(values) == pytest.approx(norms)


@kinds
def test_distance_of_equal_and_of_orthogonal_covariances(kind):
    c = _covariance()
    assert covariance_distance(c, c, kind) == pytest.approx(0, abs=1e-9)
    assert covariance_distance(np.diag([1.0, 0]), np.diag([0, 5.0]), kind) == 1
    assert covariance_distance(c, 0 * c, kind) == 1
    assert 0.1 < covariance_distance(c, _covariance(1), kind) < 0.9


@kinds
def test_distance_is_symmetric_and_turns_with_both(kind):
    c, d = _covariance(), _covariance(1)
    q = np.linalg.qr(_normal(6, 6, seed=2))[0]
    distance = covariance_distance(c, d, kind)
    assert covariance_distance(d, c, kind) == pytest.approx(distance)
    turned = covariance_distance(q.T @ c @ q, q.T @ d @ q, kind)
    assert turned == pytest.approx(distance)
    assert abs(covariance_distance(c, q.T @ d @ q, kind) - distance) > 1e-3
    assert covariance_distance(7 * c, 7 * d, kind) == pytest.approx(distance)


def test_the_formulas():
    c, d = _covariance(), _covariance(1)
    frobenius = np.sum((c - d) ** 2) / (np.sum(c**2) + np.sum(d**2))
    assert covariance_distance(c, d) == pytest.approx(frobenius)
    root = scipy.linalg.sqrtm(c)
    fidelity = np.trace(scipy.linalg.sqrtm(root @ d @ root)).real
    bures = (np.trace(c) + np.trace(d) - 2 * fidelity) / (np.trace(c) + np.trace(d))
    assert covariance_distance(c, d, "bures") == pytest.approx(bures)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.eye(2), np.eye(3)), r"^second must have the shape of first, \(2, 2\), got \(3, 3\)$"),
        ((np.ones((2, 3)), np.eye(3)), r"^first must be a symmetric matrix, got shape \(2, 3\)$"),
        ((np.eye(2), np.array([[1, 2], [3, 4]])), r"^second must be a symmetric matrix"),
        ((np.eye(2), np.eye(2), "l1"), r"^kind must be one of .*'bures'.*, got 'l1'$"),
        ((np.zeros((2, 2)), np.zeros((2, 2))), r"^first and second must not both be 0$"),
        ((np.eye(2), -np.eye(2), "bures"), r"^second must have no negative eigenvalue, got -1$"),
        ((np.eye(2), np.full((2, 2), np.inf)), r"^second must be finite, got 4 that are not$"),
    ],
)
def test_bad_covariances(arguments, message):
    with pytest.raises(ValueError, match=message):
        covariance_distance(*arguments)


@ranks
@pytest.mark.parametrize(
    ("eigenvalues", "message"),
    [
        ([1.0, -0.1], r"^eigenvalues must be >= 0, and one of them > 0, got -0.1 to 1$"),
        ([0.0, 0.0], r"^eigenvalues must be >= 0, and one of them > 0, got 0 to 0$"),
        ([], r"^eigenvalues must be \[n\] with at least one entry, got \(0,\)$"),
        (np.eye(2), r"^eigenvalues must be \[n\] with at least one entry, got \(2, 2\)$"),
    ],
)
def test_bad_eigenvalues(rank, eigenvalues, message):
    with pytest.raises(ValueError, match=message):
        rank(eigenvalues)


def test_bad_weights():
    with pytest.raises(ValueError, match=r"^weights must be \[in, out\] .* got \(3,\)$"):
        weight_covariance(np.ones(3))


def test_symmetric_up_to_rounding_is_symmetric():
    for seed in range(20):
        turned = scipy.stats.ortho_group.rvs(6, random_state=seed)
        same = turned.T @ (3 * np.eye(6)) @ turned
        assert covariance_distance(same, 3 * np.eye(6)) < 1e-12
    apart = np.eye(6) + 1e-4 * np.eye(6, k=1)
    with pytest.raises(
        ValueError, match="^first must be a symmetric matrix, got one whose entries"
    ):
        covariance_distance(apart, np.eye(6))


@pytest.mark.parametrize("kind", ["frobenius", "bures"])
@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_distances_have_no_size(kind, size):
    first, second = np.eye(3), np.diag([1.0, 0, 0])
    expected = covariance_distance(first, second, kind)
    assert expected > 0.1
    assert covariance_distance(size * first, size * second, kind) == pytest.approx(expected)
