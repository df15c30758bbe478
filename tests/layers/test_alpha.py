"""The bounds of learned orders of iteration: kept, reached, and left again."""

import numpy as np
import pytest
import tensorflow as tf

from weirdonetworks.layers import _alpha


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_are_cut_and_nothing_else(dtype):
    theta = tf.constant([-3, 0, 0.3, 1, 1.5], dtype)
    np.testing.assert_array_equal(
        _alpha.bounded(theta), np.array([0, 0, 0.3, 1, 1], dtype=dtype), strict=True
    )
    assert _alpha.bounded(theta, 0.25, 0.5).numpy().tolist() == [0.25, 0.25, theta[2], 0.5, 0.5]


@pytest.mark.parametrize("slope", [2.0, -2.0])
def test_the_gradient_ends_where_descent_would_leave(slope):
    theta = tf.constant([-0.5, 0.0, 0.3, 1.0, 1.5])
    with tf.GradientTape() as tape:
        tape.watch(theta)
        total = slope * tf.reduce_sum(_alpha.bounded(theta))
    expected = [0, 0, 2, 2, 2] if slope > 0 else [-2, -2, -2, 0, 0]
    assert tape.gradient(total, theta).numpy().tolist() == expected


@pytest.mark.slow
@pytest.mark.parametrize("cut, returns", [(_alpha.bounded, True), (None, False)])
def test_descent_reaches_an_end_and_comes_back(cut, returns):
    """With momentum, for a target that moves from one end to the inside; clipping alone sticks."""
    cut = cut or (lambda theta: tf.clip_by_value(theta, 0.0, 1.0))
    theta, velocity, path = tf.Variable(0.5), 0.0, []
    for target in [-1.0] * 30 + [0.7] * 300:
        with tf.GradientTape() as tape:
            loss = tf.square(cut(theta) - target)
        velocity = 0.9 * velocity - 0.02 * float(tape.gradient(loss, theta))
        theta.assign_add(velocity)
        path.append(float(cut(theta)))
    assert path[29] == 0.0
    assert (abs(path[-1] - 0.7) < 1e-3) == returns
