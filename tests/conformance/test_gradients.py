"""Does every variable learn: has it a gradient that is finite and not zero?"""

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.table import every_module


@pytest.mark.slow
@every_module
def test_every_variable_has_a_gradient(entry):
    module = entry.built()
    x = entry.inputs(16)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(tf.sin(3 * entry.function(module)(x)))
    variables = {variable.name: variable for variable in module.trainable_variables}
    for name, gradient in tape.gradient(loss, {"inputs": x, **variables}).items():
        assert gradient is not None, name
        assert np.all(np.isfinite(gradient)), name
        assert np.any(gradient != 0), name


@pytest.mark.slow
@every_module
def test_trainable_variables_are_floating_and_others_integers(entry):
    for variable in entry.built().variables:
        assert variable.dtype == (tf.float32 if variable.trainable else tf.int32), variable.name
