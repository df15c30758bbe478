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


@pytest.mark.slow
def test_images(digits):
    network = wn.nets.MLP(hidden_sizes=(6, 4))
    network(digits)
    assert [values.shape for values in activations(network, digits)] == [(20, 6), (20, 4)]


@pytest.mark.slow
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


@pytest.mark.parametrize("name", [name for name in wn.nets.NETWORKS if name != "mlp"])
def test_networks_of_the_zoo_that_are_no_sequence(name, digits):
    network = wn.create_network(name)
    network(tf.constant(digits, tf.float32))
    message = f"{RULE} between them, got {type(network).__name__}(, which has .* besides)?$"
    for refuse in (parts, dense_layers, lambda n: activations(n, tf.constant(digits, tf.float32))):
        with pytest.raises(ValueError, match=message):
            refuse(network)


@pytest.mark.slow
def test_vectors_between_layers_may_be_trained_and_matrices_not():
    x = _inputs()
    norm = snt.LayerNorm(-1, create_scale=True, create_offset=True)
    network = _built(snt.Sequential([snt.Linear(7), norm, tf.nn.relu, snt.Linear(3)]), x)
    (hidden,) = activations(network, x)
    np.testing.assert_allclose(hidden, tf.nn.relu(norm(network._layers[0](x))), rtol=1e-9)
    layers = [wn.layers.DynamicDense(7, 2), tf.nn.relu, snt.Linear(3)]
    network = _built(snt.Sequential(layers), x)
    with pytest.raises(ValueError, match=f"{RULE} between them, got Sequential, which has "):
        dense_layers(network)


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
        (
            Crossed,
            r"got Crossed: linear has weights for float64 \[n, 12\], and is given float64 \(",
        ),
        (Scaled, r"got Scaled, which has scaled/factor:0 besides$"),
        (lambda: snt.Sequential([tf.nn.relu, snt.Bias()]), r"got Sequential$"),
    ],
)
def test_other_networks(network, message):
    network = _built(network(), _inputs())
    with pytest.raises(ValueError, match=f"{RULE} between them, {message}"):
        activations(network, _inputs())


class Wordy(Own):
    """Has to be told whether it is trained."""

    def __call__(self, inputs, is_training):
        del is_training
        return super().__call__(inputs)


class Choosy(Own):
    """Refuses what it is given, with words of its own."""

    def __call__(self, inputs):
        if len(inputs) == 20:
            raise ValueError("there must not be 20 inputs")
        return super().__call__(inputs)


def test_a_network_that_refuses_its_inputs_is_heard():
    network = Choosy()
    network(tf.constant(_inputs()[:3]))
    with pytest.raises(ValueError, match="got Choosy, which raises ValueError: there must not be"):
        activations(network, np.tile(_inputs()[:5], (4, 1)))


def test_networks_that_want_more_than_inputs():
    message = r"^network must take inputs alone \(wrap it, if it wants is_training\), got "
    network = Wordy()
    network(tf.constant(_inputs()), False)
    with pytest.raises(ValueError, match=f"{message}Wordy, which raises TypeError: .*is_training"):
        activations(network, _inputs())
    network = snt.nets.MLP([7, 5, 3], dropout_rate=0.5)
    network(tf.constant(_inputs()), is_training=False)
    with pytest.raises(ValueError, match=f"{message}MLP, which raises ValueError: .*is_training"):
        activations(network, _inputs())


def _needs_images(x):
    return tf.image.flip_left_right(tf.ensure_shape(x, [None, 2, 2, 1]))


def test_functions_that_fail_are_named():
    network = snt.Sequential([snt.Linear(4), tf.nn.relu, snt.Linear(3)])
    network(tf.constant(_inputs()))
    network._layers[1] = _needs_images
    with pytest.raises(
        ValueError, match=rf"{RULE} .* whose _needs_images fails on what it is"
    ) as e:
        activations(network, _inputs())
    assert "{{" not in str(e.value)


def test_outputs_that_are_not_finite():
    network = _built(Own(), _inputs())
    network.layers[-1].b.assign([0.0, np.nan, 0.0])
    with pytest.raises(
        ValueError, match=r"^network must have finite outputs, got Own with 30 that"
    ):
        activations(network, _inputs())


@pytest.mark.parametrize("make", [NETWORKS["MLP"], NETWORKS["Sequential"], Own])
def test_inputs_of_another_kind_than_the_network_has_seen(make):
    network = _built(make(), _inputs(dtype=np.float32))
    dense = r"the first dense layer"
    with pytest.raises(
        ValueError, match=rf"^inputs must come to {dense} as \[n, 12\], as at the .* \(4, 5\)$"
    ):
        activations(network, _inputs(4, 5, np.float32))
    with pytest.raises(
        ValueError, match=rf"^inputs must be float32, as the weights of {dense}, got float64 "
    ):
        activations(network, _inputs())
    for value in (np.nan, -np.inf):
        inputs = _inputs(dtype=np.float32)
        inputs[2, 3] = value
        with pytest.raises(ValueError, match=r"^inputs must be finite, got 1 that are not$"):
            activations(network, inputs)


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


def test_a_network_that_offers_its_layers_is_known_by_them():
    class Offering(snt.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = snt.Linear(5), snt.Linear(3)

        def unroll(self):
            return [self.first, tf.nn.relu, self.second]

        def __call__(self, inputs):
            return self.second(tf.nn.relu(self.first(inputs)))

    x = _inputs()
    network = _built(Offering(), x)
    assert dense_layers(network) == [network.first, network.second]
    (hidden,) = activations(network, x)
    np.testing.assert_allclose(hidden, tf.nn.relu(network.first(tf.constant(x))))
