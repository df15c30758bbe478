"""Sparse maps against dense matrices."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import SparseMap


def _entries(rows: int, columns: int, count: int, unit: bool):
    """Distinct entries of a matrix; some rows have none."""
    rng = np.random.default_rng(count)
    flat = rng.choice(rows * columns, count, replace=False)
    weights = np.ones(count) if unit else rng.normal(size=count)
    return flat // columns, flat % columns, weights


CASES = {
    "no row empty, unit": (np.arange(6), np.array([0, 3, 1, 1, 0, 2]), np.ones(6), (6, 4)),
    "few taps": (*_entries(7, 5, 12, False), (7, 5)),
    "many taps": (*_entries(4, 60, 130, False), (4, 60)),
    "many taps, unit": (*_entries(4, 60, 130, True), (4, 60)),
    "no entry": (*_entries(3, 2, 0, True), (3, 2)),
}
each_map = pytest.mark.parametrize("name", CASES)


def _dense(name: str) -> np.ndarray:
    rows, columns, weights, shape = CASES[name]
    matrix = np.zeros(shape)
    np.add.at(matrix, (rows, columns), weights)
    return matrix


@each_map
@pytest.mark.parametrize("trailing", [(), (3,), (2, 3)], ids=str)
def test_it_is_the_matrix_product(name, trailing):
    matrix = _dense(name)
    x = np.random.default_rng(0).normal(size=(matrix.shape[1], *trailing))
    np.testing.assert_allclose(
        SparseMap(*CASES[name])(tf.constant(x)), np.tensordot(matrix, x, 1), atol=1e-12
    )


@each_map
def test_transpose(name):
    matrix, sparse = _dense(name), SparseMap(*CASES[name])
    y = np.random.default_rng(0).normal(size=(matrix.shape[0], 2))
    np.testing.assert_allclose(sparse.transpose(tf.constant(y)), matrix.T @ y, atol=1e-12)
    assert sparse.transpose.shape == matrix.T.shape
    assert sparse.transpose.transpose is sparse


@each_map
def test_first_and_second_derivatives(name):
    matrix, sparse = tf.constant(_dense(name)), SparseMap(*CASES[name])
    x = tf.constant(np.random.default_rng(0).normal(size=(matrix.shape[1], 2)))

    expected = helpers.derivatives(lambda x: tf.sin(tf.matmul(matrix, x)), x)
    actual = helpers.derivatives(lambda x: tf.sin(sparse(x)), x)
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, atol=1e-12)


@each_map
def test_neither_it_nor_its_gradient_scatters(name):
    sparse = SparseMap(*CASES[name])

    def scatters(gather) -> list[str]:
        def gradient(x):
            return helpers.gradients(lambda x: tf.sin(gather(tf.sin(x))), x)

        ops = helpers.graph_ops(gradient, tf.TensorSpec([sparse.shape[1], 3], tf.float32))
        assert "GatherV2" in {op.type for op in ops}
        return [op.type for op in ops if "Scatter" in op.type or "Segment" in op.type]

    assert not scatters(sparse)
    # The gradient of an ordinary gather does.
    assert scatters(lambda x: tf.gather(x, sparse.indices[:, 0]))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_type_of_the_input_is_kept(dtype):
    sparse = SparseMap(*CASES["few taps"])
    x = tf.cast(np.random.default_rng(0).normal(size=(5, 2)), dtype)
    (gradient,) = helpers.gradients(sparse, x)
    assert sparse(x).dtype == gradient.dtype == dtype
