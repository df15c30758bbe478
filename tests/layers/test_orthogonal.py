"""OrthogonalDense: lengths are kept to rounding, and nothing is stretched by any weights."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.layers import OrthogonalDense

RNG = np.random.default_rng(0)
SHAPES = ((20, 8), (8, 20), (12, 12))


def _built(inputs: int, outputs: int, dtype=np.float64, **kwargs) -> OrthogonalDense:
    layer = OrthogonalDense(outputs, **kwargs)
    layer(tf.zeros([1, inputs], dtype))
    helpers.randomise_zeros(layer)
    return layer


def _singular_values(layer: OrthogonalDense) -> np.ndarray:
    return np.linalg.svd(layer.matrix().numpy().astype(float), compute_uv=False)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonal_to_rounding(shape, dtype):
    """At the start, and with weights that training has moved, also where they have become small."""
    layer = _built(*shape, dtype)
    bound = 20 * np.finfo(dtype).eps
    assert np.abs(_singular_values(layer) - 1).max() < bound
    w = layer.w.numpy()
    for moved in (w + 0.1 * RNG.normal(size=w.shape), 1e-3 * w, 100 * w):
        layer.w.assign(moved.astype(dtype))
        assert np.abs(_singular_values(layer) - 1).max() < bound
    assert np.abs(np.linalg.svd(moved, compute_uv=False) - 1).max() > 1  # W itself is not


def test_formula_and_lengths():
    layer, x = _built(12, 12), RNG.normal(size=(5, 12))
    y = layer(x) - layer.b
    np.testing.assert_allclose(layer(x), x @ layer.matrix().numpy() + layer.b.numpy(), rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), np.linalg.norm(x, axis=1), rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_matrix_nearest_to_weights_whose_columns_are_scaled(shape):
    """U V^T of W D = U S V^T, computed another way: by the singular value decomposition."""
    layer = _built(*shape, iterations=40)
    w = RNG.normal(size=shape)
    layer.w.assign(w)
    tall = w if shape[0] >= shape[1] else w.T
    u, _, v = np.linalg.svd(tall / np.sqrt(np.abs(tall.T @ tall).sum(axis=0)), full_matrices=False)
    expected = u @ v if tall is w else (u @ v).T
    np.testing.assert_allclose(layer.matrix(), expected, atol=1e-10)


@pytest.mark.slow
def test_no_weights_stretch_however_few_the_iterations():
    """Without the scaling of columns they would: W itself does, and its iteration diverges."""
    for i in range(9):
        for iterations in (1, 2, 5):
            layer = _built(9, 6, iterations=iterations)
            w = RNG.normal(size=(9, 6)) * 10 ** RNG.uniform(-3, 3, size=6)
            if i % 3 == 0:
                w[:, 2] = w[:, 1]  # of no full rank
            if i % 3 == 1:
                w[:, 4] = 0
            layer.w.assign(w)
            assert _singular_values(layer).max() < 1 + 1e-12
            assert np.linalg.norm(w, 2) > 1 or i
    layer.w.assign(np.zeros((9, 6)))
    np.testing.assert_array_equal(layer.matrix(), 0)


@pytest.mark.slow
def test_weights_of_any_size_and_precision():
    """Squares of these overflow or underflow; the matrix does not depend on the size."""
    w = RNG.normal(size=(300, 30))
    for dtype, rtol in ((np.float16, 2e-3), (np.float32, 1e-5)):
        layer = _built(300, 30, dtype)
        layer.w.assign(w.astype(dtype))
        expected = layer.matrix().numpy()
        sizes = (1e-2, 1e3) if dtype == np.float16 else (1e-30, 1e-25, 1e-20, 1e20, 1e30)
        for size in sizes:
            layer.w.assign((size * w).astype(dtype))
            np.testing.assert_allclose(layer.matrix(), expected, atol=rtol)
            assert _singular_values(layer).max() < 1 + rtol
        # A short column of its own, whose squares underflow beside the others.
        apart = np.where(np.arange(300)[:, None] < 200, w, 0)
        apart[:, 0] = np.where(np.arange(300) < 200, 0, np.sqrt(np.finfo(dtype).tiny) / 10)
        layer.w.assign(apart.astype(dtype))
        assert _singular_values(layer).max() < 1 + rtol
    layer.w.assign(np.where(w == w.max(), np.nan, w).astype(dtype))
    assert np.isnan(layer.matrix()).any()  # is not hidden


def test_gradients_at_zero_leave_room_for_their_squares():
    layer = _built(300, 30, np.float32)
    layer.w.assign(tf.zeros_like(layer.w))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.ones([4, 300])))
    assert np.isfinite(tf.square(tape.gradient(loss, layer.w))).all()


def test_retract_keeps_the_function():
    layer, x = _built(20, 8), RNG.normal(size=(3, 20))
    layer.w.assign_add(0.05 * RNG.normal(size=(20, 8)))
    before, w = layer(x).numpy(), layer.w.numpy()
    layer.retract()
    np.testing.assert_allclose(layer(x), before, atol=1e-13)
    np.testing.assert_allclose(layer.w.numpy().T @ layer.w.numpy(), np.eye(8), atol=1e-13)
    assert np.abs(layer.w.numpy() - w).max() > 0.01


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_against_differences(shape):
    layer, x = _built(*shape), RNG.normal(size=(4, shape[0]))
    layer.w.assign_add(0.05 * RNG.normal(size=shape))
    target = RNG.normal(size=(4, shape[1]))
    loss = lambda: tf.reduce_sum(layer(x) * target)  # noqa: E731
    with tf.GradientTape() as tape:
        value = loss()
    gradient = tape.gradient(value, layer.w).numpy()
    direction, w = RNG.normal(size=shape), layer.w.numpy()
    ends = []
    for h in (1e-5, -1e-5):
        layer.w.assign(w + h * direction)
        ends.append(float(loss()))
    np.testing.assert_allclose(np.sum(gradient * direction), (ends[0] - ends[1]) / 2e-5, rtol=1e-6)


def test_gradients_at_orthogonal_weights_lie_along_orthogonal_matrices():
    """Q^T G + G^T Q = 0: what would change lengths has been projected out."""
    layer, x = _built(20, 8), RNG.normal(size=(4, 20))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 3)
    g, q = tape.gradient(loss, layer.w).numpy(), layer.w.numpy()
    assert np.abs(q.T @ g + g.T @ q).max() < 1e-10 * np.abs(g).max() < np.abs(q.T @ g).max()


def test_no_matrix_before_the_first_call():
    with pytest.raises(ValueError, match="^OrthogonalDense must be called before it has a matrix"):
        OrthogonalDense(3).matrix()
