"""Attention drawn anew: covariances by head, what is copied and turned, and how well it does."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers
from weirdonetworks.analysis import sample_attention
from weirdonetworks.nets import RowAttention


def _images(count: int, seed: int = 0) -> tf.Tensor:
    return tf.random.stateless_normal([count, 5, 4, 1], [seed, 0])


def _network(size: int = 8, **arguments) -> RowAttention:
    network = RowAttention(3, size, **{"heads": 2, "mlp_size": size, "alpha": 1.0} | arguments)
    network(_images(1))
    helpers.randomise_zeros(network)
    return network


def _units(network: RowAttention, head: int, part: int) -> np.ndarray:
    """Weights of queries, keys or values (0, 1, 2) of a head, [in, units]."""
    attention = network.attentions[0]
    return attention.w.numpy().reshape(attention.input_size, 3, attention.heads, -1)[:, part, head]


def _is_covariance(drawn: np.ndarray, expected: np.ndarray, second: np.ndarray) -> bool:
    """Whether the covariance of drawn units, [in, n], is this one, to 5 standard errors."""
    spread = np.sqrt(np.outer(np.diag(expected), np.diag(expected)) / drawn.shape[1])
    return bool(np.all(np.abs(drawn @ second.T / drawn.shape[1] - expected) < 5 * spread))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["paired", "apart", "white"])
def test_heads_keep_the_covariances_of_queries_with_keys_and_of_values(kind):
    reference, inputs = _network(40), _images(10)
    arguments = {"paired": {}, "apart": {"paired": False}, "white": {"coloured": False}}[kind]
    draws = [sample_attention(reference, inputs, seed, **arguments) for seed in range(60)]
    for head in (0, 1):
        known = [_units(reference, head, part) for part in range(3)]
        parts = [np.concatenate([_units(n, head, part) for n in draws], 1) for part in range(3)]
        pair, expected = np.concatenate(parts[:2]), np.concatenate(known[:2])
        kept = _is_covariance(pair, expected @ expected.T / 20, pair)
        assert kept == (kind == "paired")
        for values, target in zip(parts, known, strict=True):
            kept = _is_covariance(values, target @ target.T / 20, values)
            assert kept == (kind != "white")
        # Neither values nor the units of another head have anything to do with them.
        other = np.concatenate([_units(n, 1 - head, 1) for n in draws], 1)
        for each in (parts[2], other):
            sizes = np.outer(np.sum(parts[0] ** 2, 1), np.sum(each**2, 1))
            correlation = parts[0] @ each.T / np.sqrt(sizes)
            assert np.abs(correlation).max() < 5 / np.sqrt(each.shape[1])


@pytest.mark.slow
def test_what_writes_is_turned_by_head_and_the_rest_is_copied():
    reference, inputs = _network(depth=2), _images(40)
    before = [v.numpy() for v in reference.variables]
    network = sample_attention(reference, inputs)
    for name in ("embedding", "head"):
        for part in ("w", "b"):
            one, two = (getattr(getattr(n, name), part) for n in (reference, network))
            np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(reference.p, network.p)
    for block in (0, 1):
        one, two = (n.attentions[block].output.w.numpy() for n in (reference, network))
        for half in (slice(0, 4), slice(4, 8)):  # of a head each
            np.testing.assert_allclose(one[half].T @ one[half], two[half].T @ two[half], atol=1e-5)
        assert np.abs(one - two).max() > 0.1
        one, two = (n.layers[block][1].w.numpy() for n in (reference, network))
        np.testing.assert_allclose(one.T @ one, two.T @ two, atol=1e-5)
        one, two = (n.attentions[block].w.numpy() for n in (reference, network))
        assert np.abs(one - two).max() > 0.1
    unaligned = sample_attention(reference, inputs, aligned=False)
    np.testing.assert_array_equal(unaligned.layers[0][1].w, reference.layers[0][1].w)
    for variable, value in zip(reference.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.slow
def test_a_seed_is_a_draw():
    reference, inputs = _network(), _images(20)
    one, same, other = (sample_attention(reference, inputs, seed)(inputs) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


@pytest.mark.slow
def test_with_more_units_the_scores_of_pairs_are_kept():
    """By queries that are drawn with their keys; apart, or white, they are nothing like."""
    rng = np.random.default_rng(0)
    tokens, left = rng.normal(size=(200, 8)), {"paired": [], "apart": []}
    for units in (8, 64, 512):
        reference = RowAttention(3, 2 * units, heads=2, mlp_size=4)
        reference(_images(1))
        w = np.zeros([2 * units, 3, 2, units], np.float32)  # that read eight numbers of the stream
        w[:8, 0] = rng.normal(size=(8, 1, units))
        w[:8, 1] = w[:8, 0] + 0.3 * rng.normal(size=(8, 1, units))
        reference.attentions[0].w.assign(w.reshape(2 * units, -1))

        def scores(network: RowAttention) -> np.ndarray:
            queries, keys = (tokens @ _units(network, 0, part)[:8] for part in (0, 1))
            return queries @ keys.T

        known = scores(reference)
        for name, missed in left.items():
            drawn = scores(sample_attention(reference, _images(5), paired=name == "paired"))
            missed.append(np.mean((drawn - known) ** 2) / np.mean(known**2))
    narrow, middle, wide = left["paired"]
    assert wide < middle / 2 < narrow / 4 and wide < 0.1 and min(left["apart"]) > 0.5


def _trained(size: int, images: np.ndarray, labels: np.ndarray) -> RowAttention:
    tf.random.set_seed(0)
    network = RowAttention(2, size, heads=2, mlp_size=2 * size, alpha=1.0)
    network(images[:1])
    optimizer = snt.optimizers.Adam(3e-3)

    @tf.function(jit_compile=True, autograph=False)
    def step():
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, network(images))
            loss = tf.reduce_mean(losses)
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)

    for _ in range(150):
        step()
    return network


@pytest.mark.slow
def test_wide_sampled_networks_classify_and_isotropic_ones_do_not():
    """Two rings in numbers of two rows: no linear function of the rows, nor of their mean."""
    images = np.random.default_rng(0).normal(size=(600, 5, 4, 1)).astype(np.float32)
    labels = (images[:, 0, 0, 0] ** 2 + images[:, 3, 1, 0] ** 2 > 1.4).astype(np.int32)
    found = {}
    for size in (8, 96):
        network = _trained(size, images, labels)
        for kind in ({}, {"coloured": False}, {"aligned": False}):
            drawn = [sample_attention(network, images, seed, **kind) for seed in range(5)]
            scores = [np.mean(np.argmax(n(images), axis=1) == labels) for n in drawn]
            found[size, *kind] = np.mean(scores)
        found[size, "trained"] = np.mean(np.argmax(network(images), axis=1) == labels)
    assert found[96, "trained"] > 0.97
    assert found[96,] > max(0.72, found[8,] + 0.08)
    assert max(found[96, "coloured"], found[96, "aligned"]) < found[96,] - 0.15


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["linear", "galerkin", "toeplitz"])
def test_other_forms_of_attention_are_drawn_as_well(attention):
    reference, inputs = RowAttention(3, 8, 2, attention=attention), _images(10)
    reference(inputs)
    assert np.isfinite(sample_attention(reference, inputs)(inputs)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, r"^seed must be an integer >= 0, got -1$"),
        ({"coloured": 1}, r"^coloured must be True or False, got 1$"),
        ({"aligned": "no"}, r"^aligned must be True or False, got 'no'$"),
        ({"paired": None}, r"^paired must be True or False, got None$"),
        ({"inputs": np.ones((2, 5, 4, 1), int)}, r"^inputs must be of a floating type"),
        ({"reference": wn.nets.MLP()}, r"^reference must be a network of blocks.*, got MLP$"),
        ({"reference": RowAttention()}, r"^reference must have been called.*, got RowAttention$"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        sample_attention(**{"reference": _network(), "inputs": _images(4), **arguments})
