"""PolynomialDense: which functions it makes, at what scale, and what it takes for that."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import monomial_indices
from weirdonetworks.layers import PolynomialDense

DEGREES = (1, 2, 3, 4)


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _built(x: np.ndarray, output_size: int = 3, **kwargs) -> PolynomialDense:
    layer = PolynomialDense(output_size, **kwargs)
    layer(x)
    helpers.randomise_zeros(layer)
    return layer


@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("degree", DEGREES)
def test_exact_formula(degree, homogeneous):
    x = _normal(5, 4)
    layer = _built(x, degree=degree, homogeneous=homogeneous)
    variables = x if homogeneous else np.concatenate([np.ones((5, 1)), x], axis=1)
    y = sum(
        np.outer(np.prod(variables[:, row], axis=1), weights)
        for row, weights in zip(monomial_indices(4, degree, homogeneous), layer.w, strict=True)
    )
    np.testing.assert_allclose(layer(x), y, rtol=1e-10)


@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("degree", DEGREES)
def test_low_rank_formula(degree, homogeneous):
    x = _normal(5, 4)
    layer = _built(x, degree=degree, rank=6, homogeneous=homogeneous)
    forms = x @ layer.v + (0 if homogeneous else layer.u)
    products = np.prod(np.reshape(forms, (5, degree, 6)), axis=1)
    expected = products @ layer.c + (0 if homogeneous else layer.b)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-10)


@pytest.mark.parametrize("rank", [None, 6])
@pytest.mark.parametrize("degree", DEGREES)
def test_homogeneous_scaling(degree, rank):
    x = _normal(5, 4)
    for homogeneous in (True, False):
        layer = _built(x, degree=degree, rank=rank, homogeneous=homogeneous)
        scaled, expected = layer(2.5 * x), 2.5**degree * layer(x)
        if homogeneous:
            np.testing.assert_allclose(scaled, expected, rtol=1e-10)
        else:
            assert np.abs(scaled - expected).min() > 1e-3


def test_the_low_rank_form_is_any_quadratic():
    n = 6
    x = _normal(50, n)
    matrix = _normal(n + 1, n + 1, seed=1)
    matrix += matrix.T
    extended = np.concatenate([np.ones((50, 1)), x], axis=1)
    expected = np.einsum("bi,ij,bj->b", extended, matrix, extended)[:, None]

    # sum_r lambda_r (e_r . (1, x))^2
    eigenvalues, eigenvectors = np.linalg.eigh(matrix)
    layer = _built(x, 1, degree=2, rank=n + 1)
    layer.v.assign(np.tile(eigenvectors[1:], 2))
    layer.u.assign(np.tile(eigenvectors[0], 2))
    layer.c.assign(eigenvalues[:, None])
    layer.b.assign([0])
    np.testing.assert_allclose(layer(x), expected, rtol=1e-10, atol=1e-10)
    # One term less is not enough.
    layer.c.assign(np.where(np.arange(n + 1) == 0, 0, eigenvalues)[:, None])
    assert np.abs(layer(x) - expected).max() > 0.1


@pytest.mark.parametrize("degree", DEGREES)
def test_both_forms_are_the_same_functions_at_full_rank(degree):
    n, size = 3, math.comb(3 + degree, degree)
    x, other = _normal(3 * size, n), _normal(40, n, seed=1)
    exact, low = _built(x, degree=degree), _built(x, degree=degree, rank=size)
    # A polynomial that agrees at this many points in general position agrees everywhere.
    low.b.assign(tf.zeros_like(low.b))
    low.c.assign(tf.eye(size, dtype=tf.float64)[:, :3])  # any
    forms = tf.reshape(tf.matmul(x, low.v) + low.u, [-1, degree, size])
    products = tf.reduce_prod(forms, axis=1)
    low.c.assign(np.linalg.lstsq(products, exact(x), rcond=None)[0])
    np.testing.assert_allclose(low(other), exact(other), rtol=1e-5, atol=1e-5)
    # And back: every low-rank polynomial has weights in the exact form.
    target = _built(x, degree=degree, rank=2)
    variables = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    monomials = np.prod(variables[:, monomial_indices(n, degree)], axis=2)
    exact.w.assign(np.linalg.lstsq(monomials, target(x), rcond=None)[0])
    np.testing.assert_allclose(exact(other), target(other), rtol=1e-6, atol=1e-8)


def _moments(layer: PolynomialDense, n: int, samples: int) -> tuple[float, float]:
    """Mean and mean square of the outputs for x ~ N(0, I), over samples and units."""
    y = layer(_normal(samples, n).astype(np.float32)).numpy()
    return float(y.mean()), float(np.square(y).mean())


# (n, samples, tolerance): E|x|^2d / n^d exceeds 1 by about d (d - 1) / n in the low-rank form.
@pytest.mark.slow
@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize(
    "rank, n, samples, tolerance", [(None, 9, 20_000, 0.15), (500, 200, 1_000, 0.2)]
)
def test_outputs_have_unit_variance_at_first(rank, n, samples, tolerance, degree, homogeneous):
    layer = PolynomialDense(200, degree, rank, homogeneous)
    mean, variance = _moments(layer, n, samples)
    assert abs(mean) < 0.1
    assert abs(variance - 1) < tolerance


@pytest.mark.slow
@pytest.mark.parametrize("degree", DEGREES)
def test_each_degree_has_an_equal_share_in_the_exact_form(degree):
    layer = PolynomialDense(200, degree)
    layer(np.zeros((1, 9), np.float32))
    degrees = (monomial_indices(9, degree) > 0).sum(axis=1)
    w = layer.w.numpy()
    assert not w[degrees == 0].any()
    for k in range(1, degree + 1):
        layer.w.assign(np.where((degrees == k)[:, None], w, 0))
        _, variance = _moments(layer, 9, 20_000)
        assert variance == pytest.approx(1 / degree, rel=0.2)


def test_shifts_of_the_low_rank_form_start_at_zero():
    layer = PolynomialDense(4, 3, rank=5)
    layer(np.zeros((1, 9), np.float32))
    assert not layer.u.numpy().any() and not layer.b.numpy().any()


def test_the_common_initialisation_would_not_have_unit_variance():
    n = 30
    layer = PolynomialDense(100, degree=2)
    layer(np.zeros((1, n), np.float32))
    layer.w.assign(_normal(*layer.w.shape) / math.sqrt(n))
    _, variance = _moments(layer, n, 2_000)
    assert variance > n / 4


@pytest.mark.parametrize("n, degree", [(60, 2), (20, 3)])
def test_nothing_is_as_large_as_an_outer_product(n, degree):
    layer = PolynomialDense(1, degree)
    layer(tf.zeros([1, n]))

    def training(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(x)))
        return tape.gradient(loss, layer.trainable_variables)

    count = layer.w.shape[0]
    assert count == math.comb(n + degree, degree)
    ops = helpers.graph_ops(training, tf.TensorSpec([None, n], tf.float32))
    assert helpers.largest(ops) == count < n**degree


def test_too_many_monomials():
    with pytest.raises(ValueError, match=r"^degree must .* \(give a rank instead\), got 4"):
        PolynomialDense(3, degree=4)(tf.zeros([1, 784]))
