"""Groups of units: maxout, sorting, softmax."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import group_softmax, maxout, sort_groups

each_function = pytest.mark.parametrize("function", [maxout, sort_groups, group_softmax])
each_size = pytest.mark.parametrize("size", [1, 2, 3, 4, 12])


def _x(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@each_size
def test_by_numpy(size):
    x = _x(5, 7, 12)
    groups = x.reshape(5, 7, 12 // size, size)
    np.testing.assert_array_equal(maxout(x, size), groups.max(axis=-1))
    np.testing.assert_array_equal(sort_groups(x, size), np.sort(groups, axis=-1).reshape(x.shape))
    exp = np.exp(groups)
    expected = size * exp / exp.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(group_softmax(x, size), expected.reshape(x.shape), rtol=1e-13)


def test_default_sizes():
    x = _x(3, 8)
    np.testing.assert_array_equal(maxout(x), maxout(x, 2))
    np.testing.assert_array_equal(sort_groups(x), sort_groups(x, 2))
    np.testing.assert_array_equal(group_softmax(x), group_softmax(x, 4))


@pytest.mark.slow
def test_units_of_different_groups_do_not_see_each_other():
    x = _x(12)
    for function in (maxout, sort_groups, group_softmax):
        with tf.GradientTape() as tape:
            variable = tf.Variable(x)
            y = function(variable, size=3)
        jacobian = tape.jacobian(y, variable).numpy()
        per_group = len(y) // 4
        for group in range(4):
            rows = jacobian[group * per_group : (group + 1) * per_group]
            assert np.any(rows[:, 3 * group : 3 * group + 3])
            assert not np.any(np.delete(rows, range(3 * group, 3 * group + 3), axis=1))


@each_size
def test_sorting_keeps_the_norm_of_gradients(size):
    x, upstream = tf.constant(_x(20, 12)), _x(20, 12, seed=1)
    tied = tf.constant(np.round(_x(20, 12)))  # with ties, too
    for inputs in (x, tied):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = sort_groups(inputs, size)
        gradient = tape.gradient(y, inputs, upstream).numpy()
        np.testing.assert_array_equal(np.sort(gradient, axis=1), np.sort(upstream, axis=1))
    (kept,) = helpers.gradients(tf.nn.relu, x)
    assert np.mean(kept) < 0.7  # of ReLU


@each_size
def test_sorting_and_maxout_are_1_lipschitz_and_expansion_would_be_seen(size):
    a, b = _x(2000, 12), _x(2000, 12, seed=1)
    b[1000:] = a[1000:] + 1e-3 * b[1000:]
    distance = np.linalg.norm(a - b, axis=1)
    for function in (sort_groups, maxout):
        moved = np.linalg.norm(function(a, size) - function(b, size), axis=1)
        assert np.all(moved <= distance * (1 + 1e-9))
        assert np.max(moved / distance) > 0.7
    assert np.any(np.linalg.norm(np.exp(a) - np.exp(b), axis=1) > distance)


def test_maxout_is_convex_with_as_many_pieces_as_its_size():
    t = np.linspace(-3, 3, 4001)
    forms = np.array([[1.0, -0.5], [0.0, 0.3], [-2.0, 0.1]])  # slope, offset
    y = maxout(t[:, None] * forms[:, 0] + forms[:, 1], 3).numpy()[:, 0]
    slopes = np.diff(y) / np.diff(t)
    assert np.all(np.diff(slopes) >= -1e-9)
    assert len(np.unique(slopes[np.abs(slopes % 1) < 1e-6].round(6))) == 3


def test_equal_units_share_the_gradient_of_maxout():
    (gradient,) = helpers.gradients(maxout, tf.constant([[1.0, 1.0, 2.0, 0.0]]))
    np.testing.assert_array_equal(gradient, [[0.5, 0.5, 1, 0]])


@each_size
def test_the_mean_of_a_group_of_softmax_is_one(size):
    y = group_softmax(10 * _x(5, 12), size).numpy().reshape(5, -1, size)
    np.testing.assert_allclose(y.mean(axis=-1), 1, rtol=1e-14)
    assert y.max() <= size * (1 + 1e-15) and y.min() >= 0
    if size > 1:
        assert y.max() > 0.9 * size


def test_a_pair_of_softmax_is_a_tanh():
    x = _x(50, 2)
    half = np.tanh((x[:, 0] - x[:, 1]) / 2)
    expected = np.stack([1 + half, 1 - half], axis=1)
    np.testing.assert_allclose(group_softmax(x, 2), expected, rtol=1e-13)


@each_function
@pytest.mark.parametrize(
    ("x", "size", "message"),
    [
        (np.ones((2, 10)), 3, "x must have a static number of units that size=3 divides, got 10"),
        (np.ones((2, 0)), 3, "x must have a static number of units that size=3 divides, got 0"),
        (np.ones(()), 1, "x must have a static number of units that size=1 divides, got None"),
        (np.ones((2, 10)), 0, "size must be an integer >= 1, got 0"),
        (np.ones((2, 10)), 2.5, "size must be an integer >= 1, got 2.5"),
        (np.ones((2, 10)), True, "size must be an integer >= 1, got True"),
    ],
)
def test_bad_sizes(function, x, size, message):
    with pytest.raises(ValueError) as error:
        function(x, size)
    assert str(error.value) == message


@pytest.mark.slow
@each_function
def test_an_unknown_number_of_units(function):
    spec = tf.TensorSpec([None, None], tf.float32)
    with pytest.raises(ValueError, match="size=2 divides, got None"):
        tf.function(lambda x: function(x, 2)).get_concrete_function(spec)
