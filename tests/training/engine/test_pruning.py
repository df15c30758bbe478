"""Pruning with rewinding: how many weights are left, which, and where they start again."""

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from training.data import Split
from training.engine import recipe_for
from training.engine.loop import Loop
from training.engine.pruning import trainings
from training.engine.recipes import Recipe

DENSITY, EPOCHS = 0.3, 6  # three trainings of two epochs


def _loop(**settings) -> Loop:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(45, 4, 4, 1), dtype=np.uint8)
    split = Split(images, rng.integers(4, size=45, dtype=np.int32))
    tf.random.set_seed(0)
    network = wn.create_network("mlp", 4, hidden_sizes=(6,), activation="tanh")
    settings = {"density": DENSITY, "learning_rate": 0.01, "epochs": EPOCHS, **settings}
    return Loop(network, split, Recipe(batch_size=8, **settings), 0)


def _values(loop: Loop) -> list[np.ndarray]:
    return [v.numpy() for v in loop.network.trainable_variables]


def _matrices(loop: Loop) -> np.ndarray:
    return np.concatenate([v.ravel() for v in _values(loop) if v.ndim > 1])


def test_how_often_it_is_trained():
    assert [trainings(d) for d in (1, 0.9, 0.5, 0.3, 0.25, 0.1)] == [1, 2, 2, 3, 3, 5]


@pytest.mark.slow
def test_the_largest_stay_and_go_back_to_where_they_were():
    loop, size = _loop(), 16 * 6 + 6 * 4
    left, ends, starts = [], [], []
    prune = loop._pruning._prune
    loop._pruning._prune = lambda density: (ends.append(_values(loop)), prune(density))
    before = loop._pruning.before

    def kept(epoch):
        anew = before(epoch)
        starts.append((anew, _values(loop)))
        return anew

    loop._pruning.before = kept
    for _ in range(EPOCHS):
        loop.run_epoch()
        left.append(np.count_nonzero(_matrices(loop)))
    shares = [DENSITY**0.5, DENSITY]
    assert left == [size] * 2 + [int(np.ceil(s * size)) for s in shares for _ in range(2)]
    assert [anew for anew, _ in starts] == [False, False, True, False, True, False]
    early = starts[1][1]  # after the first epoch
    for place, end, share in ((2, ends[0], shares[0]), (4, ends[1], shares[1])):
        again = starts[place][1]
        large = np.concatenate([np.abs(v).ravel() for v in end if v.ndim > 1])
        kept_ = np.concatenate([v.ravel() != 0 for v in again if v.ndim > 1])
        assert kept_.sum() == int(np.ceil(share * size))
        assert large[kept_].min() >= large[~kept_].max()
        for one, v in zip(early, again, strict=True):
            where = v != 0 if v.ndim > 1 else np.ones(v.shape, bool)
            np.testing.assert_array_equal(v[where], one[where])


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_rate_and_optimizer_start_anew():
    loop, rates = _loop(), []
    for _ in range(EPOCHS):
        loop.run_epoch()
        rates.append(loop.learning_rate)
    np.testing.assert_allclose(rates[:2], rates[2:4], rtol=1e-6)
    np.testing.assert_allclose(rates[:2], rates[4:], rtol=1e-6)
    assert rates[1] < rates[0] / 2
    loop = _loop()
    start = [v.numpy() for v in loop.optimizer.variables]
    for _ in range(2):
        loop.run_epoch()
    moved = [np.any(v != s) for v, s in zip(loop.optimizer.variables, start, strict=True)]
    assert any(moved)
    assert loop._pruning.before(2)
    for v, s in zip(loop.optimizer.variables, start, strict=True):
        np.testing.assert_array_equal(v, s)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("settings", [{}, {"averaging": 0.9, "bits": 4, "optimizer": "muon"}])
def test_a_run_that_goes_on_is_the_one_that_was_not_interrupted(tmp_path, settings):
    whole = _loop(**settings)
    paths = []
    for epoch in range(EPOCHS):
        whole.run_epoch()
        paths.append(whole.checkpoint.write(str(tmp_path / f"kept-{epoch}")))
    assert np.count_nonzero(_matrices(whole)) <= int(np.ceil(DENSITY * 120))
    again = _loop(**settings)
    for epoch, path in enumerate(paths):
        again.checkpoint.read(path).assert_consumed()
        for _ in range(EPOCHS - 1 - epoch):
            again.run_epoch()
        for one, other in zip(_values(whole), _values(again), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_averages_start_anew_and_nothing_is_taken_out_at_the_end():
    loop = _loop(averaging=0.999)
    restart = loop._weights.restart

    def far_away():
        restart()
        for average in loop._weights.average:
            average.assign_add(tf.fill(average.shape, 1000.0))

    loop._weights.restart = far_away
    for _ in range(EPOCHS):
        loop.run_epoch()
    # Of its start, an average that is new keeps the product of (1 + t) / (10 + t), t = 1 .. 10, a
    # part in 10^5; one that went on counting would keep a tenth.
    for a, w in zip(loop._weights.average, loop._weights.trained, strict=True):
        assert np.abs(a - w).max() < 1
    left = np.count_nonzero(_matrices(loop))
    assert not loop._pruning.before(EPOCHS)
    assert np.count_nonzero(_matrices(loop)) == left


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_it_begins_anew():
    loop = _loop()
    start = _values(loop)
    optimizer = [v.numpy() for v in loop.optimizer.variables]
    ends = []
    for _ in range(2):
        for v, value in zip(loop.network.trainable_variables, start, strict=True):
            v.assign(value)
        for v, value in zip(loop.optimizer.variables, optimizer, strict=True):
            v.assign(value)
        loop.restart(0)
        for _ in range(EPOCHS):
            loop.run_epoch()
        ends.append(_values(loop))
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


def test_bad_settings():
    for density in (0, -0.1, 1.1, "0.5", True, float("nan")):
        with pytest.raises(ValueError, match=r"^density must be a number in \(0, 1\], got "):
            Recipe(density=density)
    message = "^epochs must be a multiple of 3, the trainings of a density of 0.3, got 20$"
    with pytest.raises(ValueError, match=message):
        recipe_for("mlp", "mnist", density=0.3)
    with pytest.raises(ValueError, match="^epochs must be at least 6, two for each of the 3 train"):
        Recipe(density=0.3, epochs=3)
    with pytest.raises(ValueError, match="^warmup_epochs must be below the 2 epochs of each"):
        Recipe(density=0.3, epochs=6, warmup_epochs=2.0)
    assert Recipe(density=1).density == 1
