"""Squashes: range, inverse, order, bounds, and finite numbers everywhere."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional.squashes import SQUASHES, get_squash

each = pytest.mark.parametrize("name", SQUASHES)
each_type = pytest.mark.parametrize("dtype", ["float32", "float64"])
LARGEST = {
    "tanh": {"float32": 8.66, "float64": 18.7},
    "softsign": {"float32": 1.7e7, "float64": 9.0e15},
    "algebraic": {"float32": 2.9e3, "float64": 6.7e7},
}
# Where squash'(z) is at least 0.01: there the inverse keeps all but two digits.
USEFUL = {"tanh": 3.0, "softsign": 9.0, "algebraic": 4.5}


def _ladder(dtype: str) -> np.ndarray:
    """Numbers of all sizes of a type and both signs, and 0; rising."""
    largest = np.finfo(dtype).max
    sizes = np.logspace(np.log10(np.finfo(dtype).tiny), np.log10(largest) - 0.01, 400)
    return np.concatenate([[-largest], -sizes[::-1], [0], sizes, [largest]]).astype(dtype)


@each
def test_the_formula(name):
    z = np.linspace(-20, 20, 401)
    expected = {
        "tanh": np.tanh(z),
        "softsign": z / (1 + np.abs(z)),
        "algebraic": z / np.sqrt(1 + z**2),
    }[name]
    np.testing.assert_allclose(get_squash(name).squash(tf.constant(z)), expected, rtol=1e-14)


@each
@each_type
def test_increasing_odd_and_in_range(name, dtype):
    z = _ladder(dtype)
    u = get_squash(name).squash(tf.constant(z)).numpy()
    assert np.all(np.abs(u) <= 1) and u[-1] == 1
    assert np.all(np.diff(u) >= -np.finfo(dtype).eps)
    np.testing.assert_array_equal(u, -u[::-1])
    moderate = (np.abs(z) < USEFUL[name]) & (np.abs(z) > 10 * np.finfo(dtype).tiny)
    assert np.all(np.abs(u[moderate]) < 1) and np.all(np.diff(u[moderate]) > 0)


@each
@each_type
def test_slope_1_at_0(name, dtype):
    for function in get_squash(name):
        (slope,) = helpers.gradients(function, tf.zeros([1], dtype))
        assert float(slope[0]) == 1


@each
@each_type
def test_inverse_to_rounding(name, dtype):
    """z comes back up to a few roundings of u, each of which moves it by eps / squash'(z)."""
    pair, epsilon = get_squash(name), np.finfo(dtype).eps
    z = tf.constant(np.linspace(-USEFUL[name], USEFUL[name], 10_001), dtype)
    (slope,) = helpers.gradients(pair.squash, z)
    assert np.min(slope) > 0.009
    error = np.abs(pair.unsquash(pair.squash(z)) - z)
    assert np.all(error <= 4 * epsilon * (np.abs(z) + np.abs(pair.squash(z)) / slope))
    u = tf.constant(np.linspace(-0.999, 0.999, 10_001), dtype)
    np.testing.assert_allclose(pair.squash(pair.unsquash(u)), u, rtol=8 * epsilon)
    tiny = _ladder(dtype)
    tiny = tiny[(np.abs(tiny) < 1e-3) & (np.abs(tiny) > 10 * np.finfo(dtype).tiny)]
    np.testing.assert_allclose(
        pair.unsquash(pair.squash(tf.constant(tiny))), tiny, rtol=4 * epsilon
    )


@each
def test_another_inverse_would_be_seen(name):
    z = tf.constant(np.linspace(-2, 2, 101))
    for other in set(SQUASHES) - {name}:
        back = get_squash(other).unsquash(get_squash(name).squash(z))
        assert np.abs(back - z).max() > 0.1


@each
@each_type
def test_the_bound_of_the_inverse(name, dtype):
    unsquash = get_squash(name).unsquash
    ends = tf.constant([-np.inf, -5, -1, 1, 5, np.inf], dtype)
    expected = LARGEST[name][dtype] * np.sign(ends)
    np.testing.assert_allclose(unsquash(ends), expected, rtol=0.03)
    assert not np.any(helpers.gradients(unsquash, ends)[0])
    # It acts from the largest number below 1 on, and not before.
    last = np.nextafter(np.array(1, dtype), np.array(0, dtype))
    assert unsquash(tf.constant(last)) == unsquash(tf.constant(1, dtype))
    before = np.nextafter(last, np.array(0, dtype))
    assert unsquash(tf.constant(before)) < unsquash(tf.constant(last))
    assert helpers.gradients(unsquash, tf.constant(before))[0] > 0


@each
@each_type
def test_the_inverse_is_increasing_and_odd(name, dtype):
    u = tf.constant(np.linspace(-1, 1, 20_001), dtype)
    z = get_squash(name).unsquash(u).numpy()
    assert np.all(np.diff(z) >= 0) and np.all(np.diff(z[1:-1]) > 0)
    np.testing.assert_allclose(z, -z[::-1], rtol=1e-3 if dtype == "float32" else 1e-10)


@each
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_everything_is_finite(name, dtype):
    z = tf.cast(tf.constant(_ladder("float32")), dtype)
    z = z[tf.abs(z) <= z.dtype.max]
    for function in get_squash(name):
        outputs, (slopes,) = function(z), helpers.gradients(function, z)
        assert outputs.dtype == dtype
        assert np.all(np.isfinite(tf.cast(outputs, tf.float64)))
        assert np.all(np.isfinite(tf.cast(slopes, tf.float64))) and np.all(slopes >= 0)


@each
def test_slopes(name):
    """Against differences, since one of the squashes keeps a factor out of its gradient."""
    z, h = np.concatenate([np.linspace(-6, 6, 48), [-300.0, 300.0]]), 1e-6
    for function, x in zip(get_squash(name), (z, np.tanh(z[:-2] / 4)), strict=True):
        (slope,) = helpers.gradients(function, tf.constant(x))
        differences = (function(tf.constant(x + h)) - function(tf.constant(x - h))) / (2 * h)
        np.testing.assert_allclose(slope, differences, rtol=1e-6, atol=1e-9)
        assert np.any(slope != 1)


@each
def test_second_derivatives_are_finite(name):
    z = tf.constant(np.linspace(-6, 6, 50))
    for function in get_squash(name):
        assert np.all(np.isfinite(helpers.derivatives(function, tf.tanh(z))[1]))


@each
def test_a_nan_is_not_hidden(name):
    for function in get_squash(name):
        assert np.isnan(function(tf.constant([np.nan, 0.5]))).tolist() == [True, False]


@pytest.mark.parametrize("name", ["sigmoid", "", 3, None, ["tanh"]])
def test_unknown_names(name):
    with pytest.raises(ValueError) as error:
        get_squash(name)
    known = "['tanh', 'softsign', 'algebraic']"
    assert str(error.value) == f"squash must be one of {known}, got {name!r}"


@each
@pytest.mark.parametrize("values", [1, [1, 2], "half", None])
def test_what_is_not_floating_is_refused(name, values):
    pair = get_squash(name)
    with pytest.raises(ValueError, match="^z must be (of|a tensor of) a floating type"):
        pair.squash(values)
    with pytest.raises(ValueError, match="^u must be (of|a tensor of) a floating type"):
        pair.unsquash(values)


@each
def test_numbers_and_arrays(name):
    pair = get_squash(name)
    for half in (0.5, np.array([0.5]), np.float32([0.5])):
        np.testing.assert_allclose(pair.unsquash(pair.squash(half)), half, rtol=1e-6)
