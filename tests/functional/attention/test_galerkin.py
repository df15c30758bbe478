"""Galerkin's attention, and the projection that it discretises, on a boundary-value problem."""

import numpy as np
import pytest

from weirdonetworks.functional import attention

RNG = np.random.default_rng(0)


def _normalized(x):
    x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)


def test_the_order_of_products_is_free_without_softmax():
    q, k, v = RNG.normal(size=(3, 2, 9, 4))
    k_, v_ = _normalized(k), _normalized(v)
    found = attention.galerkin_attention(q, k, v)
    np.testing.assert_allclose(found, (q @ k_.swapaxes(1, 2)) @ v_ / 9, rtol=1e-12)
    np.testing.assert_allclose(found, q @ (k_.swapaxes(1, 2) @ v_) / 9, rtol=1e-12)
    fourier = attention.fourier_attention(q, k, v)
    expected = (_normalized(q) @ k_.swapaxes(1, 2)) @ v / 9
    np.testing.assert_allclose(fourier, expected, rtol=1e-12)
    assert np.abs(found - fourier).max() > 0.1


def test_a_projection_is_idempotent_and_quasi_optimal():
    """|v - P v| <= |P| times the best; |P| itself is reached, by some v."""
    for oblique in (0.0, 0.5):
        q = RNG.normal(size=(3, 20, 5))
        k = q + oblique * RNG.normal(size=q.shape)
        p = attention.petrov_galerkin_projection(q, k).numpy()
        np.testing.assert_allclose(p @ p, p, atol=1e-12)
        np.testing.assert_allclose(p @ q, q, atol=1e-12)
        norms = np.linalg.norm(p, 2, axis=(1, 2))
        v = RNG.normal(size=(3, 20, 400))
        np.testing.assert_allclose(k.swapaxes(1, 2) @ (v - p @ v), 0, atol=1e-11)
        off = np.linalg.norm(v - p @ v, axis=1)
        best = np.linalg.norm(v - q @ np.linalg.pinv(q) @ v, axis=1)
        assert (off <= norms[:, None] * best * (1 + 1e-12)).all()
        if oblique:
            assert (off > best * (1 + 1e-3)).mean() > 0.9  # better than the best is nothing
        else:
            np.testing.assert_allclose(norms, 1, rtol=1e-12)
            np.testing.assert_allclose(off, best, rtol=1e-9)


def test_it_solves_poissons_equation():
    """-u'' = f on (0, 1), u = 0 at the ends: in hat functions, exact at their nodes.

    u = sin(pi x) + 0.3 sin(3 pi x) on 255 places, projected onto hats over 15 nodes in the energy:
    Q hats, K = A Q with the second differences A. Halving the width quarters the error.
    """
    errors = []
    for nodes in (7, 15, 31):
        places = np.arange(1, 256) / 256
        centres = np.arange(1, nodes + 1) / (nodes + 1)
        hats = np.maximum(1 - np.abs(places[:, None] - centres) * (nodes + 1), 0)
        stiffness = (2 * np.eye(255) - np.eye(255, k=1) - np.eye(255, k=-1)) * 256**2
        u = np.sin(np.pi * places) + 0.3 * np.sin(3 * np.pi * places)
        f = stiffness @ u
        # Galerkin's equations as they are solved: Q^T A Q c = Q^T f.
        solution = hats @ np.linalg.solve(hats.T @ stiffness @ hats, hats.T @ f)
        p = attention.petrov_galerkin_projection(hats, stiffness @ hats).numpy()
        np.testing.assert_allclose(p @ u, solution, atol=1e-10)
        at_nodes = np.isin(places, centres)
        np.testing.assert_allclose((p @ u)[at_nodes], u[at_nodes], atol=1e-10)
        errors.append(np.linalg.norm(p @ u - u) / np.linalg.norm(u))
    assert 3.5 < errors[0] / errors[1] < 4.5 and 3.5 < errors[1] / errors[2] < 4.5


def test_bad_functions():
    with pytest.raises(ValueError, match="^test must make K.T Q one with an inverse, got a sing"):
        attention.petrov_galerkin_projection(np.ones((4, 2)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="^trial must be float32 or float64, got float16$"):
        attention.petrov_galerkin_projection(*[np.eye(4, 2, dtype=np.float16)] * 2)
    with pytest.raises(ValueError, match="^trial must have at most as many functions as places, 3"):
        attention.petrov_galerkin_projection(np.ones((3, 4)), np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"^test must be of the shape of trial, \(4, 3\), got"):
        attention.petrov_galerkin_projection(np.ones((4, 3)), np.ones((4, 2)))
