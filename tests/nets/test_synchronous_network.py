"""SynchronousNetwork: one network for all turned images, whose answer no turn changes."""

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers
from weirdonetworks.nets import SynchronousNetwork, count_numbers

IMAGES = np.random.default_rng(0).uniform(size=(4, 8, 8))
CASES = [
    ("row_recurrent", {"size": 5}),
    ("mlp", {"hidden_sizes": (6,)}),
    ("mixer_mlp", {"patch_size": 4, "size": 3}),
]


def _built(network: str, arguments: dict, **kwargs) -> SynchronousNetwork:
    kwargs = {"group": "cyclic4", "image_shape": (8, 8), **kwargs}
    net = SynchronousNetwork(3, network, arguments, 7, (6,), **kwargs)
    net(IMAGES)
    helpers.randomise_zeros(net)
    return net


@pytest.mark.slow
@pytest.mark.parametrize(("network", "arguments"), CASES)
def test_formula(network, arguments):
    net = _built(network, arguments)
    shared = net.synchronous.module
    assert type(shared) is wn.nets.NETWORKS[network]
    turned = [np.rot90(IMAGES, k, axes=(1, 2)) for k in range(4)]
    pooled = np.mean([shared(images) for images in turned], axis=0)
    np.testing.assert_allclose(net(IMAGES), net.head(tf.constant(pooled)), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("network", "arguments"), CASES)
def test_no_quarter_turn_changes_it_for_any_input(network, arguments):
    net = _built(network, arguments)
    turned = np.rot90(IMAGES, axes=(1, 2))
    np.testing.assert_allclose(net(turned), net(IMAGES), rtol=1e-9)
    shared = net.synchronous.module
    assert np.abs(shared(turned) - shared(IMAGES)).max() > 1e-3  # the network alone is not


def test_it_has_the_numbers_of_one_network():
    net = _built("row_recurrent", {"size": 5})
    alone = count_numbers(net.synchronous.module).trained
    assert count_numbers(net).trained == alone + 8 * 6 + 7 * 3


@pytest.mark.slow
def test_the_defaults_are_few_numbers():
    net = SynchronousNetwork()
    net(np.zeros([1, 28, 28], np.float32))
    assert count_numbers(net).trained == 28 * 32 + 32**2 + 2 * 32 + 2 + 33 * 24 + 25 * 34


def test_bad_arguments():
    for kwargs, message in (
        ({"network": "conv"}, "^network must be one of "),
        ({"network_args": 3}, "^network_args must be a mapping of names, .* got 3$"),
        ({"network_args": {"num_classes": 3}}, "^network_args must be a mapping of names, "),
        ({"network_args": {1: 2}}, "^network_args must be a mapping of names, "),
        ({"network_args": {"pretrained": "mnist"}}, "^network_args must be a mapping of names, "),
        ({"network_args": {"sizes": 3}}, "^an argument of row_recurrent must be one of "),
        ({"network_args": {"size": 0}}, "^size must be an integer >= 1, got 0$"),
        ({"size": 0}, "^size must be an integer >= 1, got 0$"),
        ({"group": "cyclic"}, "^group must"),
    ):
        with pytest.raises(ValueError, match=message):
            SynchronousNetwork(**kwargs)
    with pytest.raises(
        ValueError, match=r"^SynchronousNetwork images must be images \[batch, 8, 8"
    ):
        _built("mlp", {})(IMAGES[:, :4])
