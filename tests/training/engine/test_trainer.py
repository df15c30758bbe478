"""Losses of one's own, and runs of networks, again and again by one compiled loop."""

import dataclasses

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from training.engine import Recipe, fit
from training.engine.optimizers import Adam
from training.engine.trainer import Fresh, Repeated, Trainer

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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_frozen_variables_stay(trainer):
    trainer.begin(3)
    before = _weights(trainer)
    trainer.run(0, 5, ROWS, TARGETS, frozen=[trainer.network.b])
    assert trainer.network.b.numpy() == before[0]
    assert np.all(trainer.network.w.numpy()[:, 0] != before[1:])


def test_fresh_weights_and_an_optimizer_as_it_began():
    network, other = make(), make()
    optimizer = Adam(0.1)
    optimizer.apply([tf.zeros_like(v) for v in network.trainable_variables],
                    network.trainable_variables)  # fmt: skip
    fresh = Fresh(network, optimizer.variables)
    ones = [tf.ones_like(v) for v in network.trainable_variables]
    optimizer.apply(ones, network.trainable_variables)
    fresh(other)
    for mine, theirs in zip(network.variables, other.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)
        assert mine is not theirs
    assert int(optimizer.step) == 1 and not any(np.any(m) for m in optimizer.m)


RECIPE = Recipe(
    {"hidden_sizes": (8,), "activation": "stochastic_gelu", "dropout": 0.2},
    epochs=1,
    batch_size=100,
    warmup_epochs=0.5,
    weight_decay=0.01,
)


@pytest.fixture(scope="module")
def repeated(mnist_5k):
    repeated = Repeated("mlp", mnist_5k, RECIPE)
    repeated.run(7, 3e-2, ["validation"])  # leaves traces everywhere that it could
    return repeated


@pytest.mark.slow
def test_a_repeated_run_is_one_of_fit(repeated, mnist_5k):
    """With masks of a stochastic activation and of dropout, which come from the seed, too."""
    row = repeated.run(3, 3e-3)
    run = fit("mlp", mnist_5k, RECIPE, seed=3, learning_rate=3e-3, progress=False)
    assert row["parameters"] == run.parameters and row["seconds"] > 0
    for split in ("validation", "test"):
        assert row[f"{split}_accuracy"] == pytest.approx(run.evaluate(split), abs=0.004)
    # The peak is no constant there, so the rate may differ in its last bit: one update of another
    # mask would move weights by 3e-3.
    for mine, other in zip(repeated.network.variables, run.network.variables, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=3e-5)
    repeated.run(4, 3e-3, [])
    pairs = zip(repeated.network.trainable_variables, run.network.trainable_variables, strict=True)
    assert max(np.abs(mine - other).max() for mine, other in pairs) > 0.1


@pytest.mark.slow
def test_repeated_runs_leave_no_traces(repeated):
    def weights(seed, rate):
        repeated.run(seed, rate, [])
        return [variable.numpy() for variable in repeated.network.variables]

    first, other, rate = weights(1, 1e-2), weights(2, 1e-2), weights(1, 2e-2)
    for a, b in zip(first, weights(1, 1e-2), strict=True):
        np.testing.assert_array_equal(a, b)
    for different in (other, rate):
        assert any(np.any(a != b) for a, b in zip(first, different, strict=True))


@pytest.mark.slow
def test_repeated_runs_are_compiled_once(repeated, monkeypatch):
    monkeypatch.setattr(tf, "while_loop", lambda *_: pytest.fail("traced"))
    repeated.run(5, 1e-3)


@pytest.mark.slow
def test_only_the_splits_that_are_asked_for_are_scored(repeated):
    assert set(repeated.run(1, 1e-2, ["validation"])) == {
        "validation_accuracy", "parameters", "seconds",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_repeated_run_that_diverges(mnist_5k):
    repeated = Repeated("mlp", mnist_5k, dataclasses.replace(RECIPE, optimizer="sgd"))
    with pytest.raises(FloatingPointError, match="is not finite"):
        repeated.run(1, 1e30)
    assert repeated.run(1, 0.1)["test_accuracy"] > 0.1  # and the next one is well


@pytest.mark.parametrize("change", [{"step": "augment"}, {"invariant_start": True}])
def test_recipes_that_draw_are_refused(mnist_5k, change):
    with pytest.raises(ValueError, match="^recipe must have the step 'plain' and no other start"):
        Repeated("mlp", mnist_5k, dataclasses.replace(RECIPE, **change))
