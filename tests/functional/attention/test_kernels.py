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


def test_what_is_not_seen_may_be_of_any_size():
    """A masked key with a score of 1e3, taken off as the largest, would leave nothing."""
    keys = K.copy()
    keys[:, 2] = 1e3 * Q[:, 0]
    mask = np.arange(7) != 2
    expected = attention.softmax_attention(Q, K, V, mask=mask)
    for function in (attention.softmax_attention, attention.kernel_attention):
        np.testing.assert_allclose(function(Q, keys, V, mask=mask), expected, rtol=1e-12)


def test_gaussians_of_tokens_far_from_zero():
    q, k, v = (x.astype(np.float32) for x in (Q, K, V))
    moved = attention.kernel_attention(q + 1000, k + 1000, v, "gaussian")
    near = attention.kernel_attention(q, k, v, "gaussian")
    np.testing.assert_allclose(moved, near, atol=1e-3)


def test_the_normaliser():
    """Its quotient, its 0, and derivatives, by the formulas."""
    totals = tf.constant([0.0, 1e-30, 2, 0, 3, 1e30, 1e-5], tf.float32)
    sums = tf.constant(V[0], tf.float32) * totals[:, None]
    found = attention.divide_by_totals(sums, totals).numpy()
    seen = totals.numpy() > 0
    np.testing.assert_allclose(found, np.where(seen[:, None], V[0], 0), rtol=1e-5)
    with tf.GradientTape() as tape:
        tape.watch([sums, totals])
        y = tf.reduce_sum(attention.divide_by_totals(sums, totals))
    by_sums, by_totals = tape.gradient(y, [sums, totals])
    inverse = np.where(seen, 1 / np.where(seen, totals, 1), 0)
    np.testing.assert_allclose(by_sums, np.tile(inverse[:, None], (1, 3)), rtol=1e-6)
    np.testing.assert_allclose(by_totals, -V[0].sum(-1) * inverse, rtol=1e-5)
    with pytest.raises(
        ValueError, match=r"^totals must be of the shape of sums without .*\(7, 3\)"
    ):
        attention.divide_by_totals(sums, sums)


def test_bad_kernels():
    for kernel, message in (
        (attention.Kernel(3, True), "^kernel must have a function, got 3$"),
        ("cubic", "^kernel must be one of .*, got 'cubic'"),
    ):
        with pytest.raises(ValueError, match=message):
            attention.kernel_attention(Q, K, V, kernel)
    assert np.isnan(attention.softmax_attention(Q, K, V, mask=np.full(7, np.nan))).all()
