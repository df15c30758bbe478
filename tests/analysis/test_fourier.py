"""Random Fourier features: their mean is the kernel; leverage makes the spectral error small."""

import numpy as np
import pytest

from weirdonetworks.analysis import (
    Frequencies,
    draw_frequencies,
    effective_dimension,
    fourier_features,
    leverage_scores,
)

POINTS = np.random.default_rng(0).uniform(size=(400, 2))


def _kernel(points: np.ndarray, gamma: float) -> np.ndarray:
    return np.exp(-gamma * np.sum((points[:, None] - points) ** 2, axis=-1))


def _spectral_error(K: np.ndarray, Z: np.ndarray, ridge: float) -> float:
    """The norm of Z Z^T - K relative to K + ridge."""
    values, vectors = np.linalg.eigh(K + ridge * np.eye(len(K)))
    half = vectors / np.sqrt(values)
    return np.abs(np.linalg.eigvalsh(half.T @ (Z @ Z.T - K) @ half)).max()


def _errors(gamma: float, ridge: float, m: int, seeds: int = 3) -> tuple[float, float]:
    """Means over seeds: of draws from the kernel's density, and by leverage."""
    K = _kernel(POINTS, gamma)
    drawn = [
        [
            _spectral_error(K, fourier_features(POINTS, frequencies), ridge)
            for frequencies in (
                draw_frequencies(POINTS, gamma, m, seed=seed),
                draw_frequencies(POINTS, gamma, m, ridge, seed=seed),
            )
        ]
        for seed in range(seeds)
    ]
    return tuple(np.mean(drawn, axis=0))


@pytest.mark.slow
def test_the_spectral_error_of_leverage_is_far_smaller():
    """And falls as m^(-1/2), without a floor, as the window has no edge."""
    errors = {m: _errors(64.0, 0.008, m) for m in (200, 800, 3200)}
    assert all(uniform > 5 * leverage for uniform, leverage in errors.values()), errors
    falls = [errors[m][1] / errors[4 * m][1] for m in (200, 800)]
    assert all(1.6 < fall < 2.6 for fall in falls), errors
    assert errors[200][1] < 2.2 and errors[3200][1] < 0.5, errors


@pytest.mark.slow
def test_the_window_follows_the_ridge():
    radii = []
    for ridge in (1.0, 1e-2, 1e-4):
        vectors = draw_frequencies(POINTS, 64.0, 4000, ridge).vectors
        radii.append(np.quantile(np.linalg.norm(vectors, axis=1), 0.98))
        uniform, leverage = _errors(64.0, ridge, 1000)
        gain = 0.9 if ridge == 1 else 5  # where it is large, the density of the kernel will do
        assert leverage < min(1.5, uniform / gain), (ridge, uniform, leverage)
    # s = r^2 / (4 gamma) grows by log 100.
    steps = np.diff(np.square(radii)) / (4 * 64)
    np.testing.assert_allclose(steps, np.log(100), rtol=0.25)
    # The window of a large ridge is too narrow for a small one.
    K, narrow = _kernel(POINTS, 64.0), draw_frequencies(POINTS, 64.0, 1000, 1.0)
    assert _spectral_error(K, fourier_features(POINTS, narrow), 1e-4) > 2 * leverage
    # And a huge one leaves the density of the kernel, whose weights are equal.
    plain = draw_frequencies(POINTS, 64.0, 2000, 1e9).weights * np.sqrt(2000)
    np.testing.assert_allclose(plain, 1, atol=1e-3)


def test_its_normalisation_is_the_effective_dimension():
    """All that the modified scores sum to, up to the boundary of the square."""
    gamma, ridge, m = 64.0, 0.008, 50
    found = draw_frequencies(POINTS, gamma, m, ridge)
    s = np.sum(found.vectors**2, axis=1) / (4 * gamma)
    p = np.exp(-s) / (4 * np.pi * gamma)
    t = ridge / (400 * (2 * np.pi) ** 2) * np.prod(np.ptp(POINTS, axis=0))
    normalisation = m * found.weights**2 * (1 / (p + t))  # D of the docstring, from each
    np.testing.assert_allclose(normalisation, normalisation[0], rtol=1e-9)
    scale = np.prod(np.ptp(POINTS, axis=0)) / (2 * np.pi) ** 2
    root = np.linalg.cholesky(_kernel(POINTS, gamma) + 1e-10 * np.eye(400))
    expected = effective_dimension(root, ridge)
    assert normalisation[0] * scale == pytest.approx(expected, rel=0.1)


