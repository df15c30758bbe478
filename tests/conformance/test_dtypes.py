"""Do inputs of another floating type make variables and outputs of that type?"""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance.table import every_module


@pytest.mark.slow
@every_module
def test_float64_agrees_with_float32(entry):
    single, double = entry.built("float32"), entry.built("float64")
    assert {v.dtype for v in double.trainable_variables} <= {tf.float64}
    for a, b in zip(double.trainable_variables, single.trainable_variables, strict=True):
        a.assign(tf.cast(b, tf.float64))
    x, y = (
        helpers.evaluate(module, entry.function(module), entry.inputs(dtype=dtype))
        for module, dtype in ((single, "float32"), (double, "float64"))
    )
    assert (x.dtype, y.dtype) == (tf.float32, tf.float64)
    np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)
    assert np.any(tf.cast(x, tf.float64) != y), "float64 is computed in float32"


@pytest.mark.slow
@every_module
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(entry, dtype):
    module = entry.built(dtype)
    outputs = entry.function(module)(entry.inputs(dtype=dtype))
    assert outputs.dtype == dtype
    assert {v.dtype for v in module.trainable_variables} <= {tf.as_dtype(dtype)}
    assert np.all(np.isfinite(tf.cast(outputs, tf.float32)))


@pytest.mark.slow
@pytest.mark.usefixtures("plain_graphs")
@every_module
def test_a_graph_of_float64_makes_it(entry):
    module, dtype = entry.make(), "float64"
    function = tf.function(entry.function(module), autograph=False)
    assert function(entry.inputs(dtype=dtype)).dtype == dtype
    assert {v.dtype for v in module.trainable_variables} <= {tf.as_dtype(dtype)}
