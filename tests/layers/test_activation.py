"""Activations in networks: the stochastic GELU as a layer, and every activation in every one."""

import inspect
import itertools
import pickle

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from tests import helpers
from weirdonetworks import nets
from weirdonetworks.functional import ACTIVATIONS, gelu, stochastic_gelu
from weirdonetworks.layers.activation import (
    MODULES,
    StochasticGELU,
    activate,
    create_activation,
)
from weirdonetworks.layers.dropout import Dropout

X = tf.constant(np.random.default_rng(0).normal(size=(200, 100)), tf.float32)


def _masks(layer, calls: int, jit: bool | None = None) -> np.ndarray:
    function = layer if jit is None else tf.function(layer, jit_compile=jit, autograph=False)
    return np.stack([function(X, is_training=True).numpy() != 0 for _ in range(calls)])


@pytest.mark.slow
def test_the_mean_in_training_is_the_output_at_inference():
    layer = StochasticGELU(seed=1)
    x = tf.repeat(X[:1], 20_000, axis=0)
    y = layer(x, is_training=True).numpy()
    np.testing.assert_array_equal(np.unique(np.where(y == 0, x, y)), np.unique(X[:1]))
    phi = gelu(X[0]).numpy() / X[0].numpy()
    z = (y.mean(axis=0) - layer(X[:1], is_training=False)[0]) / np.sqrt(
        X[0] ** 2 * phi * (1 - phi) / len(y)
    )
    assert np.abs(z).max() < 5 and np.std(z) > 0.7


def test_at_inference_it_is_the_gelu_and_counts_no_calls():
    layer = StochasticGELU(seed=1)
    for x in (X, tf.cast(X, tf.float64)):
        np.testing.assert_allclose(layer(x, is_training=False), gelu(x), rtol=1e-6, atol=5e-7)
    assert layer.calls.numpy() == 0
    layer(X, is_training=True)
    assert layer.calls.numpy() == 1


@pytest.mark.slow
@pytest.mark.parametrize("jit", [None, False, True], ids=["eager", "graph", "xla"])
def test_each_call_draws_another_mask(jit):
    masks = _masks(StochasticGELU(seed=1), 4, jit)
    for one, other in itertools.combinations(masks, 2):
        assert 0.2 < np.mean(one != other) < 0.5
    np.testing.assert_array_equal(masks, _masks(StochasticGELU(seed=1), 4))


