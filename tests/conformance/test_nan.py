"""Does a NaN show, in the row that holds it, or in all that a weight that is NaN takes part in?"""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance.table import every_module


@pytest.mark.slow
@every_module
@pytest.mark.parametrize("way", ["eager", "XLA"])
def test_nan_stays_nan(entry, way):
    if way == "eager":
        module = entry.built()
        function = entry.function(module)
    else:  # which is compiled once for its gradients and this
        module, functions = entry.compiled()
        function = lambda x: functions[way](x)[0]  # noqa: E731

    def outputs(inputs) -> np.ndarray:
        return np.array(helpers.evaluate(module, function, tf.constant(inputs)))

    x = entry.inputs().numpy()
    expected = outputs(x)
    assert np.all(np.isfinite(expected))
    spoiled = x.copy()
    spoiled[1].flat[0] = np.nan
    found = outputs(spoiled)
    assert np.any(np.isnan(found[1])), "a NaN in a row is hidden"
    np.testing.assert_array_equal(np.delete(found, 1, axis=0), np.delete(expected, 1, axis=0))
    for variable in module.trainable_variables:
        value = variable.numpy()
        spoiled = np.array(value)
        spoiled.flat[0] = np.nan
        variable.assign(spoiled)
        assert np.any(np.isnan(outputs(x))), f"a NaN in {variable.name} is hidden"
        variable.assign(value)
