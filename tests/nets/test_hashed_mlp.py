"""HashedMLP: its formula, its numbers, and what it refuses."""

import numpy as np
import pytest

from tests import helpers
from weirdonetworks.nets import HashedMLP, count_numbers

IMAGES = np.random.default_rng(0).uniform(size=(4, 6, 6))


def _built(images=IMAGES, **kwargs) -> HashedMLP:
    net = HashedMLP(**kwargs)
    net(images)
    helpers.randomise_zeros(net)
    return net


def test_formula():
    net = _built(num_classes=3, hidden_sizes=(8, 5), compression=14.4)
    x = IMAGES.reshape(4, 36)
    for layer in net.layers:
        x = np.maximum(x @ layer.matrix().numpy() + layer.b.numpy(), 0)
    np.testing.assert_allclose(net(IMAGES), x @ net.head.w.numpy() + net.head.b.numpy(), rtol=1e-10)


def test_numbers():
    net = _built(num_classes=3, hidden_sizes=(8, 5), compression=14.4)
    numbers = count_numbers(net)
    assert (numbers.trained, numbers.fixed) == (20 + 8 + 3 + 5 + 18, 36 * 8 + 8 * 5)


def test_layers_have_places_of_their_own():
    net = _built(num_classes=3, hidden_sizes=(36, 36), compression=64)
    first, second = net.layers
    second.w.assign(first.w)
    assert (first.matrix().numpy() != second.matrix().numpy()).any()


def test_bad_arguments():
    for kwargs, message in (
        ({"hidden_sizes": (0,)}, r"^hidden_sizes\[0\] must"),
        ({"compression": 0.5}, r"^compression must be a number in \[1, inf\), got 0.5$"),
        ({"dropout": 1.0}, "^dropout must"),
        ({"seed": -1}, "^seed must be an integer >= 0, got -1$"),
    ):
        with pytest.raises(ValueError, match=message):
            HashedMLP(**kwargs)
