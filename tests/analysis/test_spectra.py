"""The law of Marchenko and Pastur: its formulas, random matrices, and spikes beyond its edge."""

import numpy as np
import pytest
import scipy.integrate
import tensorflow as tf

from weirdonetworks.analysis import MarchenkoPastur, kolmogorov_smirnov, spectrum

LAWS = [(0.1, 1.0), (0.5, 3.0), (1.0, 0.2), (1.7, 1.0), (8.0, 0.5)]
laws = pytest.mark.parametrize(("ratio", "variance"), LAWS)


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@laws
def test_the_density_integrates_to_what_is_not_at_zero(ratio, variance):
    law = MarchenkoPastur(ratio, variance)
    total, _ = scipy.integrate.quad(law.density, *law.edges)
    assert total == pytest.approx(1 - law.mass_at_zero, rel=1e-6)
    assert law.mass_at_zero == pytest.approx(max(0, 1 - 1 / ratio))


@laws
def test_the_distribution_function_is_the_integral_of_the_density(ratio, variance):
    law = MarchenkoPastur(ratio, variance)
    low, high = law.edges
    for x in np.linspace(low, high, 9)[1:-1]:
        below, _ = scipy.integrate.quad(law.density, low, x)
        assert law.cdf(x) == pytest.approx(law.mass_at_zero + below, abs=1e-6)
    ends = law.cdf([-1e-9, 0, low / 2, high, 2 * high])
    assert ends[0] == 0 and ends[-1] == ends[-2] == 1
    if ratio != 1:
        assert ends[1] == ends[2] == pytest.approx(law.mass_at_zero)
    assert np.all(law.density([-1, low / 2, 1.1 * high]) == 0)


@laws
def test_mean_and_variance_are_known(ratio, variance):
    """Of the eigenvalues: v and c v^2."""
    law = MarchenkoPastur(ratio, variance)
    moments = [
        scipy.integrate.quad(lambda x, k=k: x**k * law.density(x), *law.edges)[0] for k in (1, 2)
    ]
    assert moments[0] == pytest.approx(variance, rel=1e-6)
    assert moments[1] - moments[0] ** 2 == pytest.approx(ratio * variance**2, rel=1e-5)


@laws
def test_quantiles_invert_the_distribution_function(ratio, variance):
    law = MarchenkoPastur(ratio, variance)
    for share in (0.05, 0.5, 0.95, 0.999):
        x = law.quantile(share)
        if share <= law.mass_at_zero:
            assert x == 0
        else:
            assert law.cdf(x) == pytest.approx(share, abs=1e-9)
    assert law.quantile(0) == 0 and law.quantile(1) == pytest.approx(law.edges[1])


@pytest.mark.parametrize("shape", [(100, 250), (150, 150), (250, 100)])
@pytest.mark.parametrize("kind", ["normal", "signs", "truncated"])
def test_random_weights_follow_it(shape, kind):
    weights = 0.3 * _normal(*shape)
    if kind == "signs":
        weights = 0.3 * np.sign(weights)
    if kind == "truncated":
        weights = np.where(np.abs(weights) < 0.6, weights, 0.1)
    found = spectrum(weights)
    assert found.law.variance == pytest.approx(np.mean(weights**2))
    assert found.law.ratio == shape[0] / shape[1]
    assert found.distance < 3 / min(shape) and found.outliers == 0
    known = np.linalg.eigvalsh(weights @ weights.T / shape[1])[::-1]
    np.testing.assert_allclose(found.eigenvalues, known, atol=1e-12)
    np.testing.assert_allclose(found.singular_values**2, shape[1] * known[: min(shape)], rtol=1e-8)


def test_other_weights_do_not():
    """Negative controls: scales that differ by row, and the wrong variance."""
    uneven = _normal(300, 300) * np.geomspace(0.1, 10, 300)[:, None]
    assert spectrum(uneven).distance > 0.2 and spectrum(uneven).outliers > 10
    assert spectrum(_normal(300, 300), variance=2.0).distance > 0.1
    # Also where most eigenvalues are 0 by the shape, on which all weights agree.
    assert spectrum(uneven[:, ::10]).distance > 0.2 > 0.1 > spectrum(_normal(300, 30)).distance


def _spiked(strength: float, shape=(200, 500), variance: float = 0.5, seed: int = 0) -> np.ndarray:
    left, right = (_normal(size, seed=seed + 7) for size in shape)
    spike = np.outer(left / np.linalg.norm(left), right / np.linalg.norm(right))
    noise = np.sqrt(variance) * _normal(*shape, seed=seed)
    return noise + strength * np.sqrt(variance * shape[1]) * spike


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(200, 500), (500, 200)])
@pytest.mark.parametrize("excess", [1.6, 2.5, 5.0])
def test_a_spike_above_the_transition_is_the_one_outlier(excess, shape):
    strength = excess * (shape[0] / shape[1]) ** 0.25
    found = spectrum(_spiked(strength, shape), variance=0.5)
    assert found.outliers == 1
    predicted = found.law.outlier(strength)
    assert found.eigenvalues[0] == pytest.approx(predicted, rel=0.05)
    assert predicted > found.threshold


