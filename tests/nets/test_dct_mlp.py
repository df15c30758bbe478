"""DCTMLP: what it computes, and what it cannot see."""

import numpy as np
import pytest
import scipy.fft
import scipy.special

from tests import helpers
from weirdonetworks.nets import DCTMLP


def _built(images, **kwargs) -> DCTMLP:
    net = DCTMLP(**kwargs)
    net(images)
    helpers.randomise_zeros(net)
    return net


def test_formula(noise):
    net = _built(noise, frequencies=5, hidden_sizes=(6, 4), activation="tanh")
    x = scipy.fft.dctn(noise[..., 0], axes=(1, 2), norm="ortho")[:, :5, :5].reshape(20, 25)
    for layer in net.hidden.layers:
        x = np.tanh(x @ layer.w.numpy() + layer.b.numpy())
    np.testing.assert_allclose(net(noise), x @ net.head.w.numpy() + net.head.b.numpy(), rtol=1e-9)


@pytest.mark.parametrize("unit", ["product", "comodulation", "autoactivation"])
def test_units(unit, noise):
    net = _built(noise, frequencies=4, hidden_sizes=(6,), unit=unit)
    x = scipy.fft.dctn(noise[..., 0], axes=(1, 2), norm="ortho")[:, :4, :4].reshape(20, 16)
    (layer,) = net.hidden.layers
    if unit == "product":
        v, w = layer.v, layer.w
        h = (x @ v.w + v.b) * (x @ w.w + w.b) + layer.b
    else:
        h = layer(x)
    if unit == "autoactivation":
        h = h * scipy.special.ndtr(h)
    np.testing.assert_allclose(net(noise), h @ net.head.w.numpy() + net.head.b.numpy(), rtol=1e-9)


def test_it_sees_the_lowest_frequencies_alone(digits):
    net = _built(digits, frequencies=6)
    spectra = scipy.fft.dctn(digits, axes=(1, 2), norm="ortho")
    low, seen = spectra.copy(), spectra.copy()
    low[:, 6:], low[:, :, 6:] = 0, 0
    smooth = scipy.fft.idctn(low, axes=(1, 2), norm="ortho")
    np.testing.assert_allclose(net(smooth), net(digits), atol=1e-10)
    assert np.abs(smooth - digits).max() > 0.1
    seen[:, 5, 5] += 1
    changed = scipy.fft.idctn(seen, axes=(1, 2), norm="ortho")
    assert np.abs(net(changed) - net(digits)).max() > 1e-3


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"frequencies": 0}, "^frequencies must be an integer >= 1, got 0$"),
        ({"hidden_sizes": (3, 0)}, r"^hidden_sizes\[1\] must be an integer >= 1, got 0$"),
        ({"unit": "sparse"}, r"^unit must be one of \['dense', .*got 'sparse'$"),
        ({"activation": "swoosh"}, "^activation must be"),
        ({"dropout": 1}, r"^dropout must be a number in \[0, 1\), got 1$"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        DCTMLP(**kwargs)


def test_bad_images(noise):
    with pytest.raises(ValueError, match="^frequencies must be at most .*, 28, got 29$"):
        DCTMLP(frequencies=29)(noise)
    net = _built(noise)
    message = r"^images must be \(28, 28, 1\) as at the first call, got \(27, 28, 1\)$"
    with pytest.raises(ValueError, match=message):
        net(noise[:, :27])
    with pytest.raises(ValueError, match="must be float64 as at the first call, got float32"):
        net(noise.astype(np.float32))
