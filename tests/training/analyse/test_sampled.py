"""Networks drawn and scored: on which split heads are fitted, and from which random numbers."""

import copy
import itertools

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from training.analyse import sampled
from training.analyse.sampled import accuracy, draw_seed, score_samples, some_images
from training.data import Dataset, Split
from training.engine import scale
from weirdonetworks.analysis import refit_head, sample_network


@pytest.fixture(scope="module")
def splits(mnist_5k) -> Dataset:
    """A few digits."""

    def some(split: Split, count: int) -> Split:
        chosen = np.random.default_rng(0).permutation(len(split))[:count]
        return Split(split.images[chosen], split.labels[chosen])

    parts = (some(mnist_5k.train, 300), some(mnist_5k.validation, 60), some(mnist_5k.test, 120))
    return Dataset("few", 10, *parts)


def _network(seed: int = 0) -> wn.nets.MLP:
    tf.random.set_seed(seed)
    network = wn.nets.MLP(hidden_sizes=(24, 24))
    network(tf.zeros([1, 28, 28, 1]))
    return network


def _scores(network, splits: Dataset) -> tuple[float, float]:
    return accuracy(network, splits.validation), accuracy(network, splits.test)


def _row(rows, **keys) -> tuple[float, float]:
    (found,) = (row for row in rows if all(row[key] == value for key, value in keys.items()))
    return found["validation_accuracy"], found["test_accuracy"]


@pytest.mark.slow
def test_rows_are_scores_of_the_networks_that_they_name(splits):
    """Heads are fitted to the training images, hidden layers drawn with the seeds of the draws."""
    network, calls = _network(), []
    rows = score_samples(network, splits, 5, 2, 200, lambda: calls.append(None))
    assert len(calls) == 1 + 2 * 3 and len(rows) == 2 * len(calls)
    everything, inputs = scale(splits.train.images), some_images(splits.train, 200)
    drawn = {("trained", ""): copy.deepcopy(network)}
    for hidden, draw in itertools.product(sampled.DRAWS, range(2)):
        drawn[hidden, draw] = sample_network(
            network, inputs, draw_seed(5, draw), **sampled.DRAWS[hidden]
        )
    for (hidden, draw), known in drawn.items():
        keys = {"hidden": hidden, "draw": draw}
        assert _row(rows, head="trained", **keys) == _scores(known, splits)
        refitted = refit_head(known, everything, splits.train.labels)
        assert _row(rows, head="refitted", **keys) == _scores(refitted, splits)
        # Had it seen the test images, it would know them.
        leaked = refit_head(known, scale(splits.test.images), splits.test.labels)
        assert accuracy(leaked, splits.test) > _row(rows, head="refitted", **keys)[1] + 0.05


def _drawn(monkeypatch, splits: Dataset, network, seed: int, draws: int) -> dict:
    """First-layer weights of the networks that are scored, by kind: a list over the draws."""
    found: dict[tuple, list[np.ndarray]] = {}

    def sample(reference, inputs, seed, **arguments):
        network = sample_network(reference, inputs, seed, **arguments)
        found.setdefault(tuple(arguments), []).append(network.layers[0].w.numpy().ravel())
        return network

    with monkeypatch.context() as patch:
        patch.setattr(sampled, "sample_network", sample)
        score_samples(network, splits, seed, draws, 50)
    return found


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])


@pytest.mark.slow
def test_draws_are_independent_of_each_other_and_of_those_from_other_runs(splits, monkeypatch):
    first = _drawn(monkeypatch, splits, _network(0), 0, draws=2)
    other = _drawn(monkeypatch, splits, _network(1), 1, draws=2)
    for kind in first:
        weights = [*first[kind], *other[kind]]
        for one, two in itertools.combinations(weights, 2):
            assert abs(_correlation(one, two)) < 0.05
    # The same seed gives the same white weights from another network, up to the size.
    same = _drawn(monkeypatch, splits, _network(1), 0, draws=1)
    assert _correlation(first["coloured",][0], same["coloured",][0]) > 0.999
    # The kinds of a draw share their random numbers.
    np.testing.assert_array_equal(first["aligned",], first[()])


def test_seeds_of_draws():
    found = [draw_seed(seed, draw) for seed in [*range(20), 2**32] for draw in range(20)]
    assert len(set(found)) == len(found) == 420
    assert all(isinstance(seed, int) and 0 <= seed < 2**64 for seed in found)
    assert draw_seed(3, 4) == draw_seed(3, 4)


def test_bad_seeds(splits):
    with pytest.raises(ValueError, match=r"^seed must be an integer >= 0, got -1$"):
        draw_seed(-1, 0)
    with pytest.raises(ValueError, match=r"^draw must be an integer >= 0, got 0.5$"):
        draw_seed(0, 0.5)
    with pytest.raises(ValueError, match=r"^seed must be an integer >= 0, got None$"):
        score_samples(_network(), splits, None, 1, 50)


def test_some_images(mnist_5k):
    some = some_images(mnist_5k.train, 50)
    assert some.shape == (50, 28, 28, 1) and some.dtype == tf.float32
    np.testing.assert_array_equal(some, some_images(mnist_5k.train, 50))
    everything = some_images(mnist_5k.validation, 10_000)
    assert everything.shape == (500, 28, 28, 1)
    total = float(tf.reduce_sum(scale(mnist_5k.validation.images)))
    assert float(tf.reduce_sum(everything)) == pytest.approx(total, rel=1e-4)
