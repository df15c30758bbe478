"""Spectra of weights against the law of Marchenko and Pastur, which random weights follow."""

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np

from weirdonetworks import _checks
from weirdonetworks.analysis import _arrays

# The 99 % point of the Tracy-Widom law of real matrices (Johnstone 2001, table 1 has 2.0234).
_TRACY_WIDOM_99 = 2.0234


@dataclasses.dataclass(frozen=True)
class MarchenkoPastur:
    """The limit of the eigenvalues of W W^T / out for independent weights W, [in, out].

    Weights of mean 0 and variance v, in and out growing at a fixed ratio c = in / out: between the
    edges v (1 -+ sqrt(c))^2 there is the density

        p(x) = sqrt((x_+ - x) (x - x_-)) / (2 pi v c x),

    and for c > 1, 1 - 1/c of the eigenvalues are 0. The distribution of the weights, if it has a
    variance, has no influence.

    Sources: Marchenko and Pastur 1967, "Distribution of eigenvalues for some sets of random
    matrices"; Baik, Ben Arous and Peche 2005, "Phase transition of the largest eigenvalue for
    nonnull complex sample covariance matrices", for `outlier`, in the form of Benaych-Georges and
    Nadakuditi 2012, "The singular values and vectors of low rank perturbations of large rectangular
    random matrices".
    """

    ratio: float
    variance: float = 1.0

    def __post_init__(self):
        """Raises ValueError for a ratio or a variance that is not a finite number > 0."""
        _checks.positive("ratio", self.ratio)
        _checks.positive("variance", self.variance)

    @property
    def edges(self) -> tuple[float, float]:
        """Where the density begins and ends."""
        root = math.sqrt(self.ratio)
        return self.variance * (1 - root) ** 2, self.variance * (1 + root) ** 2

    @property
    def mass_at_zero(self) -> float:
        """The share of eigenvalues that are 0."""
        return max(0.0, 1 - 1 / self.ratio)

    def density(self, x: Any) -> np.ndarray:
        """p(x), any shape; 0 outside the edges. Its integral is 1 - mass_at_zero."""
        x, (low, high) = np.asarray(x, np.float64), self.edges
        inside = (low < x) & (x < high)
        safe = np.where(inside, x, (low + high) / 2)
        values = np.sqrt((high - safe) * (safe - low)) / safe
        return np.where(inside, values / (2 * np.pi * self.variance * self.ratio), 0.0)

    def cdf(self, x: Any) -> np.ndarray:
        """The share of eigenvalues that are at most x, any shape."""
        x, (low, high), c = np.asarray(x, np.float64), self.edges, self.ratio
        inside = (low < x) & (x < high)
        safe = np.where(inside, x, (low + high) / 2)
        r = np.sqrt((high - safe) / (safe - low))
        total = np.pi * c + np.sqrt((high - safe) * (safe - low)) / self.variance
        total -= (1 + c) * np.arctan((r**2 - 1) / (2 * r))
        if c != 1:
            slope = 2 * self.variance * (1 - c) * r
            total += (1 - c) * np.arctan((low * r**2 - high) / slope)
        values = total / (2 * np.pi * c) + self.mass_at_zero / 2
        outside = np.where(x >= high, 1.0, np.where(x >= 0, self.mass_at_zero, 0.0))
        return np.where(inside, values, outside)

    def quantile(self, share: float) -> float:
        """The least x >= 0 with cdf(x) >= share, for a share in [0, 1]."""
        share = _checks.number("share", share, 0, 1)
        if share <= self.mass_at_zero:
            return 0.0
        low, high = self.edges
        while low < (middle := (low + high) / 2) < high:
            low, high = (middle, high) if self.cdf(middle) < share else (low, middle)
        return high

    def outlier(self, strength: float) -> float | None:
        """Where a matrix of rank one that is added to W puts an eigenvalue beyond the edge.

        strength: s for W + s sqrt(v out) a b^T with |a| = |b| = 1. At most ratio^(1/4), the spike
        leaves no trace beyond the edge: None. Above it, the largest eigenvalue goes to
        v (1 + s^2) (c + s^2) / s^2.
        """
        strength = _checks.number("strength", strength, 0, float("inf"))
        if strength > 1e50:  # where 1 and c are lost, and the square of the square soon infinite
            return self.variance * strength * strength
        square = strength**2
        if square <= math.sqrt(self.ratio):
            return None
        return self.variance * (1 + square) * (self.ratio + square) / square


class Spectrum(NamedTuple):
    """The eigenvalues of W W^T / out, and what is to be said of them.

    Attributes:
      eigenvalues: [in], falling; in - out of them are 0 where in > out.
      singular_values: of W, [min(in, out)], falling.
      law: the Marchenko-Pastur law of this shape and variance.
      distance: sup |F - G| of the law's distribution function and that of the min(in, out)
        eigenvalues that are not 0 by the shape alone, in [0, 1] (Kolmogorov and Smirnov); of order
        1 / min(in, out) for random weights, as eigenvalues repel.
      threshold: what 1 % of random matrices of this size exceed, if v is the variance that they
        were drawn with: mu + 2.0234 s, Tracy and Widom's law at the finite size. With n = out - 1/2
        and p = in - 1/2,
        mu = v (sqrt(n) + sqrt(p))^2 / out,
        s = v (sqrt(n) + sqrt(p)) (1 / sqrt(n) + 1 / sqrt(p))^(1/3) / out.
        A v that is estimated from the same matrix changes the share: with "bulk", 2 to 3 % of
        normal matrices exceed it at sizes as 784 x 16 and 256 x 256, 4 to 6 % at 20 x 10 and
        10 x 3.
      edge_scale: that s, by which the largest eigenvalue of random weights varies.
      outliers: how many eigenvalues are above the threshold, numerical zeros not counted.
      rank: how many singular values are not numerically 0: above what rounding alone may leave,
        |W|_F eps with the eps of the type in which the weights come, and in any case above NumPy's
        |W|_2 max(in, out) 2^-52.
    """

    eigenvalues: np.ndarray
    singular_values: np.ndarray
    law: MarchenkoPastur
    distance: float
    threshold: float
    edge_scale: float
    outliers: int
    rank: int


