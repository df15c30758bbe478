"""RandomSubspace: w = w_0 + P z, of which z alone is trained."""

import copy

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from tests import helpers
from weirdonetworks.analysis import RandomSubspace
from weirdonetworks.nets import MLP, count_numbers

X = np.random.default_rng(0).uniform(size=(7, 6, 6)).astype(np.float32)


def _made(dimension: int = 20, seed: int = 0, **kwargs) -> RandomSubspace:
    tf.random.set_seed(0)
    subspace = RandomSubspace(MLP(3, (8,), **kwargs), dimension, seed)
    subspace(X)
    return subspace


def _projection(subspace: RandomSubspace) -> np.ndarray:
    """P, [weights, dimension], column by column."""
    start = np.concatenate([np.ravel(w) for w in subspace.weights()])
    columns = []
    for i in range(subspace.dimension):
        subspace.z.assign(np.eye(subspace.dimension, dtype=np.float32)[i])
        columns.append(np.concatenate([np.ravel(w) for w in subspace.weights()]) - start)
    subspace.z.assign(np.zeros(subspace.dimension))
    return np.stack(columns, axis=1)


@pytest.mark.slow
def test_it_is_the_network_with_these_weights():
    subspace = _made()
    network = MLP(3, (8,))
    network(X)
    for z in (np.zeros(20), np.random.default_rng(1).normal(size=20)):
        subspace.z.assign(z)
        for v, w in zip(network.trainable_variables, subspace.weights(), strict=True):
            v.assign(w)
        np.testing.assert_allclose(subspace(X), network(X), rtol=1e-6)
    # The network that it was made of keeps w_0.
    kept = np.concatenate([np.ravel(v) for v in subspace._network.trainable_variables])
    np.testing.assert_array_equal(kept, subspace.w_0)


@pytest.mark.slow
def test_columns_of_p_are_of_length_one_and_all_but_orthogonal():
    gram = (p := _projection(_made())).T @ p
    np.testing.assert_allclose(np.diag(gram), 1, atol=0.15)  # a weight may hear one number twice
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 0.5
    assert np.linalg.matrix_rank(p) == 20
    other = _projection(_made(seed=1))
    assert np.abs(other - p).max() > 0.1
    np.testing.assert_array_equal(_projection(_made()), p)


def test_z_alone_is_trained_and_counted():
    subspace = _made()
    assert [v.name for v in subspace.trainable_variables] == ["random_subspace/z:0"]
    weights = 37 * 8 + 9 * 3
    numbers = count_numbers(subspace)
    assert numbers.trained == 20 and numbers.fixed == weights + 4 * weights
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(subspace(X)))
    (gradient,) = tape.gradient(loss, subspace.trainable_variables)
    assert np.isfinite(gradient).all() and np.abs(gradient).min() > 0


@pytest.mark.slow
def test_compiled_copied_and_restored(tmp_path):
    subspace = _made(dropout=0.5)
    subspace.z.assign(np.random.default_rng(1).normal(size=20))
    expected = subspace(X)
    compiled = tf.function(subspace, jit_compile=True, autograph=False)
    np.testing.assert_allclose(compiled(X), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(copy.deepcopy(subspace)(X), expected)
    assert np.any(subspace(X, is_training=True) != expected)
    path = tf.train.Checkpoint(subspace).write(str(tmp_path / "kept"))
    tf.random.set_seed(5)
    other = RandomSubspace(MLP(3, (8,), dropout=0.5), 20)
    other(X)
    assert np.abs(other(X) - expected).max() > 1e-2
    tf.train.Checkpoint(other).read(path).expect_partial()
    np.testing.assert_array_equal(other(X), expected)


@pytest.mark.slow
def test_more_dimensions_learn_more():
    """And all of them, on signs of 40 points that few numbers cannot fit."""
    x = tf.constant(np.random.default_rng(0).normal(size=(40, 10)), tf.float32)
    labels = np.random.default_rng(1).integers(2, size=40)
    losses = []
    for dimension in (2, 20, 200):
        tf.random.set_seed(0)
        subspace = RandomSubspace(snt.nets.MLP([30, 2], activation=tf.tanh), dimension)
        subspace(x)
        optimizer = snt.optimizers.Adam(0.05)
        optimizer._initialize(subspace.trainable_variables)

        @tf.function(jit_compile=True, autograph=False)
        def step(subspace=subspace, optimizer=optimizer):
            with tf.GradientTape() as tape:
                logits = subspace(x)
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
                loss = tf.reduce_mean(loss)
            variables = subspace.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)
            return loss

        for _ in range(200):
            loss = step()
        losses.append(float(loss))
    assert losses[0] > 0.5 > losses[1] > losses[2] and losses[2] < 0.01, losses


@pytest.mark.slow
def test_bad_input():
    with pytest.raises(ValueError, match="^network must be a Sonnet module, got 'mlp'$"):
        RandomSubspace("mlp", 3)
    for dimension in (0, 2.5, None, True):
        with pytest.raises(ValueError, match="^dimension must be an integer >= 1, got "):
            RandomSubspace(MLP(3), dimension)
    with pytest.raises(ValueError, match="^seed must be an integer >= 0, got -1$"):
        RandomSubspace(MLP(3), 3, seed=-1)
    with pytest.raises(ValueError, match="^dimension must be at most the number of weights, 323,"):
        RandomSubspace(MLP(3, (8,)), 324)(X)
    with pytest.raises(ValueError, match="^RandomSubspace must be called before it has weights"):
        RandomSubspace(MLP(3), 3).weights()
    assert "Conv2D" not in {op.type for op in helpers.graph_ops(_made(), tf.TensorSpec([2, 6, 6]))}
