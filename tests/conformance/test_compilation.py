"""Are eager, graph and XLA-compiled execution equal, in outputs and gradients?"""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance.table import every_module


@pytest.mark.slow
@every_module
def test_compiled_equals_eager(entry):
    module = entry.built()
    function = entry.function(module)

    def outputs_and_gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
            loss = tf.reduce_sum(tf.sin(3 * y))
        return y, *tape.gradient(loss, [x, *module.trainable_variables])

    x = entry.inputs()
    graph = tf.function(outputs_and_gradients)
    xla = tf.function(lambda x: graph(x), jit_compile=True)  # traced once for both
    expected = helpers.evaluate(module, outputs_and_gradients, x)
    for name, compiled in (("graph", graph), ("XLA", xla)):
        actual = helpers.evaluate(module, compiled, x)
        for a, e in zip(actual, expected, strict=True):
            atol = 1e-5 * float(tf.reduce_max(abs(e)))
            np.testing.assert_allclose(a, e, rtol=1e-4, atol=atol, err_msg=name)
