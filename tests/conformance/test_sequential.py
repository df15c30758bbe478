"""Does a module compose with others in `snt.Sequential`?"""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from tests import helpers
from tests.conformance.table import every_module


@pytest.mark.slow
@every_module
def test_a_module_is_part_of_a_sequence(entry):
    module, linear = entry.built(), snt.Linear(2)
    sequence = snt.Sequential([entry.function(module), snt.Flatten(), linear])
    x = entry.inputs()
    outputs = helpers.evaluate(module, sequence, x)
    middle = helpers.evaluate(module, entry.function(module), x)
    expected = linear(tf.reshape(middle, [4, -1]))
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@every_module
def test_a_sequence_finds_the_variables(entry):
    module = entry.make()
    sequence = snt.Sequential([module, snt.Flatten(), snt.Linear(2)])
    assert sequence(entry.inputs(), **entry.kwargs).shape == [4, 2]
    assert {id(v) for v in module.variables} < {id(v) for v in sequence.variables}
    assert len(sequence.trainable_variables) == len(module.trainable_variables) + 2
