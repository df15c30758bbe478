"""Monomials: which there are, their values, their derivatives, and how little memory they take."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import monomial_indices, monomials, num_monomials

CASES = [(n, d, h) for n in (1, 2, 5) for d in (1, 2, 3, 4) for h in (False, True)]
each_case = pytest.mark.parametrize("n, degree, homogeneous", CASES)


def powers(n: int, degree: int, homogeneous: bool) -> set[tuple[int, ...]]:
    """All tuples of n powers whose sum is the degree, or at most the degree."""
    allowed = [degree] if homogeneous else range(degree + 1)
    return {p for p in itertools.product(range(degree + 1), repeat=n) if sum(p) in allowed}


def powers_of_rows(n: int, degree: int, homogeneous: bool) -> list[tuple[int, ...]]:
    """The powers of the monomials, in the order of `monomial_indices`."""
    indices = monomial_indices(n, degree, homogeneous)
    variables = range(n) if homogeneous else range(1, n + 1)
    return [tuple(int(np.sum(row == i)) for i in variables) for row in indices]


@each_case
def test_each_monomial_occurs_once(n, degree, homogeneous):
    rows = powers_of_rows(n, degree, homogeneous)
    assert len(rows) == len(set(rows))
    assert set(rows) == powers(n, degree, homogeneous)


@each_case
def test_their_number_is_a_binomial(n, degree, homogeneous):
    expected = math.comb(n + degree - 1, degree) if homogeneous else math.comb(n + degree, degree)
    assert num_monomials(n, degree, homogeneous) == expected
    assert len(monomial_indices(n, degree, homogeneous)) == expected


@each_case
def test_values(n, degree, homogeneous):
    x = np.random.default_rng(0).normal(size=(7, n))
    rows = np.array(powers_of_rows(n, degree, homogeneous))
    expected = np.prod(x[:, None, :] ** rows, axis=2)
    np.testing.assert_allclose(monomials(x, degree, homogeneous), expected, rtol=1e-12)


@pytest.mark.parametrize("degree, homogeneous", [(1, False), (2, False), (3, False), (3, True)])
def test_first_and_second_derivatives_are_those_of_tf_gather(degree, homogeneous):
    n = 4
    indices = monomial_indices(n, degree, homogeneous)
    weights = np.random.default_rng(1).normal(size=len(indices))

    def ours(x):
        return tf.linalg.matvec(tf.sin(monomials(x, degree, homogeneous)), weights)

    def gathered(x):
        variables = x if homogeneous else tf.concat([tf.ones_like(x[:, :1]), x], axis=1)
        products = tf.reduce_prod(tf.gather(variables, indices, axis=1), axis=2)
        return tf.linalg.matvec(tf.sin(products), weights)

    x = tf.constant(np.random.default_rng(2).normal(size=(3, n)))
    derivatives = zip(helpers.derivatives(ours, x), helpers.derivatives(gathered, x), strict=True)
    for actual, expected in derivatives:
        assert np.any(expected != 0)
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n, degree", [(60, 2), (20, 3)])
def test_no_tensor_is_as_large_as_an_outer_product(n, degree):
    spec = tf.TensorSpec([None, n], tf.float32)
    packed = helpers.graph_ops(lambda x: monomials(x, degree), spec)
    assert helpers.largest(packed) < n**degree
    # The walk would have seen one.
    outer = helpers.graph_ops(lambda x: x[:, :, None] * x[:, None, :], spec)
    assert helpers.largest(outer) >= n**2


def test_too_many_monomials():
    with pytest.raises(ValueError, match=r"degree must .* \(give a rank instead\), got 4, .* 784"):
        monomials(tf.zeros([1, 784]), 4)


@pytest.mark.parametrize("degree", [0, -1, 1.5, "2", None])
def test_a_degree_that_is_none(degree):
    with pytest.raises(ValueError, match=f"^degree must be an integer >= 1, got {degree!r}$"):
        monomials(tf.zeros([1, 2]), degree)


@pytest.mark.parametrize("shape", [[3], [3, 4, 5]])
def test_inputs_of_another_rank(shape):
    with pytest.raises(ValueError, match=r"^x must be \[batch, n\] with a static n, got shape"):
        monomials(tf.zeros(shape), 2)


def test_integer_inputs():
    with pytest.raises(ValueError, match="^x must be of a floating type .* got int32"):
        monomials(tf.constant([[1, 2]]), 2)