@pytest.mark.parametrize("seed", range(3))
def test_a_spike_below_the_transition_leaves_none(seed):
    strength = 0.5 * (200 / 500) ** 0.25
    found = spectrum(_spiked(strength, seed=seed), variance=0.5)
    assert found.outliers == 0 and found.law.outlier(strength) is None
    assert found.distance < 0.02


@laws
def test_outliers_begin_at_the_edge(ratio, variance):
    law = MarchenkoPastur(ratio, variance)
    assert law.outlier(ratio**0.25) is None
    assert law.outlier(ratio**0.25 * (1 + 1e-6)) == pytest.approx(law.edges[1])


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(40, 60), (60, 40)])
def test_one_in_a_hundred_random_matrices_exceeds_the_threshold(shape):
    counts = [spectrum(_normal(*shape, seed=i), variance=1.0).outliers for i in range(2000)]
    # The standard deviation of the share is 0.22 %.
    assert 0.004 < np.mean(np.array(counts) > 0) < 0.018


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(30, 200), (200, 30)])
def test_the_scale_of_the_largest_eigenvalue(shape):
    """The law of Tracy and Widom has the mean -1.2065 and the standard deviation 1.2680."""
    found = [spectrum(_normal(*shape, seed=i), variance=1.0) for i in range(1000)]
    largest = np.array([one.eigenvalues[0] for one in found])
    centre = found[0].threshold - 2.0234 * found[0].edge_scale
    assert np.std(largest) == pytest.approx(1.268 * found[0].edge_scale, rel=0.1)
    assert (largest.mean() - centre) / found[0].edge_scale == pytest.approx(-1.2065, abs=0.15)


@pytest.mark.parametrize(
    ("shape", "centre", "scale"),
    [
        # n = p = 1/2: mu = (2 / sqrt(2))^2, s = sqrt(2) (2 sqrt(2))^(1/3).
        ((1, 1), 2.0, 2.0),
        # n = 25/2, p = 9/2: sqrt(n) + sqrt(p) = 4 sqrt(2).
        ((5, 13), 32 / 13, 4 * 2**0.5 * (16 / 15 / 2**0.5) ** (1 / 3) / 13),
    ],
)
def test_the_threshold_has_the_halves_of_ma(shape, centre, scale):
    found = spectrum(_normal(*shape), variance=3.0)
    assert found.edge_scale == pytest.approx(3 * scale, rel=1e-12)
    assert found.threshold == pytest.approx(3 * (centre + 2.0234 * scale), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(100, 300), (300, 100), (200, 200)])
def test_the_variance_of_the_bulk_forgets_outliers(shape):
    weights = 0.5 * _normal(*shape)
    assert spectrum(weights, "bulk").law.variance == pytest.approx(0.25, rel=0.05)
    weights += 0.5 * np.outer(_normal(shape[0], seed=1), _normal(shape[1], seed=2))
    assert spectrum(weights, "bulk").law.variance == pytest.approx(0.25, rel=0.05)
    assert spectrum(weights).law.variance > 0.4
    assert spectrum(weights, "bulk").outliers == 1


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "share"), [((20, 10), 0.02), ((10, 3), 0.03)])
def test_the_variance_of_the_bulk_lets_more_exceed_the_threshold(shape, share):
    found = [spectrum(_normal(*shape, seed=i), "bulk").outliers > 0 for i in range(2000)]
    assert share < np.mean(found) < 0.07


LOW_RANK = "^weights must have more than half of the full rank for the variance 'bulk', got rank "


def _rows_of_zeros(rows: int) -> np.ndarray:
    return _normal(50, 60) * (np.arange(50) < rows)[:, None]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (_normal(50, 5) @ _normal(5, 60, seed=1), "5 of 50 x 60$"),
        ((_normal(50, 5) @ _normal(5, 60, seed=1)).T, "5 of 60 x 50$"),
        ((_normal(50, 5) @ _normal(5, 60, seed=1)).astype(np.float32), "5 of 50 x 60$"),
        (_rows_of_zeros(10), "10 of 50 x 60$"),
        (_rows_of_zeros(25), "25 of 50 x 60$"),
    ],
)
def test_weights_of_low_rank_have_no_bulk(weights, message):
    with pytest.raises(ValueError, match=LOW_RANK + message):
        spectrum(weights, "bulk")
    # With another variance they have a spectrum, in which numerical zeros are no outliers.
    rank = int(message.split()[0])
    for variance in (None, 1e-40):
        found = spectrum(weights, variance)
        assert found.rank == rank and found.outliers <= rank
    assert found.outliers == rank