def spectrum(weights: Any, variance: float | str | None = None) -> Spectrum:
    """The spectrum of the weights of a dense layer, [in, out], against that of random ones.

    variance: of the weights in the law. None: the mean of their squares. "bulk": such that the
    median of the eigenvalues that are not numerically 0 is the law's, on which a few large ones
    have little influence. Or a number, as that of the initial weights.

    Weights of less than full rank, as random ones with rows of 0 or averaged over a group, have
    their bulk in a subspace: its variance is that of a random matrix with as many rows (or columns,
    whichever are fewer) as the rank. At half the full rank or below, most of the spectrum is 0, and
    "bulk" is refused.

    Sources: Martin and Mahoney 2021, "Implicit self-regularization in deep neural networks"; Gavish
    and Donoho 2014, "The optimal hard threshold for singular values is 4 / sqrt(3)" (the median);
    Johnstone 2001, "On the distribution of the largest eigenvalue in principal components
    analysis", and Ma 2012, "Accuracy of the Tracy-Widom limits for the extreme eigenvalues in
    white Wishart matrices" (the halves in n and p).

    Raises:
      ValueError: weights that are no matrix, not finite or all 0, or whose squares are not in the
        range of numbers; with "bulk", weights of half the full rank or less; another variance.
    """
    given, weights = weights, _arrays.weights(weights)
    if not weights.any():
        raise ValueError("weights must not all be 0")
    if not 1e-150 < (largest := np.abs(weights).max()) < 1e150:
        raise ValueError(
            "weights must have their largest size between 1e-150 and 1e150, where squares are "
            f"numbers, got {largest:.3g}"
        )
    inputs, outputs = weights.shape
    singular_values = np.linalg.svd(weights, compute_uv=False)
    rank = _rank(singular_values, weights.shape, np.asarray(given).dtype)
    eigenvalues = np.zeros(inputs)
    eigenvalues[: len(singular_values)] = singular_values**2 / outputs
    if variance is None:
        variance = float(np.mean(weights**2))
    elif variance == "bulk":
        variance = _bulk_variance(singular_values[:rank], inputs, outputs)
    elif isinstance(variance, str):
        raise ValueError(f"variance must be None, 'bulk' or a number > 0, got {variance!r}")
    law = MarchenkoPastur(inputs / outputs, _checks.positive("variance", variance))
    # Of the smaller Gram matrix, which has no eigenvalues 0 that would agree for any weights.
    small, large = sorted((inputs, outputs))
    nonzero = MarchenkoPastur(small / large, law.variance)
    distance = kolmogorov_smirnov(singular_values**2 / large, nonzero)
    n, p = math.sqrt(outputs - 0.5), math.sqrt(inputs - 0.5)
    centre = law.variance * (n + p) ** 2 / outputs
    scale = law.variance * (n + p) * (1 / n + 1 / p) ** (1 / 3) / outputs
    threshold = centre + _TRACY_WIDOM_99 * scale
    return Spectrum(
        eigenvalues,
        singular_values,
        law,
        distance,
        threshold,
        scale,
        int(np.sum(eigenvalues[:rank] > threshold)),
        rank,
    )


def kolmogorov_smirnov(eigenvalues: Any, law: MarchenkoPastur) -> float:
    """sup_x |share of eigenvalues <= x - law.cdf(x)|; both may have a mass at 0."""
    values = np.sort(_arrays.array("eigenvalues", eigenvalues, 1, "[n]"))
    points, counts = np.unique(values, return_counts=True)
    after = np.cumsum(counts) / len(values)
    before = np.concatenate([[0.0], after[:-1]])
    cdf = law.cdf(points)
    # The law jumps at 0 and nowhere else.
    cdf_before = np.where(points == 0, 0.0, cdf)
    gaps = [np.abs(after - cdf), np.abs(before - cdf_before)]
    if points[0] > 0:  # the mass at 0 that the eigenvalues lack
        gaps.append(np.array([law.mass_at_zero]))
    return float(np.max(np.concatenate(gaps)))


def _rank(singular_values: np.ndarray, shape: tuple[int, ...], given: np.dtype) -> int:
    """How many are more than what rounding may leave, of weights that come in the type `given`."""
    eps = np.finfo(np.float64).eps
    of_entries = np.finfo(given).eps if given.kind == "f" else eps
    if given.name == "bfloat16":  # which NumPy does not know
        of_entries = 2.0**-7
    rounding = max(
        of_entries * np.linalg.norm(singular_values), eps * max(shape) * singular_values[0]
    )
    return int(np.sum(singular_values > rounding))


def _bulk_variance(singular_values: np.ndarray, inputs: int, outputs: int) -> float:
    """From those that are not numerically 0."""
    rank, (small, large) = len(singular_values), sorted((inputs, outputs))
    if 2 * rank <= small:
        raise ValueError(
            "weights must have more than half of the full rank for the variance 'bulk', "
            f"got rank {rank} of {inputs} x {outputs}"
        )
    # Of the smaller Gram matrix, which has no eigenvalue 0 by its shape.
    median = np.median(singular_values**2) / large
    return float(median / MarchenkoPastur(rank / large).quantile(0.5))
