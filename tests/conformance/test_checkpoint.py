"""Does a checkpoint restore a module to the bit?"""

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.table import every_module


@pytest.mark.slow
@every_module
def test_a_checkpoint_restores_the_module(entry, tmp_path):
    module = entry.built()
    function = entry.function(module)
    x = entry.inputs()
    function(x)  # moves what is counted, too
    path = tf.train.Checkpoint(module=module).save(str(tmp_path / "checkpoint"))
    expected = function(x)

    tf.random.set_seed(8)
    other = entry.make()
    if other_differs := bool(module.trainable_variables):
        assert np.any(entry.function(other)(x) != expected)
    status = tf.train.Checkpoint(module=other).restore(path)
    status.assert_existing_objects_matched()
    np.testing.assert_array_equal(entry.function(other)(x), expected)
    status.assert_consumed()
    assert other_differs == bool(other.trainable_variables)


@pytest.mark.slow
@every_module
def test_variables_are_restored_when_they_are_made(entry, tmp_path):
    module = entry.built()
    path = tf.train.Checkpoint(module=module).save(str(tmp_path / "checkpoint"))
    x = entry.inputs()
    expected = entry.function(module)(x)
    other = entry.make()
    tf.train.Checkpoint(module=other).restore(path)
    np.testing.assert_array_equal(entry.function(other)(x), expected)
