"""Masks of differences and of graphs."""

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import tensorflow as tf

from weirdonetworks.functional import attention

RNG = np.random.default_rng(0)
Q, K, V = (RNG.uniform(size=(2, 12, size)) for size in (3, 3, 4))


@pytest.mark.parametrize("grid", [(12,), (3, 4)])
@pytest.mark.parametrize("normalize", [True, False])
def test_transforms_are_the_dense_mask(grid, normalize):
    shape = [2 * side - 1 for side in grid]
    f = RNG.uniform(size=(2, *shape))
    dense = np.zeros((2, 12, 12))
    for i, at in enumerate(np.ndindex(*grid)):
        for j, other in enumerate(np.ndindex(*grid)):
            place = tuple(a - b + side - 1 for a, b, side in zip(at, other, grid, strict=True))
            dense[:, i, j] = f[(slice(None), *place)]
    np.testing.assert_array_equal(attention.toeplitz_matrix(f, grid), dense)
    expected = attention.masked_attention(Q, K, V, dense, normalize)
    for form in ("fft", "dense"):
        found = attention.toeplitz_attention(Q, K, V, f, grid, form, normalize)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    turned = attention.toeplitz_attention(Q, K, V, f[:, ::-1], grid, normalize=normalize)
    assert np.abs(turned - expected).max() > 1e-3  # i - j is not j - i


def test_no_weight_for_what_comes_later_is_causal():
    f = np.concatenate([np.zeros(11), np.ones(12)])
    expected = attention.linear_attention(Q, K, V, causal=True)
    np.testing.assert_allclose(attention.toeplitz_attention(Q, K, V, f), expected, rtol=1e-12)


@pytest.mark.slow
def test_rounding_is_not_divided():
    """Only the token before is seen: the first one sees nothing, and a transform says 1e-17."""
    n, positive = 100, 0
    f = np.zeros(2 * n - 1)
    f[n] = 1
    for seed in range(8):
        rng = np.random.default_rng(seed)
        q, k, v = (rng.uniform(size=(n, size)) for size in (3, 3, 4))
        raw = attention.toeplitz_attention(q, k, np.ones([n, 1]), f, normalize=False).numpy()
        positive += raw[0, 0] > 0  # what a test for > 0 alone would divide by
        found = attention.toeplitz_attention(q, k, v, f).numpy()
        np.testing.assert_array_equal(found[0], 0)
        np.testing.assert_allclose(found[1:], v[:-1], rtol=1e-9)
    assert positive


def test_a_small_query_is_no_rounding():
    q = Q.astype(np.float32)
    q[:, 3] *= 1e-12
    f = np.ones(23, np.float32)
    k, v = K.astype(np.float32), V.astype(np.float32)
    dense = attention.toeplitz_attention(q, k, v, f, form="dense")
    np.testing.assert_allclose(attention.toeplitz_attention(q, k, v, f), dense, rtol=1e-4)


@pytest.mark.slow
def test_gradients_of_a_mask():
    """Both forms, over a line and a grid; the dense one is a gather of differences."""
    for grid, shape in (((12,), [23]), ((3, 4), [5, 7])):
        found = []
        for form in ("fft", "dense"):
            mask = tf.constant(np.random.default_rng(2).uniform(size=shape))
            with tf.GradientTape() as tape:
                tape.watch(mask)
                y = attention.toeplitz_attention(Q, K, V, mask, grid, form)
                loss = tf.reduce_sum(tf.sin(y))
            found.append(tape.gradient(loss, mask))
        np.testing.assert_allclose(*found, rtol=1e-8, atol=1e-12)
        assert np.abs(found[0]).max() > 1e-3


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"mask": np.ones(12)}, r"^mask must be \[..., 23\], .* got shape \(12,\)"),
        ({"mask": -np.ones(23)}, "^mask must be >= 0, got -1$"),
        ({"grid": (3, 5)}, r"^grid must have 12 places, as there are tokens, got \(3, 5\)$"),
        ({"grid": (2, 3, 2)}, "^grid must have at most 2 sides, got"),
        ({"form": "slow"}, "^form must be one of .*, got 'slow'"),
    ],
)
def test_bad_masks(kwargs, message):
    with pytest.raises(ValueError, match=message):
        attention.toeplitz_attention(Q, K, V, **{"mask": np.ones(23), **kwargs})


def _laplacian(weights):
    return np.diag(weights.sum(axis=1)) - weights


GRAPH = RNG.uniform(size=(12, 12)) * (RNG.uniform(size=(12, 12)) < 0.3)
L = _laplacian(GRAPH + GRAPH.T)


