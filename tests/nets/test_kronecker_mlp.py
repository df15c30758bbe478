"""KroneckerMLP: its formula."""

import numpy as np
import pytest

from tests import helpers
from weirdonetworks.nets import KroneckerMLP


def _built(images, **kwargs) -> KroneckerMLP:
    net = KroneckerMLP(**kwargs)
    net(images)
    helpers.randomise_zeros(net)
    return net


def test_formula(noise):
    net = _built(noise, hidden_shapes=((6, 5), (4, 3)), num_terms=3, activation="tanh")
    x = noise.reshape(20, 784)
    for layer in net.layers:
        x = np.tanh(x @ layer.matrix().numpy() + layer.c.numpy().reshape(-1))
    np.testing.assert_allclose(net(noise), x @ net.head.w.numpy() + net.head.b.numpy(), rtol=1e-9)


def test_channels_belong_to_the_rows():
    images = np.random.default_rng(0).uniform(size=(3, 5, 4, 2))
    net = _built(images, hidden_shapes=((3, 3),))
    same = _built(images.reshape(3, 5, 8), hidden_shapes=((3, 3),))
    for variable, value in zip(same.variables, net.variables, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(same(images.reshape(3, 5, 8)), net(images), rtol=1e-12)


def test_bad_arguments_and_images(noise):
    for kwargs, message in (
        (
            {"hidden_shapes": 3},
            "^hidden_shapes must be a sequence of pairs .* got 3$",
        ),
        ({"hidden_shapes": (3, 4)}, r"^hidden_shapes\[0\] must be"),
        ({"num_terms": 0}, "^num_terms must be an integer >= 1, got 0$"),
        ({"dropout": 1}, r"^dropout must be a number in \[0, 1\), got 1$"),
    ):
        with pytest.raises(ValueError, match=message):
            KroneckerMLP(**kwargs)
    with pytest.raises(ValueError, match=r"as at the first call, got \(14, 28, 1\)$"):
        _built(noise)(noise[:, :14])
