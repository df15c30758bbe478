"""Which networks can be analysed, what passes between their layers, and what is refused."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers
from weirdonetworks.analysis import activations, dense_layers
from weirdonetworks.analysis.networks import parts
from weirdonetworks.functional import ACTIVATIONS


def _inputs(n: int = 30, features: int = 12, dtype=np.float64) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, features)).astype(dtype)


class Own(snt.Module):
    """Somebody's own network, which has what is asked for."""

    def __init__(self, sizes=(7, 5, 3), scale=1.0):
        super().__init__()
        self.layers = [snt.Linear(size) for size in sizes]
        self.activation = tf.nn.relu
        self.scale = scale

    def __call__(self, inputs):
        x = inputs
        for layer in self.layers[:-1]:
            x = self.activation(layer(x)) * self.scale
        return self.layers[-1](x)


NETWORKS = {
    "MLP": lambda: wn.nets.MLP(3, (7, 5), activation="relu", dropout=0.5),
    "snt.nets.MLP": lambda: snt.nets.MLP([7, 5, 3], activation=tf.nn.relu),
    "Sequential": lambda: snt.Sequential(
        [snt.Flatten(), snt.Linear(7), tf.nn.relu, snt.Linear(5), tf.nn.relu, snt.Linear(3)]
    ),
    "Own": Own,
}


def _built(network: snt.Module, inputs: np.ndarray) -> snt.Module:
    network(tf.constant(inputs))
    helpers.randomise_zeros(network)
    return network


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_passes_between_the_layers(name, dtype):
    x = _inputs(dtype=dtype)
    network = _built(NETWORKS[name](), x)
    layers = dense_layers(network)
    assert [tuple(layer.w.shape) for layer in layers] == [(12, 7), (7, 5), (5, 3)]
    expected = []
    for layer in layers[:-1]:
        x = np.maximum(x @ layer.w.numpy() + layer.b.numpy(), 0)
        expected.append(x)
    hidden = activations(network, _inputs(dtype=dtype), batch_size=11)
    assert [values.dtype for values in hidden] == [dtype] * 2
    for values, known in zip(hidden, expected, strict=True):
        np.testing.assert_allclose(values, known, rtol=1e-5, atol=1e-6)


def test_images(digits):
    network = wn.nets.MLP(hidden_sizes=(6, 4))
    network(digits)
    assert [values.shape for values in activations(network, digits)] == [(20, 6), (20, 4)]


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_all_activations_as_in_inference(activation):
    x = _inputs()
    network = _built(wn.nets.MLP(3, (8, 8), activation=activation), x)
    *_, last = activations(network, x)
    head = dense_layers(network)[-1]
    np.testing.assert_allclose(last @ head.w + head.b, network(tf.constant(x)), rtol=1e-9)


def test_a_single_layer_has_nothing_between():
    layer = _built(snt.Linear(3), _inputs())
    assert activations(layer, _inputs()) == [] and dense_layers(layer) == [layer]


def test_nothing_changes():
    x = _inputs()
    network = _built(wn.nets.MLP(3, (7, 5), dropout=0.5), x)
    before = [v.numpy() for v in network.variables]
    activations(network, x)
    for variable, value in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


RULE = r"^network must be dense layers \(snt.Linear\) in sequence, with functions of one argument"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("quadratic_mlp", "between them, got QuadraticMLP"),
        ("autoactivation_mlp", "between them, got AutoactivationMLP"),
        ("synchronous_mlp", "between them, got SynchronousMLP"),
        ("row_attention", "between them, got RowAttention"),
        ("gated_mlp", "between them, got GatedMLP"),
        ("posynomial_mlp", "between them, got PosynomialMLP"),
    ],
)
def test_networks_of_the_zoo_that_are_no_sequence(name, message, digits):
    network = wn.create_network(name)
    network(tf.constant(digits, tf.float32))
    with pytest.raises(ValueError, match=f"{RULE} {message}"):
        activations(network, tf.constant(digits, tf.float32))


class Residual(Own):
    """Has the layers, but does something else with them."""

    def __call__(self, inputs):
        return super().__call__(inputs) + inputs[:, :3]


class Crossed(Own):
    """Its layers cannot follow each other."""

    def __call__(self, inputs):
        return tf.concat([layer(inputs) for layer in self.layers], axis=1)


class Scaled(Own):
    """Has a variable besides."""

    def __init__(self):
        super().__init__()
        self.factor = tf.Variable(2.0, dtype=tf.float64, name="factor")

    def __call__(self, inputs):
        return self.factor * super().__call__(inputs)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Residual, r"got Residual, whose outputs differ from those of the sequence by [\d.]+"),
        (lambda: Own(scale=2.0), r"got Own, whose outputs differ"),
        (Crossed, r"got Crossed: "),
        (Scaled, r"got Scaled, which has scaled/factor:0 besides$"),
        (lambda: snt.Sequential([tf.nn.relu, snt.Bias()]), r"got Sequential$"),
    ],
)
def test_other_networks(network, message):
    network = _built(network(), _inputs())
    with pytest.raises(ValueError, match=f"{RULE} between them, {message}"):
        activations(network, _inputs())


def test_bad_arguments():
    network = _built(Own(), _inputs())
    with pytest.raises(ValueError, match=r"^network must be a Sonnet module, got 'mlp'$"):
        dense_layers("mlp")
    with pytest.raises(ValueError, match=r"^network must have been called, .* got MLP$"):
        parts(wn.nets.MLP())
    with pytest.raises(ValueError, match=r"^inputs must be of a floating type .* got int64$"):
        activations(network, np.ones((2, 12), np.int64))
    with pytest.raises(ValueError, match=r"^inputs must be \[n, ...\] with n >= 1, got shape \(0,"):
        activations(network, _inputs(0))
    with pytest.raises(ValueError, match=r"^batch_size must be an integer >= 1, got 0$"):
        activations(network, _inputs(), batch_size=0)
