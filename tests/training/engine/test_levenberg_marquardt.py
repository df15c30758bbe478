"""Levenberg-Marquardt in a compiled loop, on a network whose derivatives can be written out."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from training.engine.levenberg_marquardt import LevenbergMarquardt

X = np.random.default_rng(0).normal(size=(40, 2))
RIDGE = 1e-2


class Power(snt.Module):
    """b + sum_i w_i x_i^2, [n, 2] -> [n, 1]; variables b [], w [2]."""

    def __init__(self):
        super().__init__()
        self.b = tf.Variable(tf.random.normal([], dtype=tf.float64))
        self.w = tf.Variable(tf.random.normal([2], dtype=tf.float64))

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.b + tf.reduce_sum(self.w * inputs**2, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def fitter() -> LevenbergMarquardt:
    # The batch of step i: the targets grow with i.
    return LevenbergMarquardt(
        Power, lambda network, i, x, t, ridge: (x, t + tf.cast(i, tf.float64), ridge)
    )


def _run(fitter, first, last, ridge=0.0, sign=1.0, **frozen) -> None:
    targets = sign * (X**2 @ [2.0, -1.0] + 3)
    fitter.run(first, last, X, targets, np.array([0.0, ridge]), **frozen)


@pytest.mark.slow
def test_a_step_solves_the_damped_normal_equations(fitter):
    fitter.begin(1)
    b, w = fitter.network.b.numpy(), fitter.network.w.numpy()
    _run(fitter, 0, 1, RIDGE)
    jacobian = np.hstack([np.ones([40, 1]), X**2])
    errors = jacobian @ [b, *w] - (X**2 @ [2.0, -1.0] + 3)
    matrix = jacobian.T @ jacobian / 40 + np.diag([0, RIDGE, RIDGE]) + 1e-3 * np.eye(3)
    gradient = jacobian.T @ errors / 40 + RIDGE * np.array([0, *w])
    expected = np.array([b, *w]) - np.linalg.solve(matrix, gradient)
    found = [fitter.network.b.numpy(), *fitter.network.w.numpy()]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.slow
def test_the_damping_falls_until_the_fit_is_exact(fitter):
    fitter.begin(1)
    for _ in range(8):
        _run(fitter, 0, 1)
    np.testing.assert_allclose(fitter.network.w, [2, -1], rtol=1e-9)
    np.testing.assert_allclose(fitter.network.b, 3, rtol=1e-9)


@pytest.mark.slow
def test_each_step_has_its_batch(fitter):
    fitter.begin(1)
    _run(fitter, 7, 8)
    for _ in range(8):
        _run(fitter, 7, 8)
    np.testing.assert_allclose(fitter.network.b, 3 + 7, rtol=1e-9)


def test_a_step_that_is_no_better_is_not_made(fitter):
    """Targets that are no numbers make the objective NaN."""
    fitter.begin(1)
    before = [v.numpy() for v in fitter.network.trainable_variables]
    _run(fitter, 0, 3, sign=np.nan)
    for variable, value in zip(fitter.network.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_calls_do_not_change_the_numbers(fitter):
    found = []
    for cuts in ((0, 9), (0, 4, 9)):
        fitter.begin(1)
        for first, last in zip(cuts, cuts[1:], strict=False):
            _run(fitter, first, last)
        found.append(fitter.network.w.numpy())
    np.testing.assert_array_equal(*found)


def test_nothing_is_left_of_the_run_before(fitter):
    found = []
    for seed in (3, 4, 3):
        fitter.begin(seed)
        _run(fitter, 0, 1, RIDGE)
        found.append(fitter.network.w.numpy())
        _run(fitter, 0, 5)
    np.testing.assert_array_equal(found[0], found[2])
    assert np.all(found[0] != found[1])


def test_frozen_variables_stay(fitter):
    fitter.begin(1)
    before = fitter.network.b.numpy(), fitter.network.w.numpy()
    _run(fitter, 0, 3, frozen=[fitter.network.b])
    assert fitter.network.b.numpy() == before[0]
    assert np.all(fitter.network.w.numpy() != before[1])
