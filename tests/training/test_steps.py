"""One update: the objective and its gradient against their formulas in numpy."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from training import steps

LOGITS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32) * 3
LABELS = np.array([0, 3, 1, 1, 2, 0], np.int32)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def targets(smoothing: float) -> np.ndarray:
    return (1 - smoothing) * np.eye(4)[LABELS] + smoothing / 4


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_cross_entropy(smoothing):
    loss = steps.cross_entropy(smoothing)(tf.constant(LOGITS), tf.constant(LABELS))
    expected = -np.mean(np.sum(targets(smoothing) * np.log(softmax(LOGITS.astype(float))), axis=1))
    assert loss.shape == ()
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_label_smoothing_changes_the_loss():
    plain, smoothed = (
        float(steps.cross_entropy(s)(tf.constant(LOGITS), tf.constant(LABELS))) for s in (0.0, 0.1)
    )
    assert abs(plain - smoothed) > 0.01


def test_cross_entropy_of_huge_logits_is_finite():
    """softmax would overflow: the logarithm must be taken with it, not after it."""
    logits = tf.constant([[1e4, 0.0, -1e4]])
    for smoothing in (0.0, 0.1):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = steps.cross_entropy(smoothing)(logits, tf.constant([2]))
        assert np.isfinite(loss) and np.isfinite(tape.gradient(loss, logits)).all()
    np.testing.assert_allclose(steps.cross_entropy()(logits, tf.constant([2])), 2e4)


class Affine(snt.Module):
    """logits = images @ w; notes whether it was told to train."""

    def __init__(self, w: np.ndarray):
        super().__init__()
        self.w = tf.Variable(w)
        self.b = tf.Variable(np.zeros(w.shape[1], np.float32), trainable=False)
        self.modes = []

    def __call__(self, images, is_training):
        self.modes.append(is_training)
        return images @ self.w + self.b


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_plain_is_the_gradient_of_the_mean(smoothing):
    rng = np.random.default_rng(1)
    images, w = (rng.normal(size=shape).astype(np.float32) for shape in ((6, 5), (5, 4)))
    network = Affine(w)
    objective = steps.cross_entropy(smoothing)
    outcome = steps.plain(network, objective, tf.constant(images), tf.constant(LABELS))
    assert network.modes == [True]
    np.testing.assert_allclose(outcome.logits, images @ w, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(outcome.loss, objective(outcome.logits, LABELS), rtol=1e-6)
    (gradient,) = outcome.gradients  # none for what is not trainable
    expected = images.T @ (softmax(images @ w) - targets(smoothing)) / len(images)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
