"""Complex numbers in two parts: their moduli, and a rectifier that keeps phases."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import mod_relu, modulus


def _parts(z) -> tf.Tensor:
    return tf.stack([np.real(z), np.imag(z)], axis=-1)


def _complex(parts) -> np.ndarray:
    return np.array(parts)[..., 0] + 1j * np.array(parts)[..., 1]


@pytest.fixture
def z() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(6, 5)) + 1j * rng.normal(size=(6, 5))


def test_formulas(z):
    bias = np.array([-1.0, -0.5, 0.0, 0.3, 2.0])
    np.testing.assert_allclose(modulus(_parts(z)), np.abs(z), rtol=1e-14)
    expected = np.maximum(np.abs(z) + bias, 0) * np.exp(1j * np.angle(z))
    np.testing.assert_allclose(_complex(mod_relu(_parts(z), bias)), expected, atol=1e-14)
    assert 0 < np.mean(expected == 0) < 0.5


def test_a_phase_goes_through_and_rectified_parts_lose_it(z):
    turn = np.exp(0.7j)
    turned = _complex(mod_relu(_parts(turn * z), -0.5))
    np.testing.assert_allclose(turned, turn * _complex(mod_relu(_parts(z), -0.5)), atol=1e-14)
    parts = lambda z: _complex(tf.nn.relu(_parts(z)))  # noqa: E731
    assert np.abs(parts(turn * z) - turn * parts(z)).max() > 0.5


@pytest.mark.slow
def test_zero_and_the_ends_of_the_numbers():
    for dtype in ("float16", "float32", "float64"):
        largest = np.finfo(dtype).max / 2
        x = tf.constant(
            [[0, 0], [largest, 0], [largest, largest], [0, -np.finfo(dtype).tiny]], dtype
        )
        np.testing.assert_allclose(
            modulus(x), np.hypot(*x.numpy().astype(np.longdouble).T).astype(dtype), rtol=2e-3
        )
        for function in (modulus, lambda x: mod_relu(x, -0.1), lambda x: mod_relu(x, 0.1)):
            assert np.all(np.isfinite(function(x)))
            assert np.all(np.isfinite(helpers.gradients(function, x[:3])[0]))
    infinite = tf.constant([[np.inf, 0], [-np.inf, np.inf], [1, -np.inf]])
    assert np.all(modulus(infinite) == np.inf)
    nan = mod_relu(tf.constant([[0.0, np.nan]]), -1.0)
    assert np.all(np.isnan(nan)) and np.isnan(modulus(tf.constant([1.0, np.nan])))


def test_gradients_are_those_of_differences(z):
    bias = tf.constant([-1.0, -0.5, 0.0, 0.3, 2.0], tf.float64)
    for function in (modulus, lambda x: tf.sin(mod_relu(x, bias))):
        x = _parts(z)
        (gradient,) = helpers.gradients(function, x)
        step = np.random.default_rng(1).normal(size=x.shape) * 1e-6
        difference = tf.reduce_sum(function(x + step) - function(x - step)) / 2
        np.testing.assert_allclose(np.sum(gradient * step), difference, rtol=1e-6)


@pytest.mark.parametrize(
    ("z", "bias", "message"),
    [
        (
            np.ones((3, 2)) * 1j,
            0.0,
            r"^z must be of a floating type, \(real, imag.*got complex128$",
        ),
        (tf.ones([3, 2], tf.complex64), 0.0, "^z must be of a floating type, .* got complex64$"),
        (np.ones((4, 3)), 0.0, r"^z must be \[\.\.\., n, 2\], \(real, imaginary\), got shape"),
        (np.ones(2), 0.0, r"^z must be \[\.\.\., n, 2\], \(real, imaginary\), got shape \(2,\)$"),
        (np.ones((3, 2)), np.ones(2), r"^bias must be a number or \[3\], got shape \(2,\)$"),
        (np.ones((3, 2)), 1j, "^bias must be numbers of float64, got complex$"),
    ],
)
def test_bad_arguments(z, bias, message):
    with pytest.raises(ValueError, match=message):
        mod_relu(z, bias)


def test_a_modulus_of_real_numbers():
    with pytest.raises(ValueError, match=r"^z must be \[\.\.\., 2\], \(real, imag.*\(4, 3\)$"):
        modulus(np.ones((4, 3)))
