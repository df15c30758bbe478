"""Are eager, graph and XLA-compiled execution equal, in outputs and gradients?"""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance.table import every_module


@pytest.mark.slow
@every_module
def test_compiled_equals_eager(entry):
    module, functions = entry.compiled()
    x = entry.inputs()
    expected = helpers.evaluate(module, functions["eager"], x)
    for name in ("graph", "XLA"):
        actual = helpers.evaluate(module, functions[name], x)
        for a, e in zip(actual, expected, strict=True):
            atol = 1e-5 * float(tf.reduce_max(abs(e)))
            np.testing.assert_allclose(a, e, rtol=1e-4, atol=atol, err_msg=name)