@pytest.mark.parametrize("rows", [26, 30, 45, 50])
def test_the_bulk_of_weights_of_less_than_full_rank_is_that_of_the_rest(rows):
    weights = 0.5 * _rows_of_zeros(rows)
    q = np.linalg.qr(_normal(50, 50, seed=1))[0]
    for turned in (weights, q @ weights, weights.T):  # as averages over a group are projections
        found = spectrum(turned, "bulk")
        assert found.rank == rows and found.outliers == 0
        assert found.law.variance == pytest.approx(0.25, rel=0.15)
    assert found.law.variance == pytest.approx(spectrum(weights[:rows], "bulk").law.variance)


def test_the_bulk_of_full_rank_is_the_median():
    for weights in (_normal(40, 60), _normal(60, 40), _normal(51, 51)):
        small, large = sorted(weights.shape)
        values = np.linalg.svd(weights, compute_uv=False)
        median = np.median(values**2) / large
        found = spectrum(weights, "bulk")
        assert found.rank == small
        assert found.law.variance == float(median / MarchenkoPastur(small / large).quantile(0.5))


def test_the_rank_is_told_by_the_type_of_the_weights():
    weights = _normal(30, 40) * np.geomspace(1, 1e-9, 30)[:, None]
    assert spectrum(weights).rank == 30
    assert spectrum(weights.astype(np.float32)).rank < 30
    assert spectrum(weights.tolist()).rank == 30
    low = tf.cast(_normal(50, 5) @ _normal(5, 60), tf.bfloat16)
    assert spectrum(low).rank == spectrum(tf.cast(low, tf.float16)).rank == 5


@pytest.mark.slow
def test_the_distance():
    law = MarchenkoPastur(0.5)
    points = [law.quantile((i + 0.5) / 100) for i in range(100)]
    assert kolmogorov_smirnov(points, law) == pytest.approx(0.005)
    assert kolmogorov_smirnov([100.0, 101.0], law) == 1
    assert kolmogorov_smirnov([0.0, 0.0], law) == 1
    assert kolmogorov_smirnov([0.0] * 75 + [1e9] * 25, MarchenkoPastur(4.0)) == pytest.approx(0.25)
    # The law has half of its mass at 0; eigenvalues that only come near lack it there.
    near = [1e-9] * 50 + [MarchenkoPastur(2.0).quantile(0.5 + (i + 0.5) / 100) for i in range(50)]
    assert kolmogorov_smirnov(near, MarchenkoPastur(2.0)) == pytest.approx(0.5)


@laws
def test_spikes_without_end(ratio, variance):
    law = MarchenkoPastur(ratio, variance)
    assert law.outlier(np.inf) == np.inf and law.outlier(1e200) == np.inf
    assert law.outlier(1e150) == pytest.approx(variance * 1e300)
    assert law.outlier(0.99e50) == pytest.approx(0.99**2 * law.outlier(1.0001e50), rel=1e-3)


def test_a_row_and_a_column():
    for shape in ((1, 50), (50, 1), (1, 1)):
        found = spectrum(_normal(*shape))
        assert len(found.eigenvalues) == shape[0] and np.isfinite(found.threshold)


@pytest.mark.parametrize(
    ("weights", "variance", "message"),
    [
        (np.ones(3), None, r"^weights must be \[in, out\] with at least one entry, got \(3,\)$"),
        (np.ones((0, 3)), None, r"^weights must be \[in, out\] with at least one entry, got \(0,"),
        ("abc", None, r"^weights must be numbers \[in, out\], got str$"),
        ([[1, np.nan]], None, r"^weights must be finite, got 1 that are not$"),
        (np.zeros((2, 2)), None, r"^weights must not all be 0$"),
        (np.ones((2, 2)), 0, r"^variance must be a finite number > 0, got 0$"),
        (1e-200 * np.eye(2), None, r"^weights must have their largest size .*, got 1e-200$"),
        (1e200 * np.eye(2), "bulk", r"^weights must have their largest size .*, got 1e\+200$"),
        (np.eye(2) * 1j, None, r"^weights must be real numbers \[in, out\], got complex128$"),
        ([[1, 2j]], None, r"^weights must be real numbers \[in, out\], got complex128$"),
        (np.ones((2, 2)), "mean", r"^variance must be None, 'bulk' or a number > 0, got 'mean'$"),
    ],
)
def test_bad_weights(weights, variance, message):
    with pytest.raises(ValueError, match=message):
        spectrum(weights, variance)


def test_bad_laws():
    with pytest.raises(ValueError, match=r"^ratio must be a finite number > 0, got 0$"):
        MarchenkoPastur(0)
    with pytest.raises(ValueError, match=r"^variance must be a finite number > 0, got inf$"):
        MarchenkoPastur(1, np.inf)
    with pytest.raises(ValueError, match=r"^share must be a number in \[0, 1\], got 1.5$"):
        MarchenkoPastur(1).quantile(1.5)
    with pytest.raises(ValueError, match=r"^strength must be a number in \[0, inf\], got -1$"):
        MarchenkoPastur(1).outlier(-1)
