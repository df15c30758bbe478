"""Is a module built from inputs of unknown batch size, and does it take any?"""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance.table import TABLE, every, every_module

pytestmark = pytest.mark.usefixtures("plain_graphs")


@pytest.mark.slow
@every_module
def test_is_built_from_an_unknown_batch(entry):
    module, function = entry.traced()
    static = function.get_concrete_function().output_shapes
    assert static[0] is None and None not in static[1:], static
    for batch in (3, 1):
        x = entry.inputs(batch)
        outputs = helpers.evaluate(module, function, x)
        assert outputs.shape == [batch, *static[1:]]
        expected = helpers.evaluate(module, entry.function(module), x)
        np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


# A mask belongs to the batch as a whole.
@pytest.mark.slow
@every([k for k in TABLE if k not in ("Dropout", "StochasticGELU")])
def test_rows_do_not_see_each_other(entry):
    function = entry.function(entry.built())
    x = entry.inputs(4)
    rows = tf.concat([function(x[i : i + 1]) for i in range(4)], axis=0)
    np.testing.assert_allclose(function(x), rows, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@every_module
def test_an_empty_batch_stays_empty(entry):
    function = entry.function(entry.built())
    assert function(entry.inputs(0)).shape == [0, *function(entry.inputs(1)).shape[1:]]