def test_the_mask_of_a_graph_is_the_heat_equation():
    u = RNG.normal(size=12)
    kernel = attention.heat_kernel(L, 0.7).numpy()
    np.testing.assert_allclose(kernel, scipy.linalg.expm(-0.7 * L), atol=1e-13)
    run = scipy.integrate.solve_ivp(
        lambda t, u: -L @ u, (0, 0.7), u, method="DOP853", rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(kernel @ u, run.y[:, -1], atol=1e-9)
    assert kernel.min() >= 0
    np.testing.assert_allclose(kernel.sum(axis=1), 1, rtol=1e-12)


def test_attention_over_a_graph():
    for time in (0.0, 0.3, 5.0):
        expected = attention.masked_attention(Q, K, V, scipy.linalg.expm(-time * L))
        found = attention.graph_attention(Q, K, V, L, time)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(attention.graph_attention(Q, K, V, L, 0.0), V, rtol=1e-12)
    everywhere = attention.graph_attention(Q, K, V, L, 1e4)
    np.testing.assert_allclose(everywhere, attention.linear_attention(Q, K, V), rtol=1e-8)


def test_heat_for_a_very_long_time():
    """Rows sum to 1 in both types, where rounding made the rate 0 one that grows."""
    path = _laplacian(np.eye(5, k=1) + np.eye(5, k=-1))
    for dtype in (np.float32, np.float64):
        for time in (1e6, 1e18, 1e30):
            kernel = attention.heat_kernel(path.astype(dtype), time)
            np.testing.assert_allclose(kernel, np.full((5, 5), 0.2), rtol=1e-4)


def test_what_heat_does_not_reach_is_not_divided():
    path = _laplacian(np.eye(12, k=1) + np.eye(12, k=-1)).astype(np.float32)
    q, k, v = (x[0].astype(np.float32) for x in (Q, K, V))
    q[0], k[0] = [1, 0, 0], [0, 1, 1]  # the token does not see itself, and at t = 0 no other
    found = attention.graph_attention(q, k, v, path, 0.0).numpy()
    np.testing.assert_array_equal(found[0], 0)
    np.testing.assert_allclose(found[1:], v[1:], rtol=1e-5)


def test_the_gradient_of_the_time():
    """Of a ring, whose rates come in pairs, by finite differences."""
    ring = _laplacian(np.roll(np.eye(6), 1, 0) + np.roll(np.eye(6), -1, 0))
    u = np.random.default_rng(0).normal(size=[6, 2])
    time = tf.constant(0.7, tf.float64)

    def energy(time):
        return tf.reduce_sum(u[:, :1] * attention.heat_kernel(ring, time) * u[:, 1])

    with tf.GradientTape() as tape:
        tape.watch(time)
        y = energy(time)
    slope = (energy(time + 1e-5) - energy(time - 1e-5)) / 2e-5
    np.testing.assert_allclose(tape.gradient(y, time), slope, rtol=1e-7)
    for wrong in (np.ones(3), np.ones((1, 6))):
        with pytest.raises(ValueError, match=r"^time must be a number or \[..., 1, 1\], got shape"):
            attention.heat_kernel(ring, wrong)
    both = attention.heat_kernel(ring, np.reshape([0.7, 2.0], [2, 1, 1]))
    np.testing.assert_allclose(both[0], attention.heat_kernel(ring, 0.7), rtol=1e-12)


def test_the_gradient_of_a_graph():
    """In all entries, by SciPy's derivative of the exponential; a ring's rates come in pairs."""
    ring = _laplacian(np.roll(np.eye(6), 1, 0) + np.roll(np.eye(6), -1, 0))
    rng = np.random.default_rng(3)
    weights = rng.normal(size=[2, 6, 6])
    graph = _laplacian(np.abs(weights[0] + weights[0].T))
    times = tf.constant([[[0.7]], [[2.0]]], tf.float64)
    for laplacian in (ring, graph, np.zeros((6, 6))):
        variable = tf.constant(laplacian)
        with tf.GradientTape() as tape:
            tape.watch(variable)
            loss = tf.reduce_sum(weights * attention.heat_kernel(variable, times))
        found = tape.gradient(loss, variable).numpy()
        expected = np.zeros((6, 6))
        for place in np.ndindex(6, 6):  # an entry by itself: not symmetric
            direction = np.zeros((6, 6))
            direction[place] = 1
            for t, w in ((0.7, weights[0]), (2.0, weights[1])):
                slope = scipy.linalg.expm_frechet(-t * laplacian, -t * direction)[1]
                expected[place] += np.sum(w * slope)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_the_gradient_of_a_graphs_weights():
    """By finite differences, through the Laplacian to a weight of both directions; and compiled."""
    weights = tf.constant(GRAPH + GRAPH.T)

    def loss(weights):
        laplacian = tf.linalg.diag(tf.reduce_sum(weights, axis=1)) - weights
        return tf.reduce_sum(tf.sin(attention.graph_attention(Q, K, V, laplacian, 0.4)))

    @tf.function(autograph=False)
    def slope(weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            y = loss(weights)
        return tape.gradient(y, weights)

    found = slope(weights).numpy()
    for i, j in ((0, 1), (2, 7), (11, 4)):
        step = np.zeros((12, 12))
        step[i, j] = step[j, i] = 1e-6
        expected = (loss(weights + step) - loss(weights - step)) / 2e-6
        np.testing.assert_allclose(found[i, j] + found[j, i], expected, rtol=1e-6, atol=1e-8)


def test_bad_graphs():
    for laplacian, message in (
        (L[:11], r"^laplacian must be square, \[..., n, n\], got shape \(11, 12\)$"),
        (np.triu(L), "^laplacian must be symmetric, got one that is not$"),
        (np.inf * np.ones((12, 12)), "^laplacian must be finite, got one that is not$"),
        (L[:5, :5], r"^mask must be \[..., queries, keys\], \[..., 12, 12\], .* \(5, 5\)$"),
    ):
        with pytest.raises(ValueError, match=message):
            attention.graph_attention(Q, K, V, laplacian)
    with pytest.raises(ValueError, match="^time must be finite and >= 0, got -1$"):
        attention.graph_attention(Q, K, V, L, -1.0)
