"""Lipschitz constants: never below what is found, and of single layers what is reached."""

import numpy as np
import pytest
import scipy.linalg
import sonnet as snt
import tensorflow as tf

from tests import helpers
from weirdonetworks import functional, groups, layers, nets
from weirdonetworks.stability import lipschitz, lipschitz_constant

RNG = np.random.default_rng(0)
CYCLIC8 = groups.cyclic(8, (6, 6))


def _build(module, *shape: int):
    inputs = tf.constant(RNG.normal(size=[2, *shape]))
    module(inputs)
    helpers.randomise_zeros(module)
    return module


@pytest.mark.parametrize("name", lipschitz.ACTIVATION_SLOPES)
def test_the_slopes_of_activations_are_the_largest_there_are(name):
    x = tf.constant(np.linspace(-15, 15, 300_001))
    with tf.GradientTape() as outer:
        outer.watch(x)
        (first,) = helpers.gradients(functional.ACTIVATIONS[name], x)
    slopes = lipschitz.ACTIVATION_SLOPES[name]
    assert slopes.first * (1 - 1e-6) < np.abs(first).max() <= slopes.first
    if name == "relu":
        assert slopes.second == np.inf
        return
    second = outer.gradient(first, x, unconnected_gradients="zero")
    assert slopes.second * (1 - 1e-6) <= np.abs(second).max() <= slopes.second * (1 + 1e-12)


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("identity", tf.identity),
        ("gelu", tf.nn.gelu),
        ("relu", tf.nn.relu),
        ("silu", tf.nn.silu),
        ("silu", tf.nn.swish),
        ("softplus", tf.nn.softplus),
        ("tanh", tf.nn.tanh),
        ("sigmoid", tf.nn.sigmoid),
    ],
)
def test_activations_of_tensorflow_are_known(name, activation):
    x = tf.constant(RNG.normal(size=99))
    ours = functional.ACTIVATIONS[name]
    np.testing.assert_allclose(activation(x), ours(x), rtol=1e-6)
    net = _build(snt.nets.MLP([5, 3], activation=activation), 7)
    norms = [lipschitz.spectral_norm(linear.w) for linear in net._layers]
    expected = np.prod(norms) * lipschitz.ACTIVATION_SLOPES[name].first
    np.testing.assert_allclose(lipschitz_constant(net), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    sorted(functional.ACTIVATIONS.keys() - lipschitz.ACTIVATION_SLOPES - {"maxout", "sort_groups"}),
)
def test_activations_without_known_slopes_are_refused(name):
    net = _build(nets.MLP(3, (4, 4), name), 7)
    with pytest.raises(ValueError, match="^net must be made of dense layers and activations of"):
        lipschitz.lipschitz_constant(net)


@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (1, 5), (4, 4)])
def test_the_spectral_norm_is_the_largest_singular_value(shape):
    matrix = RNG.normal(size=shape)
    expected = scipy.linalg.svdvals(matrix)[0]
    assert expected < lipschitz.spectral_norm(matrix) < expected * (1 + 2e-9)
    assert lipschitz.spectral_norm(np.zeros(shape)) == 0


def test_weights_that_are_not_finite():
    with pytest.raises(ValueError, match=r"^weights must be finite, got some that are not"):
        lipschitz.spectral_norm([[1.0, np.nan]])


DENSE = {
    "linear": lambda: _build(snt.Linear(4), 7),
    "lift": lambda: _build(layers.LiftDense(3, CYCLIC8), 6, 6, 2),
    "group": lambda: _build(layers.GroupDense(3, CYCLIC8), 8, 2),
    "dihedral": lambda: _build(layers.GroupDense(3, "dihedral4"), 8, 2),
    **{
        sign: lambda sign=sign: _build(layers.AutoactivationDense(4, sign=sign), 7)
        for sign in ("positive", "concat", "paired", "soft")
    },
}


@pytest.mark.parametrize("name", DENSE)
def test_the_constant_of_a_dense_layer_is_reached(name):
    layer = DENSE[name]()
    shape = {"lift": (6, 6, 2), "group": (8, 2), "dihedral": (8, 2)}.get(name, (7,))
    basis = np.eye(np.prod(shape)).reshape(-1, *shape)
    matrix = np.asarray(layer(basis) - layer(np.zeros_like(basis[:1])))
    expected = scipy.linalg.svdvals(matrix.reshape(len(basis), -1))[0]
    assert expected < lipschitz_constant(layer) < expected * (1 + 1e-8)


def _sequential():
    return snt.Sequential([snt.Flatten(), snt.nets.MLP([9, 5]), functional.gelu, snt.Linear(3)])


