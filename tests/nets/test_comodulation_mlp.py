"""ComodulationMLP and GatedMLP: their formulas, and what they share."""

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers
from weirdonetworks.functional import exp_iterate
from weirdonetworks.nets import ComodulationMLP, GatedMLP

X = np.random.default_rng(0).uniform(size=(6, 3, 3, 1))
BOTH = pytest.mark.parametrize("cls", [ComodulationMLP, GatedMLP])


def _built(net, images=X):
    net(images)
    helpers.randomise_zeros(net)
    return net


def _linear(layer, x) -> np.ndarray:
    return np.matmul(x, layer.w) + layer.b.numpy()


@pytest.mark.slow
@pytest.mark.parametrize("alpha, trainable", [(0.5, False), (0.25, False), (0.75, True)])
def test_comodulation_mlp(alpha, trainable):
    net = _built(ComodulationMLP(4, (5, 6), alpha, trainable))
    x = X.reshape(6, 9)
    for layer in net.layers[:2]:
        v, w = (exp_iterate(tf.constant(_linear(z, x)), alpha) for z in (layer.v, layer.w))
        x = v.numpy() * w.numpy() + layer.b.numpy()
    np.testing.assert_allclose(net(X), _linear(net.layers[2], x), rtol=1e-10)
    assert sum("theta" in v.name for v in net.trainable_variables) == (2 if trainable else 0)


@pytest.mark.slow
def test_exchanging_the_factors_of_every_layer_changes_nothing():
    for net in (_built(ComodulationMLP(4, (5, 6))), _built(GatedMLP(4, (5, 6)))):
        y = net(X).numpy()
        for layer in net.layers[:2]:
            for one, other in ((layer.v.w, layer.w.w), (layer.v.b, layer.w.b)):
                value = tf.identity(one)
                one.assign(other)
                other.assign(value)
        assert np.array_equal(net(X), y) == isinstance(net, ComodulationMLP)


@pytest.mark.parametrize("gate", ["exp", "nested", "softmax"])
def test_gated_mlp(gate):
    net = _built(GatedMLP(4, (5, 6), gate))
    x = X.reshape(6, 9)
    for layer in net.layers[:2]:
        z = _linear(layer.w, x)
        if gate == "nested":
            z = z * np.exp(_linear(layer.u, x))
        g = np.exp(z)
        x = _linear(layer.v, x) * (len(g[0]) * g / g.sum(1)[:, None] if gate == "softmax" else g)
    np.testing.assert_allclose(net(X), _linear(net.layers[2], x), rtol=1e-10)


@BOTH
def test_without_hidden_layers_logits_are_linear(cls):
    net = _built(cls(4, ()))
    np.testing.assert_allclose(net(X), _linear(net.layers[0], X.reshape(6, 9)), rtol=1e-10)


@pytest.mark.parametrize(
    "net, a_layer",
    [
        (ComodulationMLP(4, (7,)), 2 * (9 + 1) * 7 + 7),
        (ComodulationMLP(4, (7,), trainable_alpha=True), 2 * (9 + 1) * 7 + 2 * 7),
        (GatedMLP(4, (7,)), 2 * (9 + 1) * 7),
        (GatedMLP(4, (7,), "softmax"), 2 * (9 + 1) * 7),
        (GatedMLP(4, (7,), "nested"), 3 * (9 + 1) * 7),
    ],
)
def test_numbers_of_weights(net, a_layer):
    net(X)
    count = sum(v.shape.num_elements() for v in net.trainable_variables)
    assert count == a_layer + (7 + 1) * 4


@pytest.mark.slow
@BOTH
def test_hidden_outputs_start_at_the_scale(cls):
    net = cls(4, (300,), scale=0.5)
    net(X)
    x = np.random.default_rng(0).normal(size=(2000, 9))
    assert np.std(net.layers[0](x)) == pytest.approx(0.5, rel=0.4)  # nine inputs only
    assert np.std(cls(4, (300,), scale=5).layers[0](x)) > 2


@pytest.mark.slow
@BOTH
def test_dropout_in_training_only(cls):
    net = cls(4, (50, 60), dropout=0.5)
    net(X)
    counts = [v for v in net.variables if v.name.endswith("calls:0")]
    assert len(counts) == 2
    np.testing.assert_array_equal(net(X), net(X, is_training=False))
    assert np.any(net(X, is_training=True) != net(X))
    assert [int(count.numpy()) for count in counts] == [1, 1]


@pytest.mark.slow
@BOTH
def test_input_dropout_drops_pixels_in_training_only(cls):
    net = cls(4, (8,), input_dropout=0.5)
    net(X)
    assert np.any(net(X, is_training=True) != net(X))
    black = tf.zeros_like(X)
    np.testing.assert_allclose(net(black, is_training=True), net(black), rtol=1e-10)


def test_the_registry_has_both():
    assert isinstance(wn.create_network("comodulation_mlp", alpha=0.25), ComodulationMLP)
    net = wn.create_network("gated_mlp", gate="nested", hidden_sizes=(4, 3))
    assert isinstance(net, GatedMLP) and [layer.gate for layer in net.layers[:2]] == ["nested"] * 2


@pytest.mark.parametrize(
    "cls, kwargs, message",
    [
        (ComodulationMLP, {"num_classes": 0}, r"^num_classes must be an integer >= 1, got 0$"),
        (GatedMLP, {"hidden_sizes": (4, 0)}, r"^hidden_sizes\[1\] must be an integer >= 1, got 0$"),
        (ComodulationMLP, {"alpha": -0.1}, r"^alpha must be a number in \[0, 1\], got -0.1$"),
        (GatedMLP, {"gate": "half"}, r"^gate must be one of \['exp', .*\], got 'half'$"),
        (ComodulationMLP, {"scale": 0}, r"^scale must be a number in \[0.01, 10.0\], got 0$"),
        (GatedMLP, {"dropout": 1.0}, r"^dropout must be a number in \[0, 1\), got 1.0$"),
        (
            ComodulationMLP,
            {"input_dropout": -1},
            r"^input_dropout must be a number in \[0, 1\), got -1$",
        ),
    ],
)
def test_bad_arguments(cls, kwargs, message):
    with pytest.raises(ValueError, match=message):
        cls(**kwargs)


@BOTH
def test_another_size_of_image(cls):
    net = cls(4, (5,))
    net(X)
    with pytest.raises(ValueError, match="must have 9 features as at the first call, got 8"):
        net(X.reshape(6, 9)[:, :8])
