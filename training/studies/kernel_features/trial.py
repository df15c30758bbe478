"""One map to features, its width and ridge chosen, scored once on the test set."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from sklearn.kernel_approximation import Nystroem, RBFSampler

from training.data import Dataset, Split
from weirdonetworks.analysis import (
    Frequencies,
    draw_frequencies,
    fourier_features,
    leverage_scores,
    sample_rows,
)

GAMMAS = (0.0003, 0.001, 0.003, 0.01, 0.03)  # of pixels in [0, 1]
RIDGES = (1e-6, 1e-4, 1e-2, 1.0)
COMPARED = 0.01  # the gamma and the ridge at which errors of the kernel are compared
POOL = 4  # frequencies for each that is chosen
POINTS = 400  # images by which leverage is judged

Map = Callable[[np.ndarray], np.ndarray]


def trial(axes: dict[str, Any], seed: int, choice: None) -> dict[str, Any]:
    """A row: the chosen gamma and ridge, accuracies, and how far Z Z^T is from one kernel."""
    dataset: Dataset = axes["dataset"]
    train, validation = _pixels(dataset.train), _pixels(dataset.validation)
    targets = np.eye(dataset.num_classes)[dataset.train.labels]
    best: dict[str, Any] = {"validation_accuracy": -1.0}
    for gamma in GAMMAS:
        for ridge, features in maps(axes["method"], train, gamma, axes["features"], seed).items():
            z, z_validation = features(train), features(validation)
            gram, cross = z.T @ z, z.T @ targets
            for own in RIDGES if ridge is None else (ridge,):
                factor = scipy.linalg.cho_factor(gram + own * np.eye(len(gram)))
                weights = scipy.linalg.cho_solve(factor, cross)
                accuracy = _accuracy(z_validation @ weights, dataset.validation)
                if accuracy > best["validation_accuracy"]:
                    best = {"gamma": gamma, "ridge": own, "validation_accuracy": accuracy}
                    kept = features, weights
    features, weights = kept
    test = _pixels(dataset.test)
    accuracy = _accuracy(features(test) @ weights, dataset.test)
    found = maps(axes["method"], train, COMPARED, axes["features"], seed)
    z = found.get(COMPARED, found.get(None))(test[:POINTS])
    kernel = gaussian_kernel(test[:POINTS], COMPARED)
    error = np.linalg.norm(z @ z.T - kernel) / np.linalg.norm(kernel)
    return {**best, "test_accuracy": accuracy, "kernel_error": float(error)}


def maps(
    method: str, train: np.ndarray, gamma: float, features: int, seed: int
) -> dict[float | None, Map]:
    """{ridge: the map for it}; {None: the map} where it is the same for all."""
    if method in ("RBFSampler", "Nystroem"):
        cls = {"RBFSampler": RBFSampler, "Nystroem": Nystroem}[method]
        most = len(train) if method == "Nystroem" else features  # of which it draws some
        found = cls(gamma=gamma, n_components=min(features, most), random_state=seed)
        return {None: found.fit(train).transform}
    if method != "leverage":
        orthogonal = method == "orthogonal"
        drawn = draw_frequencies(train, gamma, features // 2, None, orthogonal, seed)
        return {None: functools.partial(fourier_features, frequencies=drawn)}
    pool = draw_frequencies(train, gamma, POOL * (features // 2), seed=seed)
    few = train[np.random.default_rng(seed).permutation(len(train))[:POINTS]]
    z = fourier_features(few, pool)
    found = {}
    for ridge in RIDGES:
        cosines, sines = np.split(leverage_scores(z.T, ridge * len(few) / len(train)), 2)
        drawn = sample_rows(cosines + sines, features // 2, seed)
        weights = pool.weights[drawn.indices] * drawn.weights
        chosen = Frequencies(pool.vectors[drawn.indices], weights)
        found[ridge] = functools.partial(fourier_features, frequencies=chosen)
    return found


def gaussian_kernel(points: np.ndarray, gamma: float) -> np.ndarray:
    """exp(-gamma |x_i - x_j|^2)."""
    squares = np.sum(points**2, axis=1)
    return np.exp(-gamma * np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0))


def _pixels(split: Split) -> np.ndarray:
    return split.images.reshape(len(split), -1) / 255


def _accuracy(scores: np.ndarray, split: Split) -> float:
    return float(np.mean(np.argmax(scores, axis=1) == split.labels))
