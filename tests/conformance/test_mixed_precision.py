"""Do modules compute in half precision with weights in float32, in Sonnet's mixed precision?"""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from tests import helpers
from tests.conformance.table import every_module
from weirdonetworks import groups, layers


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
