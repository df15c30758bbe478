"""The stochastic GELU: mean, variance, gradient, and a pure function of its seed."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from weirdonetworks.functional import gelu, stochastic_gelu
from weirdonetworks.functional.stochastic import random_bits

DRAWS = 200_000
X = np.array([-3.0, -1.5, -0.75, -0.2, 0.3, 0.9, 2.0, 3.0])
PHI, DENSITY = scipy.special.ndtr(X), scipy.stats.norm.pdf(X)
LEVEL = 1e-4  # of the whole family of eight, by Bonferroni


def _draws(seed=(1, 2)):
    """Values and gradients of the sum, [DRAWS, 8]."""
    x = tf.constant(np.tile(X, (DRAWS, 1)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = stochastic_gelu(x, seed)
    return y.numpy(), tape.gradient(y, x).numpy()


@pytest.fixture(scope="module")
def draws():
    return _draws()


def _rejected(sample: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> bool:
    """A z test of each column's mean, given the variance."""
    z = (sample.mean(axis=0) - mean) / np.sqrt(variance / len(sample))
    return bool(np.any(np.abs(z) > scipy.stats.norm.isf(LEVEL / 2 / len(X))))


def test_each_value_is_zero_or_x(draws):
    y, _ = draws
    assert np.all((y == 0) | (y == X)) and np.all(np.any(y == X, axis=0) & np.any(y == 0, axis=0))


def test_the_mean_is_the_gelu_and_nothing_near_it(draws):
    y, _ = draws
    variance = X**2 * PHI * (1 - PHI)
    assert not _rejected(y, gelu(X).numpy(), variance)
    # Controls: other gates, the closest of which is off by 0.02 at most.
    for other in (X * scipy.special.expit(X), X * scipy.special.expit(1.702 * X), np.maximum(X, 0)):
        assert _rejected(y, other, variance)


def test_the_variance(draws):
    y, _ = draws
    expected = X**2 * PHI * (1 - PHI)
    fourth = X**4 * PHI * (1 - PHI) * (1 - 3 * PHI * (1 - PHI))
    squares = (y - X * PHI) ** 2
    assert not _rejected(squares, expected, fourth - expected**2)
    assert _rejected(squares, X**2 * PHI, fourth - expected**2)


def test_the_mean_of_the_gradient_is_that_of_the_gelu(draws):
    y, gradient = draws
    np.testing.assert_allclose(gradient, (y == X) + X * DENSITY, rtol=1e-12, atol=1e-14)
    variance = PHI * (1 - PHI)
    assert not _rejected(gradient, PHI + X * DENSITY, variance)
    # Control: the mask as if it did not depend on x.
    assert _rejected((y == X).astype(float), PHI + X * DENSITY, variance)


def test_elements_and_calls_are_independent():
    y = stochastic_gelu(tf.zeros([400, 500]) + 1e-6, [1, 2]).numpy() > 0  # Phi = 1/2
    other = stochastic_gelu(tf.zeros([400, 500]) + 1e-6, [1, 3]).numpy() > 0
    for neighbour in (np.roll(y, 1, 0), np.roll(y, 1, 1), other):
        agree = np.mean(y == neighbour)
        assert abs(agree - 0.5) < 5 * 0.5 / np.sqrt(y.size)


def test_without_a_seed_it_is_its_mean():
    x = np.linspace(-5, 5, 101)
    np.testing.assert_allclose(stochastic_gelu(x), gelu(x), atol=1e-15)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_pure_function_of_x_and_seed(dtype):
    x = tf.constant(np.random.default_rng(0).normal(size=(50, 40)), dtype)
    y = stochastic_gelu(x, [3, 4])
    for jit in (False, True):
        compiled = tf.function(stochastic_gelu, jit_compile=jit)
        np.testing.assert_array_equal(compiled(x, tf.constant([3, 4])), y)
    assert np.mean(stochastic_gelu(x, [3, 5]) != y) > 0.1
    assert np.mean(stochastic_gelu(x, [4, 4]) != y) > 0.1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_masks_do_not_depend_on_the_type(dtype):
    x = tf.cast(tf.constant(np.random.default_rng(0).normal(size=(50, 40))), dtype)
    y = stochastic_gelu(x, [3, 4])
    assert y.dtype == dtype
    single = stochastic_gelu(tf.cast(x, tf.float32), [3, 4])
    np.testing.assert_array_equal(tf.cast(y, tf.float64) != 0, single != 0)


def test_tails():
    x = tf.constant([[-1e4, -40.0, 40.0, 1e4]] * 1000)
    y = stochastic_gelu(x, [1, 1])
    np.testing.assert_array_equal(y[:, 2:], x[:, 2:])
    np.testing.assert_array_equal(y[:, :2], 0)


@pytest.mark.slow
def test_rare_gates_open_as_often_as_24_bits_allow():
    x = tf.fill([4096, 4096], -6.0)  # Phi = 1e-9, one in 2^24 opens
    assert int(tf.math.count_nonzero(stochastic_gelu(x, [5, 6]))) < 8
    assert "2^-24" in stochastic_gelu.__doc__


def test_bits_are_uniform():
    bits = random_bits([200_000], [1, 2]).numpy()
    assert bits.dtype == np.uint32
    counts = np.bincount(bits >> 27, minlength=32)
    assert scipy.stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("seed", [1, [1], [1, 2, 3], [[1, 2]], [0.5, 1.0], "ab"])
def test_bad_seeds(seed):
    with pytest.raises(ValueError, match="^seed must be two integers, got "):
        stochastic_gelu(tf.ones([2]), seed)


def test_inputs_must_be_floating():
    with pytest.raises(ValueError, match="^x must be of a floating type .* got int32$"):
        stochastic_gelu(tf.constant([1, 2]), [1, 2])
