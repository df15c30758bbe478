"""Ramps and gates of distributions, against SciPy's CDFs and 40 digits of mpmath."""

import mpmath
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import ACTIVATIONS, DISTRIBUTIONS, cdf_gate, cdf_ramp, gelu

SCIPY = {
    "logistic": scipy.stats.logistic,
    "normal": scipy.stats.norm,
    "cauchy": scipy.stats.cauchy,
    "uniform": scipy.stats.uniform(-1, 2),
    "laplace": scipy.stats.laplace,
    "student_t2": scipy.stats.t(2),
}
# Both tails, the joints at 0, +-1 and -4, and zero itself.
_TAIL = np.geomspace(1e-3, 30, 60)
X = np.sort(np.concatenate([-_TAIL, [0, -1, 1, -4, 4, np.nextafter(-4, -5)], _TAIL]))
each_distribution = pytest.mark.parametrize("name", DISTRIBUTIONS)


def _density(name: str, x: mpmath.mpf) -> mpmath.mpf:
    return {
        "logistic": lambda: mpmath.sech(x / 2) ** 2 / 4,
        "normal": lambda: mpmath.npdf(x),
        "uniform": lambda: mpmath.mpf(abs(x) < 1) / 2,
        "laplace": lambda: mpmath.exp(-abs(x)) / 2,
        "student_t2": lambda: (x**2 + 2) ** mpmath.mpf(-1.5),
    }[name]()


def _expected_excess(name: str, x: float) -> float:
    """E max(x - Z, 0), by quadrature with 30 digits."""
    with mpmath.workdps(30):
        x = mpmath.mpf(x)
        far = -1 if name == "uniform" else -mpmath.inf
        if x <= far:
            return 0.0
        joints = sorted(z for z in (x - 8, x - 2, x - 0.1, -8, -1, 0, 1) if far < z < x)
        unit = _density(name, x) or 1  # it stops at an absolute error
        ends = [far, *joints, x]
        return float(unit * mpmath.quad(lambda z: (x - z) * _density(name, z) / unit, ends))


def test_all_distributions_are_tested():
    assert set(SCIPY) == set(DISTRIBUTIONS)


@each_distribution
def test_the_derivative_of_a_ramp_is_scipys_cdf(name):
    (slope,) = helpers.gradients(cdf_ramp(name), tf.constant(X))
    np.testing.assert_allclose(slope, SCIPY[name].cdf(X), rtol=3e-13, atol=1e-14)
    np.testing.assert_array_equal(slope, DISTRIBUTIONS[name].cdf(X))


@each_distribution
def test_the_values_of_a_ramp_have_that_derivative(name):
    """Its gradient is given, not derived from its values: a central difference of those."""
    h = 1e-5
    x = X[np.abs(np.abs(X) - 1) > h]
    difference = (cdf_ramp(name)(x + h) - cdf_ramp(name)(x - h)) / (2 * h)
    np.testing.assert_allclose(difference, SCIPY[name].cdf(x), atol=1e-9)


@each_distribution
def test_the_second_derivative_is_scipys_density(name):
    x = tf.constant(X[np.abs(np.abs(X) - 1) > 0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        (slope,) = helpers.gradients(cdf_ramp(name), x)
    density = SCIPY[name].pdf(x)
    np.testing.assert_allclose(tape.gradient(slope, x), density, rtol=1e-12, atol=1e-15)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["logistic", "normal", "uniform", "laplace", "student_t2"])
def test_a_ramp_is_the_mean_excess_over_a_draw(name):
    x = X[::7]
    expected = np.array([_expected_excess(name, value) for value in x])
    rtol = 3e-13 if name == "normal" else 1e-14
    np.testing.assert_allclose(cdf_ramp(name)(x), expected, rtol=rtol, atol=0)


def test_the_far_tail_of_the_normal_ramp():
    """x Phi(x) + phi(x) as it stands loses as many digits as x^2 has."""
    x = np.array([-30.0, -20.0, -10.0, -5.0, -4.0])
    with mpmath.workdps(40):
        exact = [float(mpmath.npdf(v) + v * mpmath.ncdf(v)) for v in map(mpmath.mpf, x)]
    np.testing.assert_allclose(cdf_ramp("normal")(x), exact, rtol=2e-13)
    naive = x * scipy.stats.norm.cdf(x) + scipy.stats.norm.pdf(x)
    assert np.abs(naive / exact - 1).max() > 1e-12
    single = x[x > -12].astype(np.float32)
    np.testing.assert_allclose(cdf_ramp("normal")(single), exact[-len(single) :], rtol=2e-5)
    # Where the two formulas meet, there is no step.
    edge = tf.constant([np.nextafter(-4, -5), -4.0])
    below, at = cdf_ramp("normal")(edge).numpy()
    assert abs(at / below - 1) < 1e-13


@pytest.mark.slow
def test_the_normal_ramp_around_the_place_where_its_formulas_meet():
    x = np.linspace(-8, 4, 601)
    for dtype, rtol, left in ((np.float64, 1e-13, 4e-15), (np.float32, 3e-5, 2e-6)):
        values = x.astype(dtype)
        with mpmath.workdps(30):
            exact = [float(mpmath.npdf(v) + v * mpmath.ncdf(v)) for v in map(float, values)]
        errors = np.abs(cdf_ramp("normal")(values).numpy() / np.array(exact) - 1)
        assert errors.max() < rtol
        assert errors[x < -4].max() < left


def _largest(dtype: str) -> float:
    return float(tf.as_dtype(dtype).max)


@each_distribution
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_numbers_of_all_sizes(name, dtype):
    sizes = np.geomspace(1e-2, 0.99 * _largest(dtype), 200)
    x = tf.cast(np.concatenate([-sizes[::-1], [0], sizes]), dtype)
    wide = tf.cast(x, tf.float64).numpy()
    cdf, ramp, gate = DISTRIBUTIONS[name].cdf(x), cdf_ramp(name)(x), cdf_gate(name)(x)
    (slope,) = helpers.gradients(cdf_ramp(name), x)
    (gate_slope,) = helpers.gradients(cdf_gate(name), x)
    assert all(t.dtype == x.dtype for t in (cdf, ramp, gate, slope, gate_slope))
    np.testing.assert_array_equal(slope, cdf)
    np.testing.assert_array_equal(gate, x * cdf)
    cdf, ramp, gate_slope = (tf.cast(t, tf.float64).numpy() for t in (cdf, ramp, gate_slope))
    # Roundings of the type (of x^2 / 2 in the exponent), and its smallest normal number, below
    # which digits go.
    rtol = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-5, "float64": 1e-12}[dtype]
    tiny = 4 / _largest(dtype)
    with np.errstate(over="ignore"):
        expected = SCIPY[name].cdf(wide)
    np.testing.assert_allclose(cdf, expected, rtol=rtol, atol=tiny)
    assert np.all(np.isfinite(gate_slope)) and np.all(np.diff(cdf) >= 0)
    assert gate_slope[-1] == pytest.approx(1, abs=2 * rtol)
    far = np.abs(wide) > 1e4 if dtype != "float16" else np.abs(wide) > 1e3
    if name == "cauchy":
        expected = np.maximum(wide, 0)[far] - (np.log(np.abs(wide[far])) + 1) / np.pi
        np.testing.assert_allclose(ramp[far], expected, rtol=max(rtol, 1e-5))
    else:
        assert np.all(ramp >= 0) and np.all(np.diff(ramp) >= 0)
        right, left = far & (wide > 0), far & (wide < 0)
        np.testing.assert_allclose(ramp[right], wide[right], rtol=max(rtol, 1e-7))
        expected = 0.5 / np.abs(wide[left]) if name == "student_t2" else 0
        np.testing.assert_allclose(ramp[left], expected, rtol=max(rtol, 1e-6), atol=tiny)


