"""Can a module be exported as a SavedModel that computes the same, with the same gradients?"""

from collections.abc import Callable

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from tests import helpers
from tests.conformance.table import every_class

pytestmark = pytest.mark.usefixtures("plain_graphs")


@pytest.mark.slow
@every_class
def test_a_saved_model_computes_and_learns_the_same(entry, tmp_path):
    module, call = entry.traced()
    exported = snt.Module()
    exported.module = module
    exported.trained = list(module.trainable_variables)
    exported.call = call
    tf.saved_model.save(exported, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))

    x = entry.inputs()
    expected = helpers.evaluate(
        module, lambda x: _outputs_and_gradients(entry.function(module), exported.trained, x), x
    )
    actual = _outputs_and_gradients(loaded.call, loaded.trained, x)
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-5)
    assert loaded.call(entry.inputs(2)).shape == [2, *expected[0].shape[1:]]


def _outputs_and_gradients(call: Callable, trained: list, x: tf.Tensor) -> list[tf.Tensor]:
    # Sparse maps define their own gradients, which must have been saved with them.
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = call(x)
        loss = tf.reduce_sum(tf.sin(3 * y))
    return [y, *tape.gradient(loss, [x, *trained])]
