"""Muon: what becomes of the singular values, what is left to Adam, and what a step is worth."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from training.engine.adam import Adam
from training.engine.muon import Muon, orthogonalized


@pytest.mark.parametrize("shape", [(5, 5), (3, 40), (40, 3), (2, 7, 4)])
def test_singular_vectors_stay_and_values_come_near_one(shape):
    x = np.random.default_rng(0).normal(size=shape)
    made = orthogonalized(tf.constant(x)).numpy()
    u, s, v = np.linalg.svd(x, full_matrices=False)
    found = np.swapaxes(u, -1, -2) @ made @ np.swapaxes(v, -1, -2)
    values = np.diagonal(found, axis1=-2, axis2=-1)
    np.testing.assert_allclose(found, values[..., None] * np.eye(values.shape[-1]), atol=1e-10)
    assert s.max() / s.min() > 1.3
    assert values.min() > 0.6 and values.max() < 1.3


def test_zero_and_rank_one():
    assert not orthogonalized(tf.zeros([4, 3])).numpy().any()
    x = np.outer([1.0, 2, 3], [4.0, 5])
    made = orthogonalized(tf.constant(x * 1e-3)).numpy()
    np.testing.assert_allclose(made / np.linalg.norm(made), x / np.linalg.norm(x), atol=1e-10)
    # The size of the gradient means nothing, up to the number that keeps 0 from being divided.
    np.testing.assert_allclose(made, orthogonalized(tf.constant(x)), rtol=1e-3)


@pytest.mark.slow
def test_vectors_and_scalars_follow_adam():
    rng = np.random.default_rng(0)
    shapes = [(3, 4), (4,), ()]
    ours = [tf.Variable(tf.zeros(shape)) for shape in shapes]
    adams = [tf.Variable(tf.zeros(shape)) for shape in shapes]
    muon, adam = Muon(tf.Variable(0.1)), Adam(tf.Variable(0.1))
    for _ in range(3):
        gradients = [tf.constant(rng.normal(size=shape), tf.float32) for shape in shapes]
        muon.apply(gradients, ours)
        adam.apply(gradients, adams)
    for one, other in zip(ours[1:], adams[1:], strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(ours[0] - adams[0]).max() > 1e-2


@pytest.mark.parametrize("shape", [(30, 30), (100, 20), (20, 100)])
def test_the_first_step_is_of_the_size_of_adams(shape):
    """A fifth of the rate, by root mean square; that of Adam's first step is the rate, and 0.2 to
    0.4 of it later, as Liu et al. measured."""
    x = tf.Variable(tf.zeros(shape))
    gradient = np.random.default_rng(0).normal(size=shape)
    Muon(tf.Variable(0.5)).apply([tf.constant(gradient, tf.float32)], [x])
    assert 0.7 < np.sqrt(np.mean(np.square(x))) / (0.2 * 0.5) < 1.15


def test_what_gets_no_update_stays():
    for shape in ((2, 3), (3,)):
        x, y = tf.Variable(tf.ones(shape)), tf.Variable(tf.ones(shape))
        Muon(tf.Variable(0.5)).apply([None, tf.ones(shape)], [x, y])
        assert (x.numpy() == 1).all() and (y.numpy() != 1).all()


@pytest.mark.slow
def test_compiled_is_eager_and_it_goes_on_from_a_checkpoint(tmp_path):
    x = np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32)
    results = []
    for compiled in (False, True):
        tf.random.set_seed(0)
        net = snt.nets.MLP([5, 3])
        net(x)
        optimizer = Muon(tf.Variable(0.02))
        optimizer._initialize(net.trainable_variables)

        def step(net=net, optimizer=optimizer):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(net(x)))
            optimizer.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)

        step = tf.function(step, jit_compile=True, autograph=False) if compiled else step
        for i in range(6):
            if i == 3:
                checkpoint = tf.train.Checkpoint(net=net, optimizer=optimizer)
                path = checkpoint.write(str(tmp_path / str(compiled)))
            step()
        first = [v.numpy() for v in net.variables]
        checkpoint.read(path).assert_consumed()
        for _ in range(3):
            step()
        for one, again in zip(first, net.variables, strict=True):
            np.testing.assert_array_equal(one, again)
        results.append(first)
    for eager, xla in zip(*results, strict=True):
        np.testing.assert_allclose(eager, xla, rtol=2e-3, atol=2e-5)