@pytest.mark.parametrize("name", ["cauchy", "student_t2"])
def test_heavy_tails_keep_their_digits(name):
    x = -np.geomspace(30, 1e7, 30)
    distribution = DISTRIBUTIONS[name]
    np.testing.assert_allclose(distribution.cdf(x), SCIPY[name].cdf(x), rtol=1e-13)
    subtracted = 0.5 + (np.arctan(x) / np.pi if name == "cauchy" else x / np.sqrt(x**2 + 2) / 2)
    assert np.abs(subtracted / SCIPY[name].cdf(x) - 1).max() > 1e-10
    if name == "student_t2":  # x + sqrt(x^2 + 2) = 2 / (sqrt(x^2 + 2) - x)
        np.testing.assert_allclose(distribution.ramp(x), 1 / (np.sqrt(x**2 + 2) - x), rtol=1e-14)


@each_distribution
def test_limits(name):
    ramp, far = cdf_ramp(name), np.array([1e3, 1e4])
    left, right = ramp(-far).numpy(), ramp(far).numpy() - far
    if name == "cauchy":
        # Falls on both sides, as logarithms: log|x| / pi.
        for side in (left, right):
            np.testing.assert_allclose(np.diff(side), -np.log(10) / np.pi, rtol=1e-5)
        assert ramp(tf.constant(0.0)) == 0
    else:
        slack = 1 / far if name == "student_t2" else 1e-12
        assert np.all(np.abs(left) <= slack) and np.all(np.abs(right) <= slack)
        assert np.all(left >= 0)


@each_distribution
def test_convex_increasing_and_1_lipschitz(name):
    rng = np.random.default_rng(0)
    for scale in (1, 30):
        a, b = scale * rng.normal(size=(2, 10_000))
        t = rng.uniform(size=10_000)
        fa, fb, between = (cdf_ramp(name)(x).numpy() for x in (a, b, t * a + (1 - t) * b))
        assert np.all(between <= t * fa + (1 - t) * fb + 1e-12)
        slope = (fb - fa) / (b - a)
        assert np.all(slope >= 0) and np.all(slope <= 1 + 1e-12)
        if name != "cauchy":  # whose gate is convex and increasing, too
            gate = cdf_gate(name)(tf.constant([a, b])).numpy()
            assert np.any((gate[1] - gate[0]) / (b - a) < 0)


@each_distribution
def test_gates(name):
    np.testing.assert_allclose(cdf_gate(name)(X), X * SCIPY[name].cdf(X), rtol=3e-13, atol=1e-15)


def test_known_names_of_ramps_and_gates():
    np.testing.assert_allclose(cdf_gate("normal")(X), gelu(X), atol=2e-15)
    np.testing.assert_allclose(cdf_gate("logistic")(X), ACTIVATIONS["silu"](X), rtol=1e-14)
    np.testing.assert_allclose(cdf_ramp("logistic")(X), ACTIVATIONS["softplus"](X), rtol=1e-14)


@pytest.mark.parametrize("name", ["poisson", "", None, 3, ["normal"]])
@pytest.mark.parametrize("function", [cdf_ramp, cdf_gate])
def test_unknown_distributions(function, name):
    known = r"\['logistic', 'normal', 'cauchy', 'uniform', 'laplace', 'student_t2'\]"
    with pytest.raises(ValueError, match=f"^distribution must be one of {known}, got "):
        function(name)


@each_distribution
def test_floating_tensors_only(name):
    for function in (*DISTRIBUTIONS[name], cdf_gate(name)):
        with pytest.raises(ValueError, match="^x must be of a floating type .* got int32$"):
            function(tf.constant([1, 2]))
