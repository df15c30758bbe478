"""RowRecurrent: its formula, step by step, and that it reads from above."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from tests import helpers
from weirdonetworks.nets import RowRecurrent

sigma = scipy.special.expit


def _built(images, **kwargs) -> RowRecurrent:
    net = RowRecurrent(**kwargs)
    net(images)
    helpers.randomise_zeros(net)
    return net


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "rank"), [(1, None), (4, None), (4, 3)])
@pytest.mark.parametrize("columns", [False, True])
def test_formula(rows, rank, columns, noise):
    net = _built(noise, size=6, rows=rows, rank=rank, columns=columns)
    w, u = net.w.w.numpy(), net.u.w.numpy()
    if rank:
        w, u = net.w_low.w.numpy() @ w, net.u_low.w.numpy() @ u
        assert np.linalg.matrix_rank(w) == np.linalg.matrix_rank(u) == rank
    zeta, nu = sigma(net.zeta.numpy()), sigma(net.nu.numpy())

    def last(images):
        h = np.zeros([20, 6])
        for x in images.reshape(20, 28 // rows, 28 * rows).transpose(1, 0, 2):
            s = x @ w + h @ u
            z = sigma(s + net.b_gate.numpy())
            h = (zeta * (1 - z) + nu) * np.tanh(s + net.b_candidate.numpy()) + z * h
        return h

    h = last(noise)
    if columns:
        h = np.concatenate([h, last(noise.transpose(0, 2, 1, 3))], axis=1)
    expected = h @ net.head.w.numpy() + net.head.b.numpy()
    for is_training in (False, True):
        np.testing.assert_allclose(net(noise, is_training), expected, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "rank"), [(4, None), (4, 3), (28, None)])
def test_what_is_trained_has_the_slopes_of_what_is_used(rows, rank, noise):
    """In training the steps are a loop, otherwise they are written out."""
    net = _built(noise, size=6, rows=rows, rank=rank)

    @tf.function(jit_compile=True, autograph=False)
    def slopes(is_training):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(net(noise, is_training)))
        return tape.gradient(loss, net.trainable_variables)

    found, expected = slopes(True), slopes(False)
    assert all(np.abs(slope).max() > 0 for slope in expected[:2])
    for slope, own in zip(found, expected, strict=True):
        np.testing.assert_allclose(slope, own, rtol=1e-9, atol=1e-12)


def test_the_start(noise):
    net = RowRecurrent()
    net(noise)
    u = net.u.w.numpy()
    np.testing.assert_allclose(u @ u.T, np.eye(32), atol=1e-6)
    np.testing.assert_allclose(sigma([net.zeta.numpy(), net.nu.numpy()]), [0.731, 0.018], atol=1e-3)


@pytest.mark.slow
def test_what_is_read_last_counts_and_what_is_below_nothing_is_lost(noise):
    """With an open gate each step forgets a share: of two changes, the later one shows more."""
    net = _built(noise, size=16)
    above, below = noise.copy(), noise.copy()
    above[:, 0] += 1
    below[:, 27] += 1
    moved = [np.abs(net(images) - net(noise)).max() for images in (above, below)]
    assert moved[1] > moved[0] > 1e-9


def test_bad_arguments_and_images(noise):
    for kwargs, message in (
        ({"size": 0}, "^size must be an integer >= 1, got 0$"),
        ({"rank": 0}, "^rank must be an integer >= 1, got 0$"),
        ({"rows": 0}, "^rows must be an integer >= 1, got 0$"),
        ({"columns": 1}, "^columns must be True or False, got 1$"),
        ({"dropout": 1}, r"^dropout must be a number in \[0, 1\), got 1$"),
    ):
        with pytest.raises(ValueError, match=message):
            RowRecurrent(**kwargs)
    message = r"^rows must divide the height of the images, 28: one of \[1, 2, 4, .*, got 3$"
    with pytest.raises(ValueError, match=message):
        RowRecurrent(rows=3)(noise)
    with pytest.raises(ValueError, match="images must be square, got 14 x 28$"):
        _built(noise[:, :14], columns=True)
    with pytest.raises(ValueError, match=r"as at the first call, got \(14, 28, 1\)$"):
        _built(noise)(noise[:, :14])
