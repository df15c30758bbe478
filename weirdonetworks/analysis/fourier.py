"""Random Fourier features of the Gaussian kernel: drawn from its density, or by their leverage."""

import math
from typing import Any, NamedTuple

import numpy as np

from weirdonetworks import _checks
from weirdonetworks.analysis import _arrays


class Frequencies(NamedTuple):
    """Frequencies of random features.

    Attributes:
      vectors: [m, d].
      weights: [m], of the features of each.
    """

    vectors: np.ndarray
    weights: np.ndarray


def fourier_features(points: Any, frequencies: Frequencies) -> np.ndarray:
    """Z = (w_j cos v_j.x, w_j sin v_j.x)_j, [n, d] -> [n, 2 m], cosines first: Z Z^T is near K.

    Source: Rahimi and Recht 2007, "Random features for large-scale kernel machines".

    Raises:
      ValueError: points that are no finite matrix, or of another size than the frequencies, which
        are no finite vectors with a weight for each.
    """
    points = _arrays.array("points", points, 2, "[n, d]")
    try:
        vectors, weights = frequencies
    except (TypeError, ValueError):
        got = _checks.received(frequencies)
        raise ValueError(f"frequencies must be (vectors, weights), got {got}") from None
    vectors = _arrays.array("vectors of frequencies", vectors, 2, "[m, d]")
    weights = _arrays.array("weights of frequencies", weights, 1, "[m]")
    if len(weights) != len(vectors):
        raise ValueError(
            f"weights of frequencies must be {len(vectors)}, one for each, got {len(weights)}"
        )
    if points.shape[1] != vectors.shape[1]:
        raise ValueError(
            f"points must be [n, {vectors.shape[1]}] as the frequencies are, got {points.shape}"
        )
    angles = points @ vectors.T
    return np.concatenate([weights * np.cos(angles), weights * np.sin(angles)], axis=1)


def draw_frequencies(
    points: Any,
    gamma: float,
    num_frequencies: int,
    ridge: float | None = None,
    orthogonal: bool = False,
    seed: int = 0,
) -> Frequencies:
    """m = num_frequencies v for K_ij = exp(-gamma |x_i - x_j|^2) = E cos v.(x_i - x_j).

    The expectation is over v ~ N(0, 2 gamma I), of density p, from which they are drawn without a
    ridge, with weights 1 / sqrt(m). With one, by (modified) leverage for K + ridge I:

        q(v) = p(v) / (p(v) + t) / D,    t = ridge V / ((2 pi)^d n),    w_j = sqrt(p / (m q)),

    V the volume of the box of the points: a window of radius about sqrt(4 gamma log(p(0) / t)),
    which grows as the ridge falls, and within which all frequencies count alike. For points that
    are uniform in the box, p / (p + t) is how much of a wave of frequency v the regression sees,
    and D V / (2 pi)^d is the `effective_dimension` of K, up to the boundary: a single feature is
    at most about the m-th part of that, relative to K + ridge I, where one drawn from p may be
    n / (m ridge). The mean of Z Z^T is K for any points; but where they fill no box (of more than
    a few dimensions), q is no better than p, which it becomes for large t.

    orthogonal: directions in blocks of d that are orthogonal to one another. Without a ridge,
      errors of the kernel are smaller: Yu et al. 2016, "Orthogonal random features".

    Source: Avron et al. 2017, "Random Fourier features for kernel ridge regression: approximation
    bounds and statistical guarantees"; their window is a box with sharp edges.

    Raises:
      ValueError: points that are no finite matrix, or with a ridge have a constant column; numbers
        that are not > 0, a num_frequencies that is no integer >= 1, or a seed that is not >= 0.
    """
    points = _arrays.array("points", points, 2, "[n, d]")
    gamma = _checks.positive("gamma", gamma)
    m = _checks.integer("num_frequencies", num_frequencies)
    generator = np.random.default_rng(_checks.integer("seed", seed, minimum=0))
    orthogonal = _checks.flag("orthogonal", orthogonal)
    size = points.shape[1]
    if ridge is None:
        radii = np.sqrt(2 * gamma * generator.chisquare(size, m))
        weights = np.full(m, 1 / math.sqrt(m))
    else:
        radii, weights = _window(points, gamma, m, _checks.positive("ridge", ridge), generator)
    directions = generator.normal(size=(-(-m // size), size, size))
    if orthogonal:
        directions, upper = np.linalg.qr(directions)
        directions *= np.sign(np.einsum("bii->bi", upper))[:, None]  # uniform over rotations
        directions = directions.transpose(0, 2, 1)
    directions = directions.reshape(-1, size)[:m]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return Frequencies(radii[:, None] * directions, weights)


def _window(
    points: np.ndarray, gamma: float, m: int, ridge: float, generator: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Radii [m] of frequencies of the density q, and their weights [m]."""
    n, size = points.shape
    sides = np.ptp(points, axis=0)
    if not np.all(sides > 0):
        raise ValueError(
            f"points must differ in every column, got {np.sum(sides <= 0)} constant of {size}"
        )
    # In logarithms, of s = |v|^2 / (4 gamma): p = p(0) e^-s, p / t = e^(top - s).
    log_t = math.log(ridge / n) + np.sum(np.log(sides)) - size * math.log(2 * math.pi)
    top = -size / 2 * math.log(4 * math.pi * gamma) - log_t
    last = max(top, 0) + size / 2 + 8 * math.sqrt(size) + 60  # e^-60 is left beyond
    edges = np.linspace(0, math.sqrt(4 * gamma * last), 2**16 + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    log_q = (size - 1) * np.log(middles) - np.logaddexp(0, middles**2 / (4 * gamma) - top)
    highest = log_q.max()
    mass = np.cumsum(np.exp(log_q - highest))
    log_sphere = math.log(2) + size / 2 * math.log(math.pi) - math.lgamma(size / 2)
    log_d = highest + math.log(mass[-1] * edges[1]) + log_sphere
    radii = np.interp(generator.uniform(size=m), np.append(0, mass) / mass[-1], edges)
    log_p_over_q = log_t + np.logaddexp(0, top - radii**2 / (4 * gamma)) + log_d
    return radii, np.exp((log_p_over_q - math.log(m)) / 2)
