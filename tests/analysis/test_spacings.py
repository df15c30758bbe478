"""Ratios of neighbouring gaps: three laws, their standard errors, and trained weights."""

import math

import numpy as np
import pytest

import weirdonetworks as wn
from weirdonetworks.analysis import level_spacings

GOE, GUE, POISSON = 0.5307, 0.5996, 2 * math.log(2) - 1


def _levels(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "Poisson":
        return rng.uniform(size=n)
    if kind == "singular values":
        return np.linalg.svd(rng.normal(size=(n, 2 * n)), compute_uv=False)
    a = rng.normal(size=(n, n))
    if kind == "GUE":
        a = a + 1j * rng.normal(size=(n, n))
    return np.linalg.eigvalsh(a + a.conj().T)


def _means(kind: str, n: int, times: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.array([level_spacings(_levels(kind, n, rng))[1:] for _ in range(times)]).T


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "law"),
    [("GOE", GOE), ("GUE", GUE), ("Poisson", POISSON), ("singular values", GOE)],
)
def test_the_three_laws(kind, law):
    means, errors = _means(kind, 100, 300)
    spread = means.std(ddof=1)
    assert abs(means.mean() - law) < 4 * spread / math.sqrt(300) < 0.008
    others = {GOE, GUE, POISSON} - {law}
    assert all(abs(means.mean() - other) > 10 * spread / math.sqrt(300) for other in others)
    assert errors.mean() == pytest.approx(spread, rel=0.15)


@pytest.mark.slow
def test_three_levels_have_the_ratio_that_is_known_in_closed_form():
    rng = np.random.default_rng(0)
    for kind, law in (("GOE", 4 - 2 * math.sqrt(3)), ("GUE", 2 * math.sqrt(3) / math.pi - 0.5)):
        a = rng.normal(size=(40_000, 3, 3)) + (kind == "GUE") * 1j * rng.normal(size=(40_000, 3, 3))
        levels = np.linalg.eigvalsh(a + np.conj(np.swapaxes(a, 1, 2)))
        gaps = np.diff(levels)
        ratios = gaps.min(axis=1) / gaps.max(axis=1)
        assert abs(ratios.mean() - law) < 4 * ratios.std() / 200
        assert level_spacings(levels[0]).ratios == pytest.approx([ratios[0]])


def test_neighbours_of_independent_levels_are_not_independent():
    """Their ratios share a gap: without its covariance the error would be another one."""
    means, errors = _means("Poisson", 400, 400)
    rng = np.random.default_rng(0)
    naive = np.mean([level_spacings(_levels("Poisson", 400, rng)).ratios.std() for _ in range(400)])
    spread = means.std(ddof=1) * math.sqrt(398)
    assert errors.mean() * math.sqrt(398) == pytest.approx(spread, rel=0.08)
    assert abs(naive / spread - 1) > 0.1


@pytest.mark.slow
def test_trained_weights_repel():
    """By their singular values, as those of independent weights do."""
    network = wn.create_network("comodulation_mlp", pretrained="mnist")
    network(np.zeros((1, 28, 28, 1), np.float32))
    weights = [
        v.numpy() for v in network.trainable_variables if len(v.shape) == 2 and min(v.shape) > 100
    ]
    assert len(weights) == 2
    for w in weights:
        spacings = level_spacings(np.linalg.svd(w, compute_uv=False))
        assert abs(spacings.mean - GOE) < 4 * spacings.error
        assert spacings.mean - POISSON > 4 * spacings.error


def test_order_shift_and_scale_are_nothing():
    levels = np.random.default_rng(0).normal(size=50)
    found = level_spacings(levels)
    assert len(found.ratios) == 48 and found.mean == found.ratios.mean()
    for other in (levels[::-1], -levels, 3 * levels + 5, 1e300 * levels):
        assert level_spacings(other).mean == pytest.approx(found.mean, rel=1e-9)
    assert level_spacings([4, 1, 2]).ratios.tolist() == [0.5]
    # Exact where the gaps are, far from 0 and at both ends of the numbers.
    assert level_spacings([10**9, 10**9 + 1, 10**9 + 4]).mean == 1 / 3
    assert level_spacings([-1.5 * 2**1023, 0, 1.5 * 2**1023]).mean == 1
    assert level_spacings([1e-320, 0, 3e-320]).mean == pytest.approx(0.5, rel=1e-3)
    assert math.isnan(level_spacings([4, 1, 2]).error)
    assert level_spacings([1, 1, 2]).mean == 0
    assert level_spacings(np.arange(9.0))[1:] == (1, 0)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([1, 2], r"^eigenvalues must be at least three, got 2$"),
        ([3, 1, 3, 2, 3], r"^eigenvalues must have no three that are equal, got 3 thrice$"),
        ([0, 0, 0], r"^eigenvalues must have no three that are equal, got 0 thrice$"),
        (np.eye(3), r"^eigenvalues must be \[n\] with at least one entry, got \(3, 3\)$"),
        ([1, 2, np.nan], r"^eigenvalues must be finite, got 1 that are not$"),
        ([1, 2, 3j], r"^eigenvalues must be real numbers \[n\], got complex128$"),
        ("abc", r"^eigenvalues must be numbers \[n\], got str$"),
    ],
)
def test_bad_levels(levels, message):
    with pytest.raises(ValueError, match=message):
        level_spacings(levels)
