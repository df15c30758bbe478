"""HashedDense: a dense layer of which each number is the weight of many places."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.layers import HashedDense

X = np.random.default_rng(0).normal(size=(6, 20))


def _built(*args, **kwargs) -> HashedDense:
    layer = HashedDense(*args, **kwargs)
    layer(X)
    helpers.randomise_zeros(layer)
    return layer


def test_it_is_the_dense_layer_of_its_matrix():
    layer = _built(9, 7)
    matrix = layer.matrix().numpy()
    np.testing.assert_allclose(layer(X), X @ matrix + layer.b.numpy(), rtol=1e-12)
    assert matrix.shape == (20, 9)
    assert set(np.abs(matrix).ravel()) <= set(np.abs(layer.w.numpy()))


def test_each_number_is_at_as_many_places():
    """180 places of 7 numbers: 25 or 26 for each, about half of them with a minus."""
    layer = _built(9, 7, with_bias=False)
    layer.w.assign(np.arange(1.0, 8.0))
    values, counts = np.unique(np.abs(layer.matrix()), return_counts=True)
    np.testing.assert_array_equal(values, np.arange(1, 8))
    assert set(counts) == {25, 26} and counts.sum() == 180
    assert 0.35 < (layer.matrix().numpy() < 0).mean() < 0.65


def test_as_many_numbers_as_places_are_every_dense_layer():
    layer = _built(9, 180, with_bias=False)
    layer.w.assign(np.arange(1.0, 181.0))
    assert len(np.unique(np.abs(layer.matrix()))) == 180


def test_a_seed_is_a_layer():
    first, again, other = (_built(9, 7, seed=seed) for seed in (3, 3, 4))
    for layer in (first, again, other):
        layer.w.assign(np.arange(1.0, 8.0))
    np.testing.assert_array_equal(first.matrix(), again.matrix())
    assert (first.matrix().numpy() != other.matrix().numpy()).any()


def test_the_gradient_of_a_number_is_the_sum_over_its_places():
    layer = _built(9, 7)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(X) ** 2)
    found = tape.gradient(loss, layer.w).numpy()
    upstream = 2 * X.T @ layer(X).numpy()  # of the matrix
    for k in range(7):
        one = np.zeros(7)
        one[k] = 1.0
        kept = layer.w.numpy()
        layer.w.assign(one)
        expected = (upstream * layer.matrix().numpy()).sum()
        layer.w.assign(kept)
        assert found[k] == pytest.approx(expected, rel=1e-10)


def test_the_spread_of_the_start():
    y = HashedDense(300, 500)(tf.random.stateless_normal([500, 200], [0, 0])).numpy()
    assert 0.9 < np.std(y) < 1.1
    assert abs(np.mean(y)) < 0.05


def test_bad_arguments_and_inputs():
    with pytest.raises(ValueError, match="^num_weights must be an integer >= 1, got 0$"):
        HashedDense(3, 0)
    with pytest.raises(ValueError, match="^seed must be an integer >= 0, got -1$"):
        HashedDense(3, 2, seed=-1)
    with pytest.raises(
        ValueError, match=r"^num_weights must be at most in \* out, 20 \* 3 = 60, got 61$"
    ):
        HashedDense(3, 61)(X)
    with pytest.raises(ValueError, match="^output_size must leave weights that fit"):
        HashedDense(10**9, 2)(X)
    with pytest.raises(ValueError, match="must be called before it has a matrix"):
        HashedDense(3, 2).matrix()
