"""KroneckerDense: it is the dense layer whose weights are a sum of Kronecker products."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.layers import KroneckerDense

X = np.random.default_rng(0).normal(size=(6, 4, 5))


def _built(*args, **kwargs) -> KroneckerDense:
    layer = KroneckerDense(*args, **kwargs)
    layer(X)
    helpers.randomise_zeros(layer)
    return layer


@pytest.mark.parametrize("terms", [1, 3])
def test_formula(terms):
    layer = _built((3, 2), terms)
    a = layer.a.numpy().reshape(4, terms, 3).transpose(1, 2, 0)  # A_r is [P, p]
    b = layer.b.numpy().reshape(terms, 5, 2)
    expected = sum(ar @ X @ br for ar, br in zip(a, b, strict=True)) + layer.c.numpy()
    np.testing.assert_allclose(layer(X), expected, rtol=1e-12)
    kron = sum(np.kron(ar.T, br) for ar, br in zip(a, b, strict=True))
    np.testing.assert_allclose(layer.matrix(), kron, atol=1e-14)
    flat = X.reshape(6, 20) @ kron + layer.c.numpy().reshape(-1)
    np.testing.assert_allclose(np.reshape(layer(X), [6, 6]), flat, rtol=1e-12)


@pytest.mark.parametrize(("terms", "left"), [(12, 0.0), (11, 1e-3)])
def test_with_enough_terms_it_is_every_dense_layer(terms, left):
    """The singular value decomposition of the rearranged matrix; one term fewer will not do."""
    layer = _built((3, 5), terms, with_bias=False)
    w = np.random.default_rng(1).normal(size=(4, 5, 3, 5))
    u, s, v = np.linalg.svd(w.transpose(0, 2, 1, 3).reshape(12, 25), full_matrices=False)
    a = (u * s)[:, :terms].reshape(4, 3, terms).transpose(0, 2, 1)
    layer.a.assign(a.reshape(4, terms * 3))
    layer.b.assign(v[:terms].reshape(terms * 5, 5))
    error = np.abs(layer.matrix() - w.reshape(20, 15)).max()
    assert error < 1e-12 if not left else error > left


@pytest.mark.parametrize("terms", [1, 8])
def test_the_spread_of_the_start(terms):
    x = tf.random.normal([500, 30, 20])
    y = KroneckerDense((25, 40), terms)(x).numpy()
    assert 0.9 < np.std(y) < 1.1
    assert abs(np.mean(y)) < 0.05


def test_numbers():
    layer = _built((3, 2), 2)
    assert sum(v.shape.num_elements() for v in layer.trainable_variables) == 2 * (12 + 10) + 6
    without = _built((3, 2), 2, with_bias=False)
    assert [v.name for v in without.trainable_variables] == [
        "kronecker_dense/a:0",
        "kronecker_dense/b:0",
    ]


def test_bad_arguments_and_inputs():
    for shape in ((3,), (3, 2, 1), (0, 2), "ab", 3):
        with pytest.raises(ValueError, match=r"^output_shape(\[0\])? must be"):
            KroneckerDense(shape)
    with pytest.raises(ValueError, match="^num_terms must be an integer >= 1, got 0$"):
        KroneckerDense((3, 2), 0)
    with pytest.raises(ValueError, match="^output_shape and num_terms must leave weights that fit"):
        KroneckerDense((10**6, 10**6))(tf.zeros([1, 2, 2]))
    with pytest.raises(ValueError, match="must be called before it has a matrix"):
        KroneckerDense((3, 2)).matrix()
    layer = _built((3, 2))
    with pytest.raises(ValueError, match=r"must be \[batch, 4, 5\], got shape \(6, 5, 4\)$"):
        layer(X.transpose(0, 2, 1))
    with pytest.raises(ValueError, match=r"must be \[batch, p, q\] with static sizes, got shape"):
        KroneckerDense((3, 2))(X[0])
    with pytest.raises(ValueError, match="must be float64 as at the first call, got float32"):
        layer(X.astype(np.float32))
