"""create_network and list_networks."""

import inspect

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn

NAMES = wn.list_networks()
# A vector of pixels will not do.
IMAGES_ONLY = (
    "synchronous_mlp",
    "row_attention",
    "dct_mlp",
    "patch_mlp",
    "mixer_mlp",
    "kronecker_mlp",
    "row_recurrent",
    "synchronous_network",
)
IMAGES = tf.random.stateless_uniform([2, 28, 28, 1], [0, 0])


def test_there_are_at_least_these():
    assert {
        "mlp",
        "quadratic_mlp",
        "synchronous_mlp",
        "posynomial_mlp",
        "signomial_mlp",
        "autoactivation_mlp",
        "comodulation_mlp",
        "gated_mlp",
        "row_attention",
        "dynamic_mlp",
        *IMAGES_ONLY,
    } <= set(NAMES)


def test_the_list_is_a_copy():
    wn.list_networks().clear()
    assert wn.list_networks() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_made_with_its_defaults(name):
    net = wn.create_network(name)
    assert isinstance(net, snt.Module) and type(net) is wn.nets.NETWORKS[name]
    assert net(IMAGES).shape == [2, 10]
    assert net(IMAGES, is_training=True).shape == [2, 10]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_classes_and_arguments_are_passed_on(name):
    net = wn.create_network(name, num_classes=7, dropout=0.5)
    assert net(IMAGES).shape == [2, 7]
    assert tf.reduce_any(net(IMAGES, is_training=True) != net(IMAGES))


@pytest.mark.parametrize("name", [n for n in NAMES if n not in IMAGES_ONLY])
def test_all_forms_of_images_are_one(name):
    net = wn.create_network(name, hidden_sizes=(8,))
    outputs = [net(tf.reshape(IMAGES, shape)) for shape in ([2, 28, 28, 1], [2, 28, 28], [2, 784])]
    tf.debugging.assert_equal(outputs[0], outputs[1])
    tf.debugging.assert_equal(outputs[0], outputs[2])


SYNCHRONOUS = {"synchronous_mlp": "SynchronousMLP", "synchronous_network": "SynchronousNetwork"}


@pytest.mark.parametrize("name", [n for n in IMAGES_ONLY if n not in SYNCHRONOUS])
def test_some_want_images(name):
    net = wn.create_network(name)
    tf.debugging.assert_equal(net(IMAGES), net(IMAGES[..., 0]))
    with pytest.raises(ValueError, match=r"^images must be \[batch, height, .* \(2, 784\)$"):
        net(tf.reshape(IMAGES, [2, 784]))


@pytest.mark.slow
@pytest.mark.parametrize("name", SYNCHRONOUS)
def test_synchronous_networks_want_the_shape_of_the_images(name):
    net = wn.create_network(name, group="cyclic4")
    tf.debugging.assert_equal(net(IMAGES), net(IMAGES[..., 0]))
    message = (
        rf"^{SYNCHRONOUS[name]} images must be images \[batch, 28, 28, channels\] .* \(2, 784\)$"
    )
    with pytest.raises(ValueError, match=message):
        net(tf.reshape(IMAGES, [2, 784]))


@pytest.mark.parametrize("name", ["cnn", "MLP", "", None, 3, ["mlp"]])
def test_an_unknown_name_gets_the_known_ones(name):
    with pytest.raises(ValueError) as error:
        wn.create_network(name)
    assert str(error.value) == f"name must be one of {NAMES}, got {name!r}"


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_argument_gets_the_known_ones(name):
    with pytest.raises(ValueError) as error:
        wn.create_network(name, height=3)
    message = str(error.value)
    assert message.startswith(f"an argument of {name} must be one of [")
    assert message.endswith("got 'height'")
    parameters = inspect.signature(wn.nets.NETWORKS[name].__init__).parameters
    for parameter in set(parameters) - {"self", "name", "num_classes"}:
        assert repr(parameter) in message
    assert "num_classes" not in message and "self" not in message


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_argument(name):
    with pytest.raises(ValueError, match=r"^dropout must be a number in \[0, 1\), got 2$"):
        wn.create_network(name, dropout=2)
    with pytest.raises(ValueError, match="^num_classes must be an integer >= 1, got 0$"):
        wn.create_network(name, num_classes=0)


@pytest.mark.parametrize("name", NAMES)
def test_the_public_names_are_the_same(name):
    assert wn.create_network is wn.nets.create_network
    assert wn.list_networks is wn.nets.list_networks
    assert wn.nets.NETWORKS[name].__name__ in wn.nets.__all__


@pytest.mark.slow
def test_weights_are_of_the_defaults_that_they_had():
    given = wn.create_network("row_recurrent", pretrained="mnist")
    same = wn.create_network("row_recurrent", pretrained="mnist", columns=False)
    x = tf.ones([2, 28, 28])
    np.testing.assert_array_equal(given(x), same(x))
    with pytest.raises(ValueError, match="^columns must be False, as of the weights .* got True$"):
        wn.create_network("row_recurrent", pretrained="mnist", columns=True)
