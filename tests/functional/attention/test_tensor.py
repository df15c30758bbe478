"""One contraction for convolutions and for attention with heads; and Hopfield's update."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from weirdonetworks.functional import attention

RNG = np.random.default_rng(0)


def test_shifts_make_it_a_convolution():
    images, kernel = RNG.normal(size=(2, 5, 6, 3)), RNG.normal(size=(3, 3, 3, 4))
    shifts = []
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            vertical, horizontal = np.eye(5, k=-dy), np.eye(6, k=-dx)  # [from, to]
            shifts.append(np.kron(vertical, horizontal))
    x = images.reshape(2, 30, 3)
    found = attention.tensor_attention(x, np.stack(shifts), kernel.reshape(9, 3, 4))
    expected = tf.nn.conv2d(images, kernel, 1, "SAME")
    np.testing.assert_allclose(tf.reshape(found, [2, 5, 6, 4]), expected, rtol=1e-12, atol=1e-12)
    turned = attention.tensor_attention(x, np.stack(shifts[::-1]), kernel.reshape(9, 3, 4))
    assert np.abs(turned - found).max() > 0.1


def test_softmax_weights_make_it_attention_with_heads():
    x = RNG.normal(size=(2, 7, 6))
    q, k, v = RNG.normal(size=(3, 3, 6, 2))
    out = RNG.normal(size=(3, 2, 6))
    weights = softmax(np.einsum("bid,hde,hfe,bjf->bhij", x, q, k, x) / np.sqrt(2), axis=-1)
    heads = attention.softmax_attention(
        *(np.einsum("bnd,hde->bhne", x, each) for each in (q, k, v))
    )
    expected = np.einsum("bhne,hed->bnd", heads, out)
    thetas = np.einsum("hde,hef->hdf", v, out)
    found = attention.tensor_attention(x, weights.swapaxes(2, 3), thetas)
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_bad_factors():
    x = np.ones((2, 5, 3))
    for matrices, thetas, message in (
        (np.ones((2, 4, 6)), np.ones((2, 3, 1)), r"^matrices must be \[..., K, 5, n\], got shape"),
        (np.ones((2, 5, 6)), np.ones((3, 3, 1)), r"^thetas must be \[2, 3, e\], got shape"),
        (np.ones((3, 2, 5, 6)), np.ones((2, 3, 1)), "^inputs and matrices must have leading"),
    ):
        with pytest.raises(ValueError, match=message):
            attention.tensor_attention(x, matrices, thetas)


def test_hopfields_update_is_attention_and_lowers_the_energy():
    patterns, states = RNG.normal(size=(3, 8, 5)), 2 * RNG.normal(size=(3, 40, 5))
    for beta in (0.1, 1.0, 10.0):
        expected = attention.softmax_attention(states, patterns, patterns, scale=beta)
        new = attention.hopfield_update(states, patterns, beta)
        np.testing.assert_allclose(new, expected, rtol=1e-13)
        before, after = (attention.hopfield_energy(x, patterns, beta) for x in (states, new))
        assert (after.numpy() <= before.numpy() + 1e-12).all() and (after < before).numpy().any()
        assert after.numpy().min() >= 0
        # Twice as far in the same direction is no descent for all of them.
        far = attention.hopfield_energy(states + 4 * (new - states), patterns, beta)
        assert (far > before).numpy().any()


def test_the_energy_is_its_formula():
    patterns, states = RNG.normal(size=(2, 8, 5)), RNG.normal(size=(2, 4, 5))
    for beta in (0.5, 1e-8):
        e = np.exp(beta * states @ patterns.swapaxes(1, 2)).mean(-1)
        mean = np.log(e) / beta if beta > 1e-3 else (states @ patterns.swapaxes(1, 2)).mean(-1)
        most = (patterns**2).sum(-1).max(-1)[:, None]
        expected = -mean + (states**2).sum(-1) / 2 + most / 2
        np.testing.assert_allclose(
            attention.hopfield_energy(states, patterns, beta), expected, rtol=1e-7
        )
        single = attention.hopfield_energy(
            states.astype(np.float32), patterns.astype(np.float32), beta
        )
        np.testing.assert_allclose(single, expected, rtol=1e-4)
    alone = patterns[:, :1]
    np.testing.assert_allclose(attention.hopfield_energy(alone, alone), 0, atol=1e-13)
    with pytest.raises(ValueError, match="^beta must be a number > 0 of float32, got 1e"):
        attention.hopfield_energy(states.astype(np.float32), patterns.astype(np.float32), 1e39)
    with pytest.raises(ValueError, match="^patterns must have as many features as states, 5, got"):
        attention.hopfield_update(states, patterns[..., :3])


@pytest.mark.slow
def test_a_fixed_point_has_no_slope():
    patterns = tf.constant(RNG.normal(size=(4, 3)))
    x = tf.constant(RNG.normal(size=(1, 3)))
    for _ in range(500):
        x = attention.hopfield_update(x, patterns, 2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        energy = attention.hopfield_energy(x, patterns, 2.0)
    np.testing.assert_allclose(tape.gradient(energy, x), 0, atol=1e-9)


def test_patterns_far_from_one_another_are_recalled_in_a_step():
    patterns = np.sign(RNG.normal(size=(6, 64)))
    noisy = patterns + 0.3 * RNG.normal(size=patterns.shape)
    np.testing.assert_allclose(attention.hopfield_update(noisy, patterns), patterns, atol=1e-6)
    mean = attention.hopfield_update(noisy, patterns, 1e-6)
    np.testing.assert_allclose(mean, np.tile(patterns.mean(axis=0), (6, 1)), atol=1e-3)
