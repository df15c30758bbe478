"""Masks of differences and of graphs."""

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg

from weirdonetworks.functional import attention

RNG = np.random.default_rng(0)
Q, K, V = (RNG.uniform(size=(2, 12, size)) for size in (3, 3, 4))


@pytest.mark.parametrize("grid", [(12,), (3, 4), (2, 3, 2)])
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


def test_rounding_is_not_divided():
    """Only the token before is seen: the first one sees nothing, and a transform says 1e-17."""
    f = np.zeros(23)
    f[12] = 1
    found = attention.toeplitz_attention(Q, K, V, f).numpy()
    np.testing.assert_array_equal(found[:, 0], 0)
    np.testing.assert_allclose(found[:, 1:], V[:, :-1], rtol=1e-10)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"mask": np.ones(12)}, r"^mask must be \[..., 23\], .* got shape \(12,\)"),
        ({"mask": -np.ones(23)}, "^mask must be >= 0, got -1$"),
        ({"grid": (3, 5)}, r"^grid must have 12 places, as there are tokens, got \(3, 5\)$"),
        ({"grid": (2, 3, 2, 1)}, "^grid must have at most 3 sides, got"),
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


def test_bad_graphs():
    for laplacian, message in (
        (L[:11], r"^laplacian must be square, \[..., n, n\], got shape \(11, 12\)$"),
        (np.triu(L), "^laplacian must be symmetric, got one that is not$"),
        (L[:5, :5], r"^mask must be \[..., queries, keys\], \[..., 12, 12\], .* \(5, 5\)$"),
    ):
        with pytest.raises(ValueError, match=message):
            attention.graph_attention(Q, K, V, laplacian)
    with pytest.raises(ValueError, match="^time must be >= 0, got -1$"):
        attention.graph_attention(Q, K, V, L, -1.0)