def test_the_masks_are_those_of_the_function():
    layer = StochasticGELU(seed=9)
    for call in range(2):
        np.testing.assert_array_equal(layer(X, is_training=True), stochastic_gelu(X, [9, call]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [None, 1])
def test_a_checkpoint_continues_with_the_same_masks(seed, tmp_path):
    layer = StochasticGELU(seed)
    _masks(layer, 3)
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    expected = _masks(layer, 3)
    tf.random.set_seed(99)
    resumed = StochasticGELU(seed)
    tf.train.Checkpoint(layer=resumed).restore(path)
    np.testing.assert_array_equal(_masks(resumed, 3), expected)
    assert np.any(_masks(StochasticGELU(seed), 3) != expected)


@pytest.mark.slow
def test_without_a_seed_the_global_one_decides():
    def mask(seed):
        tf.random.set_seed(seed)
        return _masks(StochasticGELU(), 1)

    np.testing.assert_array_equal(mask(1), mask(1))
    assert np.any(mask(1) != mask(2))


@pytest.mark.slow
def test_replicas_draw_different_masks():
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    replicator = snt.distribute.Replicator(devices)
    with replicator.scope():
        layer = StochasticGELU(seed=1)
        layer(X, is_training=False)
    step = tf.function(lambda: replicator.run(layer, (X, True)))
    one, other = replicator.experimental_local_results(step())
    assert 0.2 < np.mean((one != 0) != (other != 0)) < 0.5


def test_dropout_and_the_stochastic_gelu_draw_by_one_rule():
    dropout, gated = Dropout(0.5, seed=4), StochasticGELU(seed=4)
    for layer in (dropout, gated):
        layer(X, is_training=True)
        assert layer.trainable_variables == ()
        assert {v.name for v in layer.variables} == {
            f"{layer.name}/{n}:0" for n in ("key", "calls")
        }
        assert (int(layer.key), int(layer.calls)) == (4, 1)


@pytest.mark.parametrize("seed", [-1, 0.5, "1", True])
def test_bad_seeds(seed):
    with pytest.raises(ValueError, match="^seed must be an integer >= 0, got "):
        StochasticGELU(seed)


def test_inputs_must_be_floating():
    with pytest.raises(ValueError, match="^StochasticGELU inputs must be of a floating type"):
        StochasticGELU()(tf.constant([1]), is_training=True)


def test_functions_stay_what_they_are():
    for name, function in ACTIVATIONS.items():
        made = create_activation(name)
        assert made is function or type(made) is MODULES[name]
    module = snt.Linear(3)
    assert create_activation(module) is module
    assert create_activation("stochastic_gelu") is not create_activation("stochastic_gelu")


@pytest.mark.parametrize("activation", ["swish", None, 3, ["stochastic_gelu"]])
def test_what_is_no_activation(activation):
    with pytest.raises(ValueError, match="^activation must be a callable or one of "):
        create_activation(activation)


def test_a_class_is_no_activation():
    with pytest.raises(ValueError, match=r"^activation must be an instance, ReLU\(\), got the "):
        create_activation(tf.keras.layers.ReLU)
    assert nets.MLP(3, (6,), tf.keras.layers.ReLU())(tf.ones([2, 5])).shape == (2, 3)


class _Counting(snt.Module):
    takes_is_training = True

    def __init__(self):
        super().__init__()
        self.seen = []

    def __call__(self, inputs, is_training):
        self.seen.append(is_training)
        return inputs


def test_is_training_is_passed_to_those_that_want_it():
    counting = _Counting()
    for is_training in (True, False):
        activate(counting, X, is_training)
    assert list(counting.seen) == [True, False]
    dropped = activate(Dropout(0.5, seed=1), X, True)
    assert 0.4 < np.mean(dropped == 0) < 0.6
    np.testing.assert_array_equal(activate(tf.nn.relu, X, True), tf.nn.relu(X))


_SHAPE = (4, 4, 1)
# Widths that halves and groups of four divide, also what a first maxout leaves.
MAKE = {
    "mlp": lambda a: nets.MLP(3, (8, 8), a, dropout=0.1),
    "autoactivation_mlp": lambda a: nets.AutoactivationMLP(3, (8, 8), a),
    "polynomial_mlp": lambda a: nets.PolynomialMLP(3, 2, 4, (8, 8), a),
    "quadratic_mlp": lambda a: nets.QuadraticMLP(3, 4, (8, 8), a),
    "synchronous_mlp": lambda a: nets.SynchronousMLP(
        3, (8, 8), (8,), (8,), "cyclic4", activation=a, image_shape=_SHAPE[:2]
    ),
    "row_attention": lambda a: nets.RowAttention(3, 4, mlp_size=8, alpha=1.0, activation=a),
    "dynamic_mlp": lambda a: nets.DynamicMLP(3, (8, 8), activation=a),
    "dct_mlp": lambda a: nets.DCTMLP(3, 4, (8, 8), activation=a),
    "patch_mlp": lambda a: nets.PatchMLP(3, 2, None, (8, 8), (8,), activation=a),
    "mixer_mlp": lambda a: nets.MixerMLP(3, 2, 8, activation=a if a != "maxout" else "gelu"),
    "synchronous_network": lambda a: nets.SynchronousNetwork(
        3, "mlp", {"hidden_sizes": (8,)}, 8, (8,), "cyclic4", activation=a, image_shape=(4, 4)
    ),
    "hashed_mlp": lambda a: nets.HashedMLP(3, (8, 8), 4, activation=a),
    "kronecker_mlp": lambda a: nets.KroneckerMLP(3, ((8, 8), (4, 4)), activation=a),
}


def test_what_is_added_to_its_input_keeps_its_size():
    with pytest.raises(ValueError, match="^activation must keep all axes of what it is added to,"):
        nets.MixerMLP(3, 2, 8, activation="maxout")(tf.ones([2, 4, 4]))


def test_every_network_with_an_activation_is_tested():
    assert set(MAKE) == {
        name
        for name, cls in nets.NETWORKS.items()
        if "activation" in inspect.signature(cls.__init__).parameters
    }


IMAGES = tf.constant(np.random.default_rng(0).uniform(size=(5, *_SHAPE)), tf.float32)


def _built(activation, network):
    net = MAKE[network](activation)
    net(IMAGES)
    helpers.randomise_zeros(net)
    return net


def _outputs(net, images):
    with tf.GradientTape() as tape:
        logits = net(images, is_training=True)
        loss = tf.reduce_sum(tf.sin(logits))
    return [logits, net(images), *tape.gradient(loss, net.trainable_variables)]


@pytest.mark.slow
@pytest.mark.parametrize("network", MAKE)
def test_every_activation_serves_every_network(network):
    for activation in ACTIVATIONS:
        outputs = _outputs(_built(activation, network), IMAGES)
        assert all(np.all(np.isfinite(value)) for value in outputs), activation
        assert any(np.any(gradient) for gradient in outputs[2:]), activation


def _assert_compiled_equals_eager(function, net):
    expected = tf.nest.flatten(helpers.evaluate(net, function, IMAGES))
    compiled = tf.function(function, jit_compile=True, autograph=False)
    actual = tf.nest.flatten(helpers.evaluate(net, compiled, IMAGES))
    for i, (e, a) in enumerate(zip(expected, actual, strict=True)):
        np.testing.assert_allclose(a, e, rtol=1e-3, atol=1e-4, err_msg=f"output {i}")


@pytest.mark.slow
def test_every_activation_in_a_compiled_network():
    """All in one graph, as each compilation takes a while by itself."""
    together = snt.Module()
    together.nets = {name: _built(name, "mlp") for name in ACTIVATIONS}
    _assert_compiled_equals_eager(
        lambda x: {name: [net(x, is_training=True), net(x)] for name, net in together.nets.items()},
        together,
    )


# One that draws, and one that changes the width: compiling all pairs takes ten
# minutes.
@pytest.mark.slow
@pytest.mark.parametrize("activation", ["stochastic_gelu", "maxout"])
@pytest.mark.parametrize("network", MAKE)
def test_every_compiled_network_with_its_gradients(network, activation):
    net = _built(activation, network)
    _assert_compiled_equals_eager(lambda x: _outputs(net, x), net)


@pytest.mark.slow
@pytest.mark.parametrize("network", MAKE)
def test_stochastic_networks_draw_in_training_only(network):
    net, mean = (MAKE[network](name) for name in ("stochastic_gelu", "gelu"))
    net(IMAGES), mean(IMAGES)
    for mine, other in zip(net.trainable_variables, mean.trainable_variables, strict=True):
        mine.assign(other)
    np.testing.assert_array_equal(net(IMAGES), net(IMAGES))
    np.testing.assert_allclose(net(IMAGES), mean(IMAGES), rtol=1e-4, atol=1e-5)
    assert np.any(net(IMAGES, is_training=True) != net(IMAGES, is_training=True))
    other = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(other(IMAGES, is_training=True), net(IMAGES, is_training=True))


def test_other_networks_have_no_variable_more():
    plain, stochastic = nets.MLP(3, (4,)), nets.MLP(3, (4,), "stochastic_gelu")
    for net in (plain, stochastic):
        net(tf.ones([1, 5]))
    assert len(stochastic.variables) == len(plain.variables) + 2


@pytest.mark.slow
def test_a_synchronous_network_is_invariant_at_inference(digits):
    net = nets.SynchronousMLP(
        3, (8,), (8,), (8,), "cyclic4", activation="stochastic_gelu", exact=True
    )
    images = np.float32(digits)
    net(images)
    assert helpers.differing_bits(lambda x: net(x), net.group, images) == 0
    assert helpers.differing_bits(lambda x: net(x, is_training=True), net.group, images) > 0


def test_a_width_that_groups_do_not_divide():
    net = nets.MLP(3, (6, 7), "maxout")
    with pytest.raises(ValueError, match="static number of units that size=2 divides, got 7$"):
        net(tf.ones([1, 5]))


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (lambda x: x[:2], r"must keep all axes but the last of \(3, 6\), got \(2, 6\)$"),
        (tf.reduce_sum, r"must keep all axes but the last of \(3, 6\), got \(\)$"),
        (lambda x: None, "must give a tensor, got NoneType$"),
    ],
)
def test_an_activation_keeps_rows(activation, message):
    net = nets.MLP(3, (6,), activation)
    for function in (net, tf.function(nets.MLP(3, (6,), activation), autograph=False)):
        with pytest.raises(ValueError, match=f"activation {message}"):
            function(tf.ones([3, 5]))