@pytest.mark.slow
def test_scores_of_features_are_capped():
    """By exact leverage: of the features that the kernel's density draws, some have nearly 1."""
    largest = []
    for ridge in (None, 0.008):
        Z = fourier_features(POINTS, draw_frequencies(POINTS, 64.0, 2000, ridge))
        largest.append(leverage_scores(Z.T, 0.008).max())
    assert largest[0] > 3 * largest[1], largest


@pytest.mark.parametrize("orthogonal", [False, True])
@pytest.mark.parametrize("ridge", [None, 0.1])
@pytest.mark.parametrize("size", [1, 3])
def test_the_mean_is_the_kernel(orthogonal, ridge, size):
    points = np.random.default_rng(1).uniform(size=(12, size))
    frequencies = draw_frequencies(points, 3.0, 60_000, ridge, orthogonal)
    Z = fourier_features(points, frequencies)
    np.testing.assert_allclose(Z @ Z.T, _kernel(points, 3.0), atol=0.02)


def test_frequencies_may_be_lists():
    drawn = draw_frequencies(POINTS, 1.0, 3)
    lists = Frequencies(drawn.vectors.tolist(), drawn.weights.tolist())
    np.testing.assert_array_equal(fourier_features(POINTS, lists), fourier_features(POINTS, drawn))


def test_orthogonal_frequencies():
    points = np.random.default_rng(1).normal(size=(20, 8)) / 3
    vectors = draw_frequencies(points, 1.0, 20, orthogonal=True).vectors
    assert vectors.shape == (20, 8)
    cosines = vectors @ vectors.T / np.outer(*[np.linalg.norm(vectors, axis=1)] * 2)
    for start, stop in ((0, 8), (8, 16), (16, 20)):
        block = cosines[start:stop, start:stop]
        np.testing.assert_allclose(block, np.eye(stop - start), atol=1e-12)
    K, errors = _kernel(points, 1.0), []
    for orthogonal in (False, True):
        drawn = [draw_frequencies(points, 1.0, 8, None, orthogonal, seed) for seed in range(200)]
        features = [fourier_features(points, one) for one in drawn]
        errors.append(np.mean([np.mean((Z @ Z.T - K) ** 2) for Z in features]))
    assert errors[1] < 0.9 * errors[0], errors


def test_bad_arguments():
    for gamma in (0, -1.0, np.nan, None):
        with pytest.raises(ValueError, match="^gamma must be a finite number > 0, got "):
            draw_frequencies(POINTS, gamma, 3)
    for m in (0, 2.5, None):
        with pytest.raises(ValueError, match="^num_frequencies must be an integer >= 1, got "):
            draw_frequencies(POINTS, 1.0, m)
    for ridge in (0, -1.0, "1"):
        with pytest.raises(ValueError, match="^ridge must be a finite number > 0, got "):
            draw_frequencies(POINTS, 1.0, 3, ridge)
    with pytest.raises(ValueError, match="^orthogonal must be True or False, got 1$"):
        draw_frequencies(POINTS, 1.0, 3, None, 1)
    with pytest.raises(ValueError, match="^seed must be an integer >= 0, got -1$"):
        draw_frequencies(POINTS, 1.0, 3, seed=-1)
    with pytest.raises(ValueError, match="^points must differ in every column, got 1 constant of"):
        draw_frequencies(POINTS * [1, 0], 1.0, 3, 0.1)
    with pytest.raises(ValueError, match=r"^points must be \[n, d\]"):
        draw_frequencies(POINTS[0], 1.0, 3)
    with pytest.raises(ValueError, match=r"^points must be \[n, 3\] as the frequencies are, got "):
        fourier_features(POINTS, Frequencies(np.ones((4, 3)), np.ones(4)))
    for value in (None, 3, (np.ones((4, 2)),)):
        with pytest.raises(ValueError, match=r"^frequencies must be \(vectors, weights\), got "):
            fourier_features(POINTS, value)
    for vectors in ([1.0, 2.0], [[1.0], [1.0, 2.0]], [["a", "b"]], [[np.nan, 1.0]]):
        with pytest.raises(ValueError, match="^vectors of frequencies must be "):
            fourier_features(POINTS, Frequencies(vectors, [1.0]))
    for weights in ([1.0], [[1.0, 1.0]], None, [np.inf, 1.0]):
        with pytest.raises(ValueError, match="^weights of frequencies must be "):
            fourier_features(POINTS, Frequencies(np.ones((2, 2)), weights))
