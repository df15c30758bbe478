"""Softmax attention as a kernel smoother, and what divides by its weights."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from weirdonetworks.functional import attention

RNG = np.random.default_rng(0)
Q, K, V = RNG.normal(size=(2, 5, 4)), RNG.normal(size=(2, 7, 4)), RNG.normal(size=(2, 7, 3))


def test_softmax_attention_is_what_scipy_says():
    p = softmax(Q @ K.swapaxes(1, 2) / 2, axis=-1)
    np.testing.assert_allclose(attention.softmax_attention(Q, K, V), p @ V, rtol=1e-12)
    p = softmax(0.3 * Q @ K.swapaxes(1, 2), axis=-1)
    np.testing.assert_allclose(attention.softmax_attention(Q, K, V, scale=0.3), p @ V, rtol=1e-12)


def test_it_is_the_smoother_of_the_exponential_until_that_overflows():
    mask = RNG.uniform(size=(5, 7))
    for kwargs in ({}, {"mask": mask > 0.5}, {"mask": mask}):
        smoother = attention.kernel_attention(Q, K, V, **kwargs)
        reference = attention.softmax_attention(Q, K, V, **kwargs)
        np.testing.assert_allclose(smoother, reference, rtol=1e-12)
    assert np.isfinite(attention.softmax_attention(1e3 * Q, K, V)).all()
    assert not np.isfinite(attention.kernel_attention(1e3 * Q, K, V)).all()


def test_a_mask_is_a_set_of_keys():
    seen = np.array([0, 3, 4])
    mask = np.isin(np.arange(7), seen)
    inside = attention.softmax_attention(Q, K[:, seen], V[:, seen])
    np.testing.assert_allclose(attention.softmax_attention(Q, K, V, mask=mask), inside, rtol=1e-12)
    causal = attention.softmax_attention(K, K, V, causal=True)
    for i in range(7):
        alone = attention.softmax_attention(K[:, i : i + 1], K[:, : i + 1], V[:, : i + 1])
        np.testing.assert_allclose(causal[:, i], alone[:, 0], rtol=1e-12)


def test_keys_of_one_norm_make_it_a_gaussian_smoother():
    sphere = 1.7 * K / np.linalg.norm(K, axis=-1, keepdims=True)
    softmax_, gaussian = (
        function(Q, sphere, V)
        for function in (
            attention.softmax_attention,
            lambda *x: attention.kernel_attention(*x, kernel="gaussian"),
        )
    )
    np.testing.assert_allclose(softmax_, gaussian, rtol=1e-12)
    # Of other norms, long keys weigh more than near ones.
    other = attention.kernel_attention(Q, K, V, kernel="gaussian")
    assert np.abs(attention.softmax_attention(Q, K, V) - other).max() > 1e-2


def test_kernels_are_their_formulas():
    s = np.einsum("bid,bjd->bij", Q, K) / 2
    squares = ((Q[:, :, None] - K[:, None]) ** 2).sum(-1)
    values = {"exponential": np.exp(s), "square": (1 + s) ** 2, "linear": s,
              "gaussian": np.exp(-squares / 4)}  # fmt: skip
    assert set(values) == set(attention.KERNELS)
    for name, k in values.items():
        found = attention.kernel_attention(Q, K, V, name, normalize=False)
        np.testing.assert_allclose(found, k @ V, rtol=1e-12)
        assert attention.KERNELS[name].nonnegative == (k.min() >= 0)


def test_a_kernel_that_may_be_negative_has_no_normaliser():
    message = r"^kernel must be >= 0 for normalize=True: .*, got one that may be negative$"
    with pytest.raises(ValueError, match=message):
        attention.kernel_attention(Q, K, V, "linear")
    own = attention.Kernel(lambda q, k: tf.nn.relu(tf.matmul(q, k, transpose_b=True)), True)
    s = np.maximum(Q @ K.swapaxes(1, 2), 0)
    found = attention.kernel_attention(Q, K, V, own)
    np.testing.assert_allclose(found, (s @ V) / s.sum(-1, keepdims=True), rtol=1e-12)


def test_nothing_seen_is_nothing_and_its_gradients_are_finite():
    mask = np.ones((5, 7), bool)
    mask[2] = False
    inputs = [tf.constant(x) for x in (Q, K, V)]
    for function in (attention.softmax_attention, attention.kernel_attention):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = function(*inputs, mask=mask)
            loss = tf.reduce_sum(y**2)
        assert not y[:, 2].numpy().any() and y[:, 1].numpy().all()
        assert all(np.isfinite(g).all() for g in tape.gradient(loss, inputs))


def test_the_normaliser():
    """Its quotient, its 0, and derivatives by finite differences."""
    sums, totals = tf.constant(V[0]), tf.constant([0.0, 1e-300, 2, 0, 3, 1e300, 1e-5], tf.float64)
    found = attention.divide_by_totals(sums, totals).numpy()
    with np.errstate(divide="ignore"):
        expected = np.where(totals[:, None] > 0, sums / totals[:, None], 0)
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    with tf.GradientTape() as tape:
        tape.watch(totals)
        y = tf.reduce_sum(attention.divide_by_totals(sums, totals))
    slope = tape.gradient(y, totals).numpy()
    assert slope[0] == slope[3] == 0 and np.isfinite(slope[2:]).all()
    np.testing.assert_allclose(slope[2], -V[0, 2].sum() / 4, rtol=1e-12)
    with pytest.raises(ValueError, match=r"^totals must be of the shape of sums without .*\(7, 3\)"):
        attention.divide_by_totals(sums, sums)
