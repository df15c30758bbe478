"""ComplexMLP: its formula, and scores that do not see a global phase."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.nets import MLP, ComplexMLP

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(9, 4, 3)) + 1j * RNG.normal(size=(9, 4, 3))


def _parts(z) -> tf.Tensor:
    return tf.stack([np.real(z), np.imag(z)], axis=-1)


def _built(**kwargs) -> ComplexMLP:
    net = ComplexMLP(hidden_sizes=(8, 7), **kwargs)
    net(_parts(Z))
    helpers.randomise_zeros(net)
    return net


def test_formula():
    net, z = _built(), Z.reshape(9, 12)
    for layer, bias in zip(net.layers, net.biases, strict=True):
        z = z @ (layer.a.numpy() + 1j * layer.b.numpy())
        size = np.abs(z) + bias.numpy()
        z = np.maximum(size, 0) * np.exp(1j * np.angle(z))
    np.testing.assert_allclose(net(_parts(Z)), size, rtol=1e-12)
    assert np.all(net(_parts(Z) * 0) == net.biases[-1])


@pytest.mark.slow
def test_scores_do_not_see_a_global_phase_but_phases_of_pixels():
    net, real = _built(), MLP(10, (8, 7))
    expected = net(_parts(Z)).numpy()
    assert expected.std(axis=0).min() > 0.1
    real_expected = real(_parts(Z)).numpy()
    for angle in (0.1, 1.0, 3.0):
        turned = _parts(np.exp(1j * angle) * Z)
        np.testing.assert_allclose(net(turned), expected, atol=1e-13)
        assert np.abs(real(turned) - real_expected).max() > 0.05
    phases = np.exp(1j * np.arange(12).reshape(4, 3))
    assert np.abs(net(_parts(phases * Z)) - expected).max() > 0.1


@pytest.mark.slow
def test_zero_is_taken_off():
    net, other = _built(), _built(zero=128 / 255)
    for variable, value in zip(other.variables, net.variables, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(other(_parts(Z) + 128 / 255), net(_parts(Z)), atol=1e-13)
    pixels = tf.fill([1, 4, 3, 2], tf.constant(128, tf.uint8))
    dark = ComplexMLP(zero=128 / 255)(tf.cast(pixels, tf.float32) / 255)
    assert np.all(dark == 0)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            np.ones((2, 28, 28, 1)),
            r"^images must be complex, \[batch, height, width, 2\] .*28, 1\)$",
        ),
        (np.ones((2, 28, 28)), r"^images must be complex, .* got shape \(2, 28, 28\)$"),
        (Z, r"^images must be of a floating type, \(real, imaginary\) .* got complex128$"),
    ],
)
def test_real_images_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        ComplexMLP()(images)


def test_other_images_later():
    with pytest.raises(
        ValueError, match=r"^images must be \(4, 3, 2\) as at the first.*\(4, 3, 1\)$"
    ):
        _built()(np.ones((2, 4, 3, 1)))
