"""Averaged weights and weights of few bits: what a network is trained with, and used with."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.data import Split
from training.engine import steps
from training.engine.loop import Loop
from training.engine.recipes import Recipe
from training.engine.weights import rounded

EPOCHS, BATCH, RATE = 3, 8, 0.05


def _split() -> Split:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(45, 4, 4, 1), dtype=np.uint8)
    return Split(images, rng.integers(4, size=45, dtype=np.int32))


def _loop(**settings) -> Loop:
    tf.random.set_seed(0)
    network = wn.create_network("mlp", 4, hidden_sizes=(6,), activation="tanh")
    settings = {"optimizer": "sgd", "schedule": "constant", "learning_rate": RATE, **settings}
    return Loop(network, _split(), Recipe(epochs=EPOCHS, batch_size=BATCH, **settings), 0)


def _values(network: snt.Module) -> list[np.ndarray]:
    return [v.numpy() for v in network.trainable_variables]


def _by_hand(averaging: float = 0.0, bits: int | None = None) -> list[list[np.ndarray]]:
    """The weights that are used after each epoch, by plain gradient descent in eager mode."""
    loop = _loop()
    network, used = loop.network, []
    w = [v.astype(np.float64) for v in _values(network)]
    average, t = [v.copy() for v in w], 0

    def quantized(v: np.ndarray) -> np.ndarray:
        if not bits or v.ndim < 2:
            return v
        s = np.abs(v).max() / (2 ** (bits - 1) - 1)
        return s * np.round(v / s)

    for epoch in range(EPOCHS):
        order = np.random.default_rng([0, epoch]).permutation(45)[:40].reshape(5, BATCH)
        for batch in order:
            for v, value in zip(network.trainable_variables, w, strict=True):
                v.assign(quantized(value))
            images = tf.constant(_split().images[batch] / np.float32(255))
            outcome = steps.plain(
                network, steps.cross_entropy(), images, _split().labels[batch], None
            )
            t += 1
            d = min(averaging, (1 + t) / (10 + t))
            for i, gradient in enumerate(outcome.gradients):
                w[i] = w[i] - RATE * gradient.numpy()
                average[i] = d * average[i] + (1 - d) * w[i]
        used.append([quantized(v) for v in (average if averaging else w)])
    return used


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [{"averaging": 0.9}, {"bits": 4}, {"averaging": 0.7, "bits": 3}, {}], ids=str
)
def test_it_is_plain_descent_by_hand(settings):
    loop, expected = _loop(**settings), _by_hand(**settings)
    for used in expected:
        loop.run_epoch()
        for one, other in zip(_values(loop.network), used, strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-6)
    if settings:
        plain = _by_hand()[-1]
        assert max(np.abs(a - b).max() for a, b in zip(plain, expected[-1], strict=True)) > 1e-3


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_run_that_goes_on_is_the_one_that_was_not_interrupted(tmp_path):
    settings = {"averaging": 0.9, "bits": 4, "optimizer": "muon"}
    whole, first, second = (_loop(**settings) for _ in range(3))
    for _ in range(EPOCHS):
        whole.run_epoch()
    first.run_epoch()
    path = first.checkpoint.write(str(tmp_path / "kept"))
    second.checkpoint.read(path).assert_consumed()
    for _ in range(EPOCHS - 1):
        second.run_epoch()
    for one, other in zip(_values(whole.network), _values(second.network), strict=True):
        np.testing.assert_array_equal(one, other)
    # What is used is in the network's own part of a checkpoint.
    tf.random.set_seed(1)
    other = wn.create_network("mlp", 4, hidden_sizes=(6,), activation="tanh")
    other(tf.zeros([1, 4, 4, 1]))
    tf.train.Checkpoint(network=other).read(path).expect_partial()
    for one, loaded in zip(_values(first.network), _values(other), strict=True):
        np.testing.assert_array_equal(one, loaded)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_it_begins_anew():
    loop = _loop(averaging=0.9)
    start = _values(loop.network)
    loop.run_epoch()
    first = _values(loop.network)
    for v, value in zip(loop.network.trainable_variables, start, strict=True):
        v.assign(value)
    loop.restart(0)
    loop.run_epoch()
    for one, again in zip(first, _values(loop.network), strict=True):
        np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_rounded_to_bits(bits):
    w = tf.constant(np.random.default_rng(0).uniform(-1, 1, (200, 100)), tf.float32)
    made = rounded(w, bits).numpy()
    assert len(np.unique(made)) == 2**bits - 1
    np.testing.assert_allclose(np.abs(made).max(), np.abs(w).max(), rtol=1e-6)
    levels = 2 ** (bits - 1) - 1
    assert np.abs(made - w).max() <= np.abs(w).max() / levels / 2 * 1.0001
    np.testing.assert_allclose(rounded(made, bits), made, rtol=1e-5)  # a second time, nothing
    assert not rounded(tf.zeros([3, 2]), bits).numpy().any()


@pytest.mark.slow
def test_matrices_alone_are_rounded():
    loop = _loop(bits=2)
    loop.run_epoch()
    for v in loop.network.trainable_variables:
        assert (len(np.unique(v)) <= 3) == (v.shape.rank > 1)


def test_bad_settings():
    for bits in (1, 9, 2.5, "4", True, 0):
        with pytest.raises(
            ValueError, match=r"^bits must be an integer in \[2, 8\], or None, got "
        ):
            Recipe(bits=bits)
    for averaging in (-0.1, 1, 1.5, "0.9", None, True):
        with pytest.raises(ValueError, match=r"^averaging must be a number in \[0, 1\), got "):
            Recipe(averaging=averaging)
