"""PatchAttention: its formula, what a bias of the keys would do, and the spread it starts at."""

import math

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import patches
from weirdonetworks.layers import PatchAttention

RNG = np.random.default_rng(0)
CANVAS, CUE = RNG.normal(size=(6, 8, 6)), RNG.normal(size=(6, 10))


def _built(*args, **kwargs) -> PatchAttention:
    layer = PatchAttention(*args, **kwargs)
    layer(CANVAS, CUE)
    helpers.randomise_zeros(layer)
    return layer


def _scores(layer: PatchAttention, key_bias: float = 0.0) -> np.ndarray:
    q = CUE @ layer.query.w.numpy() + layer.query.b.numpy()
    k = patches(CANVAS, layer.patch_size, layer.stride).numpy() @ layer.k.numpy() + key_bias
    return np.einsum("bd,bid->bi", q, k) / math.sqrt(layer.size)


def test_formula():
    layer = _built(2, 2, 5, size=3)
    weights = scipy.special.softmax(_scores(layer), axis=1)
    values = patches(CANVAS, 2).numpy() @ layer.value.w.numpy()
    np.testing.assert_allclose(layer.weights(CANVAS, CUE), weights, rtol=1e-12)
    expected = np.einsum("bi,biv->bv", weights, values)
    np.testing.assert_allclose(layer(CANVAS, CUE), expected, rtol=1e-11, atol=1e-14)


def test_places_are_in_pixels_of_rows_and_columns():
    """With one patch in sight, its centre; with a query of 0, the middle of the canvas."""
    layer = _built(2, 2)
    layer.query.w.assign(tf.zeros_like(layer.query.w))
    layer.query.b.assign(tf.zeros_like(layer.query.b))
    np.testing.assert_allclose(layer(CANVAS, CUE), np.tile([3.5, 2.5], (6, 1)), rtol=1e-14)
    layer.query.b.assign(tf.fill(layer.query.b.shape, tf.constant(100.0, tf.float64)))
    seen = np.zeros((6, 8, 6))
    direction = layer.k.numpy().sum(axis=1).reshape(2, 2)
    seen[:, 4:6, 2:4] = 100 * direction
    np.testing.assert_allclose(layer(seen, CUE), np.tile([4.5, 2.5], (6, 1)), rtol=1e-12)


def test_a_bias_of_the_keys_changes_nothing_and_that_of_the_query_does():
    layer = _built(2, 2)
    weights = layer.weights(CANVAS, CUE).numpy()
    biased = scipy.special.softmax(_scores(layer, key_bias=3.0), axis=1)
    np.testing.assert_allclose(biased, weights, rtol=1e-12)
    layer.query.b.assign_add(tf.ones_like(layer.query.b))
    assert np.abs(layer.weights(CANVAS, CUE) - weights).max() > 0.01


@pytest.mark.slow
def test_the_initial_spread():
    tf.random.set_seed(0)
    canvas, cue = tf.random.normal([100, 8, 8, 3]), tf.random.normal([100, 40])
    scores = []
    for _ in range(20):
        weights = PatchAttention(4, 2).weights(canvas, cue)
        scores.append(np.log(weights) - np.log(weights).mean(axis=1, keepdims=True))
    assert np.std(scores) == pytest.approx(math.sqrt(1 - 1 / 9), abs=0.1)