NETS = {
    "mlp": lambda: nets.MLP(3, (9, 5)),
    "autoactivation": lambda: nets.AutoactivationMLP(3, (9,)),
    "sequential": _sequential,
    "linear": lambda: nets.MLP(3, ()),
    **{
        pooling: lambda pooling=pooling: layers.Synchronous(nets.MLP(3, (9,)), CYCLIC8, pooling)
        for pooling in ("max", "logsumexp", "sorted")
    },
    "lifted": lambda: nets.SynchronousMLP(3, (9, 5), head_sizes=(4,), group=CYCLIC8),
    "mixed": lambda: nets.SynchronousMLP(3, (9,), (5,), None, CYCLIC8, "max"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_no_two_images_are_stretched_more(name):
    net = _build(NETS[name](), 6, 6)
    constant = lipschitz_constant(net)
    x = tf.Variable(RNG.normal(size=[50, 6, 6]))
    direction = tf.Variable(RNG.normal(size=[50, 6, 6]))
    optimizer = snt.optimizers.Adam(0.2)

    def ascend():
        with tf.GradientTape() as tape:
            moved = tf.norm(net(x + direction) - net(x), axis=1)
            ratio = moved / tf.norm(direction, axis=[1, 2])
            loss = -tf.reduce_sum(tf.math.log(ratio + 1e-300))
        optimizer.apply(tape.gradient(loss, [x, direction]), [x, direction])
        return ratio

    random = ascend()
    for _ in range(20):
        found = ascend()
    assert np.max(random) < np.max(found) <= constant
    assert np.max(found) > constant * (0.9 if name == "linear" else 0.05)


@pytest.mark.parametrize(
    "layer", [snt.LayerNorm(1, True, True), lambda x: 2 * x, snt.BatchNorm(True, True)]
)
def test_layers_without_a_known_constant(layer):
    net = snt.Sequential([snt.Flatten(), layer])
    with pytest.raises(ValueError, match=r"^net must be made of dense layers .* got the layer"):
        lipschitz_constant(net)


@pytest.mark.parametrize(
    ("pooling", "reason"),
    [("moments", "slope"), ("concat", "not symmetric"), (lambda v: v[:, 0], "<function")],
)
def test_poolings_without_a_constant(pooling, reason):
    net = _build(nets.SynchronousMLP(3, (5,), group=CYCLIC8, pooling=pooling), 6, 6)
    message = rf"^pooling must be mean, max, logsumexp or sorted to be bounded, got .*{reason}"
    with pytest.raises(ValueError, match=message):
        lipschitz_constant(net)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nets.SynchronousMLP(3, (5,), group=groups.cyclic(4, (6, 6)), exact=True),
        lambda: layers.Synchronous(nets.MLP(3), groups.cyclic(4, (6, 6)), exact=True),
    ],
)
def test_canonical_images_jump(make):
    with pytest.raises(ValueError, match=r"^net must be continuous to be bounded, so with exact="):
        lipschitz_constant(_build(make(), 6, 6))


@pytest.mark.parametrize(
    "net",
    [
        nets.MLP(3),
        nets.AutoactivationMLP(3),
        nets.SynchronousMLP(3),
        layers.LiftDense(3),
        snt.Linear(3),
    ],
    ids=lambda net: type(net).__name__,
)
def test_a_network_that_has_not_been_called(net):
    with pytest.raises(ValueError, match="^net must have been called, so that it has weights, got"):
        lipschitz_constant(net)


class _Halved(snt.Module):
    """A network of one's own, which offers its layers."""

    def __init__(self, offered: str):
        super().__init__()
        self.layers = [snt.Linear(5), snt.Linear(3)]
        setattr(self, offered, self._layers)

    def _layers(self):
        return [self.layers[0], functional.ACTIVATIONS["tanh"], self.layers[1]]

    def __call__(self, inputs):
        return self.layers[1](tf.tanh(self.layers[0](inputs)))


def test_any_network_that_offers_its_layers_has_a_constant():
    net = _build(_Halved("unroll"), 7)
    expected = np.prod([lipschitz.spectral_norm(layer.w) for layer in net.layers])
    np.testing.assert_allclose(lipschitz_constant(net), expected)
    np.testing.assert_allclose(lipschitz_constant(snt.Sequential([net, tf.tanh])), expected)
    with pytest.raises(ValueError, match="^net must be made of dense layers and activations"):
        lipschitz_constant(_build(_Halved("parts"), 7))
    with pytest.raises(ValueError, match="^net must be made of dense layers and activations"):
        lipschitz_constant(nets.MLP)  # a class has the method, and no layers


@pytest.mark.slow
def test_what_a_network_offers_is_the_network():
    images = tf.constant(RNG.normal(size=[4, 6, 6]))
    for net in (nets.MLP(3, (9, 5)), nets.AutoactivationMLP(3, (9, 5))):
        expected, x = _build(net, 6, 6)(images), images
        for layer in net.unroll():
            x = layer(x)
        np.testing.assert_array_equal(x, expected)
    for head_sizes in (None, (4,)):
        net = nets.SynchronousMLP(3, (9, 7), (5,), head_sizes, CYCLIC8)
        expected, orbit = _build(net, 6, 6)(images), net.unroll_orbit()
        x = orbit.lift(images)
        for layer in orbit.pointwise:
            x = tf.reshape(layer(tf.reshape(x, [-1, x.shape[2]])), [4, 8, -1])
        for layer in orbit.mixed:
            over_all = isinstance(layer, layers.GroupDense)
            flat = x if over_all else tf.reshape(x, [-1, x.shape[2]])
            x = tf.reshape(layer(flat), [4, 8, -1])
        x = orbit.pooling(x)
        for layer in orbit.head:
            x = layer(x)
        np.testing.assert_allclose(x, expected, rtol=1e-12)


@pytest.mark.parametrize("size", [1e200, 1e-200, 0.0])
def test_a_bound_of_weights_of_any_size(size):
    matrix = size * np.array([[1.0, 1], [2, 3]])
    expected = size * np.linalg.svd([[1.0, 1], [2, 3]], compute_uv=False)[0]
    assert expected <= lipschitz.spectral_norm(matrix) <= expected * (1 + 1e-8)
