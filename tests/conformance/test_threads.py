"""Do threads that call a new module at once make its variables once?"""

import concurrent.futures
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance.table import every_module

THREADS = 4


@pytest.fixture(autouse=True)
def _switch_often():
    """As after the first instruction that can be interrupted."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def first_calls(function, inputs: tf.Tensor) -> list[tf.Tensor]:
    """The outputs of threads that begin together."""
    barrier = threading.Barrier(THREADS)

    def call(_):
        barrier.wait()
        return function(inputs)

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(call, range(THREADS)))


@pytest.mark.slow
@every_module
def test_threads_make_variables_once(entry):
    tf.random.set_seed(7)
    module = entry.make()
    found = first_calls(entry.function(module), entry.inputs())
    assert len(module.variables) == len(entry.built().variables)
    expected = helpers.evaluate(module, entry.function(module), entry.inputs())
    for outputs in found:
        if not entry.kwargs:  # those draw
            np.testing.assert_array_equal(outputs, expected)
