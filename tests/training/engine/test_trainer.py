"""Losses of one's own, minimised again and again by one compiled loop."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from training.engine.optimizers import Adam
from training.engine.trainer import Trainer

ROWS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2)
TARGETS = ROWS @ np.float32([[2], [-1]]) + 3


def make() -> snt.Module:
    network = snt.Linear(1)
    network(tf.ones([1, 2]))
    return network


def loss(network: snt.Module, step: tf.Tensor, rows: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.square(network(rows) - targets))


@pytest.fixture(scope="module")
def trainer():
    rate = tf.Variable(0.0, trainable=False)
    return Trainer(make, loss, Adam(rate), rate=lambda i: 0.1 / (1 + tf.cast(i, tf.float32)))


def _weights(trainer: Trainer) -> np.ndarray:
    return np.concatenate([v.numpy().ravel() for v in trainer.network.trainable_variables])


def test_the_steps_are_those_of_the_optimizer(trainer):
    trainer.begin(3)
    tf.random.set_seed(3)
    network = make()
    optimizer = Adam(tf.Variable(0.0, trainable=False))
    for i in range(5):
        with tf.GradientTape() as tape:
            value = loss(network, tf.constant(i), ROWS, TARGETS)
        optimizer.learning_rate.assign(0.1 / (1 + i))
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(value, variables), variables)
    trainer.run(0, 2, ROWS, TARGETS)
    trainer.run(2, 5, ROWS, TARGETS)
    for ours, theirs in zip(trainer.network.trainable_variables, variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_nothing_is_left_of_the_run_before(trainer):
    found = []
    for seed in (3, 4, 3):
        trainer.begin(seed)
        trainer.run(0, 9, ROWS, TARGETS)
        found.append(_weights(trainer))
        trainer.run(0, 7, -ROWS, TARGETS)
    np.testing.assert_array_equal(found[0], found[2])
    assert np.all(found[0] != found[1])


def test_the_optimizer_alone_starts_anew(trainer):
    trainer.begin(3)
    start = _weights(trainer)
    trainer.run(0, 9, ROWS, TARGETS)
    trainer.restart()
    assert int(trainer.optimizer.step) == 0 and not any(np.any(m) for m in trainer.optimizer.m)
    assert np.all(_weights(trainer) != start)


def test_frozen_variables_stay(trainer):
    trainer.begin(3)
    before = _weights(trainer)
    trainer.run(0, 5, ROWS, TARGETS, frozen=[trainer.network.b])
    assert trainer.network.b.numpy() == before[0]
    assert np.all(trainer.network.w.numpy()[:, 0] != before[1:])
