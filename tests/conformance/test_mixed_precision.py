"""Do modules compute in half precision with weights in float32, in Sonnet's mixed precision?"""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from tests import helpers
from tests.conformance.table import every_module
from training.data import Dataset, load
from training.engine import recipe_for
from weirdonetworks import groups, layers, nets


@pytest.mark.slow
@every_module
@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 0.02), ("bfloat16", 0.15)])
def test_weights_in_float32_and_the_rest_in_half_precision(entry, dtype, tolerance):
    module, dtype = entry.built(), tf.as_dtype(dtype)
    modes = snt.mixed_precision.modes([tf.float32, dtype])
    x, function = entry.inputs(), entry.function(module)
    with pytest.MonkeyPatch.context() as patch, snt.mixed_precision.scope(dtype):
        patch.setattr(type(module), "__call__", modes(type(module).__call__))
        first = helpers.evaluate(module, function, x)  # in float32
        with tf.GradientTape() as tape:
            second = helpers.evaluate(module, function, x)
            loss = tf.reduce_sum(tf.sin(second))
        gradients = tape.gradient(loss, module.trainable_variables)
    assert first.dtype == second.dtype == tf.float32
    assert {v.dtype for v in module.trainable_variables} <= {tf.float32}
    for gradient in gradients:
        assert gradient.dtype == tf.float32 and np.all(np.isfinite(gradient))
    if module.trainable_variables:
        assert np.any(first != second), "all is computed in float32"
    np.testing.assert_allclose(second, first, atol=tolerance * np.abs(first).max())
    again = helpers.evaluate(module, function, x)  # out of the scope
    np.testing.assert_array_equal(again, first)


def test_weights_of_a_layer_of_keras_stay_as_its_policy_says():
    layer = tf.keras.layers.Dense(3, dtype="mixed_float16")
    images = tf.ones([2, 6, 6, 1])
    module = layers.Synchronous(lambda x: layer(snt.flatten(x)), groups.cyclic(4, (6, 6)))
    for _ in range(2):
        assert module(images).dtype == tf.float16
    assert {v.dtype for v in layer.trainable_variables} == {"float32"}


# Small networks, which have learnt little after 60 steps: faster, and one of four steps for 28.
FAST = {
    "dct_mlp": {},
    "patch_mlp": {},
    "mixer_mlp": {},
    "synchronous_network": {
        **{"network": "mlp", "network_args": {"hidden_sizes": (100,)}},
        **{"size": 64, "group": "cyclic2", "head_sizes": ()},
    },
    "kronecker_mlp": {},
    "row_recurrent": {"rows": 7},
    "dynamic_mlp": {"hidden_sizes": (32,)},
    "quadratic_mlp": {"rank": 64, "hidden_sizes": (64,)},
}
STEPS = {"row_attention": 100, "synchronous_mlp": 100}  # of 60


@pytest.mark.slow
def test_networks_learn_in_half_precision_with_loss_scaling():
    digits, wrong = load("mnist_5k"), {}
    for name in set(nets.list_networks()) - {"polynomial_mlp"}:  # of which quadratic_mlp is one
        single = _accuracy(name, digits, tf.float32)
        half = _accuracy(name, digits, tf.float16, scale=2.0**10)
        if single < 0.5 or abs(half - single) > 0.003:
            wrong[name] = (single, half)
    assert not wrong, wrong
    # All gradients of a loss as small as this are 0 in float16.
    assert _accuracy("mlp", digits, tf.float16, scale=2.0**-20) < 0.5


def _accuracy(name: str, digits: Dataset, dtype: tf.DType, scale: float = 1.0) -> float:
    """Of the embedded digits, after some steps by Adam on those to train on."""
    recipe = recipe_for(name, "mnist_5k")
    arguments = {k: v for k, v in recipe.network_args.items() if "dropout" not in k}
    arguments |= FAST.get(name, {})
    tf.random.set_seed(0)
    network = nets.create_network(name, **arguments)
    optimizer = snt.optimizers.Adam(recipe.learning_rate / (1 if name in FAST else 4))
    images, labels = (tf.constant(x) for x in (digits.train.images, digits.train.labels))
    batches = np.random.default_rng(0).integers(len(labels), size=(STEPS.get(name, 60), 50))

    @tf.function(autograph=False)
    def step(batch):
        with tf.GradientTape() as tape:
            logits = tf.cast(network(_scaled(tf.gather(images, batch))), tf.float32)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(labels, batch), logits)
            loss = scale * tf.reduce_mean(loss)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply([g / scale for g in gradients], network.trainable_variables)

    with pytest.MonkeyPatch.context() as patch, snt.mixed_precision.scope(dtype):
        modes = snt.mixed_precision.modes([tf.float32, tf.float16])
        patch.setattr(type(network), "__call__", modes(type(network).__call__))
        network(_scaled(images[:1]))  # makes the weights: the first call is in float32
        for batch in batches:
            step(tf.constant(batch))
        logits = tf.function(network, autograph=False)(_scaled(digits.test.images))
    return float(np.mean(np.argmax(logits, axis=1) == digits.test.labels))


def _scaled(images) -> tf.Tensor:
    return tf.cast(images, tf.float32) / 255
