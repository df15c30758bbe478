"""Tests of structure: alarms are false as rarely as they say, and true structure is found."""

import numpy as np
import pytest
from scipy import stats

from weirdonetworks.regression.diagnostics import LEVEL, Finding, features, products, structure

RUNS = 300


def _inputs(rows, n, rng):
    return rng.uniform(-1, 1, (rows, n))


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "n"), [(60, 1), (200, 2), (400, 3), (60, 5)])
@pytest.mark.parametrize("kind", ["normal", "uniform", "lognormal", "spreading"])
def test_noise_has_no_structure(rows, n, kind):
    """Not in more runs than one in a hundred, also if its size depends on the inputs' signs."""
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(RUNS):
        u = _inputs(rows, n, rng)
        e = {
            "normal": lambda: rng.normal(size=rows),
            "uniform": lambda: rng.uniform(-1, 1, rows),
            "lognormal": lambda: rng.lognormal(0, 0.5, rows),
            "spreading": lambda u=u: rng.normal(size=rows) * (1 + 0.5 * u[:, 0]),
        }[kind]()
        alarms += structure(u, e - e.mean(), 1).found
    assert alarms <= stats.binom.ppf(0.9999, RUNS, LEVEL), alarms


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 3])
def test_p_values_of_noise_are_not_far_from_uniform(n):
    """Corrected for the number of tests they are too large, never too small."""
    rng = np.random.default_rng(4)
    p = [structure(_inputs(200, n, rng), rng.normal(size=200), 1).p_value for _ in range(RUNS)]
    for level in (0.05, 0.2, 0.5):
        low, high = stats.binom.ppf([1e-4, 1 - 1e-4], RUNS, level)
        count = np.sum(np.array(p) < level)
        assert count <= high and count >= low / 2, (level, count)


SIGNALS = {
    "quadratic": lambda u: u[:, 0] ** 2,
    "cubic": lambda u: u[:, 1] ** 3 - 0.6 * u[:, 1],
    "interaction": lambda u: u[:, 0] * u[:, 1],
    "wave": lambda u: np.sin(12 * u[:, 0]),
    "step": lambda u: np.sign(u[:, 1] - 0.3),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SIGNALS)
def test_structure_is_found(name):
    """A signal of the size of the noise, in 400 rows; a seventh of it is not seen as surely."""
    rng = np.random.default_rng(5)
    found = {1: 0, 0.02: 0}
    for size in found:
        for _ in range(40):
            u = _inputs(400, 2, rng)
            signal = SIGNALS[name](u)
            signal = (signal - signal.mean()) / signal.std()
            found[size] += structure(u, size * signal + rng.normal(size=400), 3).found
    assert found[1] >= 38 and found[0.02] <= 5, found


def test_structure_of_exact_laws_is_found_without_noise():
    u = _inputs(300, 2, np.random.default_rng(0))
    residuals = 1e-9 * SIGNALS["wave"](u)
    assert structure(u, residuals, 3).p_value < 1e-10


def test_says_which_test_found_it():
    u = _inputs(400, 2, np.random.default_rng(0))
    noise = 0.1 * np.random.default_rng(1).normal(size=400)
    assert structure(u, SIGNALS["quadratic"](u) - 1 / 3 + noise, 3).test == "polynomial"
    wave = structure(u, np.sin(25 * u[:, 0]) + noise, 3)
    assert wave.test == "neighbours" and wave.found
    assert not structure(u, np.sin(25 * u[:, 0]) + noise, 3, neighbours=False).found


def test_few_rows_give_no_alarm():
    u = _inputs(8, 2, np.random.default_rng(0))
    assert structure(u, u[:, 0] ** 2, 3) == Finding(1.0, None)


def test_level():
    assert Finding(0.0099, "").found and not Finding(0.0101, "").found


def test_features_are_all_monomials():
    u = _inputs(50, 3, np.random.default_rng(0))
    v = (u - u.mean(axis=0)) / u.std(axis=0)
    f = features(u, 2)
    assert f.shape == (50, 9) and features(u, 3).shape == (50, 19)
    np.testing.assert_allclose(f[:, :3], v)
    np.testing.assert_allclose(f[:, 4], v[:, 0] * v[:, 1])
    # A constant column has no spread to divide by.
    u[:, 1] = 3
    assert np.all(np.isfinite(features(u, 2)))


@pytest.mark.slow
def test_products_of_many_columns_are_found_one_at_a_time():
    """Of 40 columns in 150 rows, where no polynomial of degree 2 can be fitted."""
    rng = np.random.default_rng(0)
    alarms = found = 0
    for _ in range(100):
        u = _inputs(150, 40, rng)
        e = rng.normal(size=150)
        alarms += products(u, e).found
        i, j = rng.integers(40, size=2)
        found += products(u, e + 4 * u[:, i] * u[:, j]).found
    assert alarms <= stats.binom.ppf(0.9999, 100, LEVEL), alarms
    assert found >= 90
    # What columns explain alone is no product of two; nor is anything of no rows beyond.
    assert not products(u, 100 * u[:, 3] + rng.normal(size=150)).found
    assert products(u[:40], e[:40]) == Finding(1.0, None)
