"""ComplexDense: a real block matrix, phases, and gradients in Wirtinger's calculus."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.layers import ComplexDense

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(6, 5)) + 1j * RNG.normal(size=(6, 5))


def _parts(z) -> tf.Tensor:
    return tf.stack([np.real(z), np.imag(z)], axis=-1)


def _complex(parts) -> np.ndarray:
    return np.array(parts)[..., 0] + 1j * np.array(parts)[..., 1]


def _built(**kwargs) -> ComplexDense:
    layer = ComplexDense(3, **kwargs)
    layer(_parts(Z))
    helpers.randomise_zeros(layer)
    return layer


def test_formula_and_block_matrix():
    layer = _built()
    a, b, c, d = (v.numpy() for v in (layer.a, layer.b, layer.c, layer.d))
    y = layer(_parts(Z))
    np.testing.assert_allclose(_complex(y), Z @ (a + 1j * b) + c + 1j * d, atol=1e-14)
    real = np.block([[a, b], [-b, a]])
    np.testing.assert_array_equal(layer.matrix, real)
    rows = np.concatenate([Z.real, Z.imag], axis=1) @ real + np.concatenate([c, d])
    np.testing.assert_allclose(np.concatenate([y[..., 0], y[..., 1]], axis=1), rows, atol=1e-14)
    # The same map of columns is [[A, -B], [B, A]] of the transposed matrices.
    np.testing.assert_array_equal(real.T, np.block([[a.T, -b.T], [b.T, a.T]]))


def test_it_turns_with_its_input():
    turn = np.exp(0.7j)
    layer, free = _built(with_bias=False), _built()
    y = _complex(layer(_parts(Z)))
    np.testing.assert_allclose(_complex(layer(_parts(turn * Z))), turn * y, atol=1e-14)
    assert np.abs(_complex(free(_parts(turn * Z))) - turn * _complex(free(_parts(Z)))).max() > 0.1
    w = layer.matrix.numpy()
    w[0, 0] += 1e-3  # of a real matrix that is no block matrix any more
    rows = lambda z: np.concatenate([z.real, z.imag], axis=1) @ w  # noqa: E731
    turned = rows(turn * Z) - np.concatenate([(turn * y).real, (turn * y).imag], axis=1)
    assert np.abs(turned).max() > 1e-4


def test_gradients_are_those_of_wirtinger():
    """2 dL/dW* of L = sum |x W - t|^2, 2 x^H (x W - t): by hand, in parts, of complex tensors."""
    layer = _built(with_bias=False)
    target = RNG.normal(size=(6, 3)) + 1j * RNG.normal(size=(6, 3))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(layer(_parts(Z)) - _parts(target)))
    da, db = tape.gradient(loss, [layer.a, layer.b])
    w = tf.Variable(layer.a.numpy() + 1j * layer.b.numpy())
    with tf.GradientTape() as tape:
        difference = tf.matmul(tf.constant(Z), w) - target
        loss = tf.reduce_sum(tf.square(tf.abs(difference)))
    automatic = tape.gradient(loss, w).numpy()
    by_hand = 2 * Z.conj().T @ (Z @ w.numpy() - target)
    np.testing.assert_allclose(da.numpy() + 1j * db.numpy(), by_hand, rtol=1e-12)
    np.testing.assert_allclose(automatic, by_hand, rtol=1e-12)
    assert np.abs(by_hand.conj() - by_hand).max() > 1  # dL/dW would not do


def test_the_spread_of_the_start():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(500, 200)) + 1j * rng.normal(size=(500, 200))
    layer = ComplexDense(300)
    y = _complex(layer(_parts(z)))
    assert np.mean(np.abs(y) ** 2) == pytest.approx(np.mean(np.abs(z) ** 2), rel=0.05)
    assert abs(np.mean(y**2)) < 0.1  # circular: no phase is preferred
    assert np.mean((layer.a**2 + layer.b**2) * 200) == pytest.approx(1, rel=0.05)


def test_numbers_are_half_of_a_free_layer():
    assert sum(v.shape.num_elements() for v in _built(with_bias=False).variables) == 2 * 5 * 3


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.ones((4, 5)), r"must be \[batch, in, 2\] .*\(real, imaginary\).* got shape \(4, 5\)$"),
        (np.ones((4, 5, 1)), r"must be \[batch, in, 2\] .* got shape \(4, 5, 1\)$"),
        (Z, r"must be of a floating type, \(real, imaginary\) in the last .* got complex128$"),
        (tf.constant(Z), r"must be of a floating type, .*tf\.stack.* got complex128$"),
    ],
)
def test_real_inputs_and_complex_tensors_are_refused(inputs, message):
    layer = ComplexDense(3)
    with pytest.raises(ValueError, match=f"^ComplexDense inputs {message}"):
        layer(inputs)


def test_no_matrix_before_the_first_call():
    with pytest.raises(ValueError, match="^ComplexDense must be called before it has a matrix"):
        _ = ComplexDense(3).matrix
