"""Do threads that call a new module at once make its variables once?"""

import concurrent.futures
import sys
import threading

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from tests import helpers
from tests.conformance.table import every_class

THREADS = 4
_MOMENTS = 12  # of a first call that are looked at, at most
_SOON = 0.01  # seconds in which a call comes to the lock


@pytest.fixture
def switch_often():
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
@pytest.mark.usefixtures("switch_often")
@every_class
def test_threads_make_variables_once(entry):
    tf.random.set_seed(7)
    module = entry.make()
    found = first_calls(entry.function(module), entry.inputs())
    assert len(module.variables) == len(entry.built().variables)
    expected = helpers.evaluate(module, entry.function(module), entry.inputs())
    for outputs in found:
        if not entry.kwargs:  # those draw
            np.testing.assert_array_equal(outputs, expected)


@pytest.mark.slow
@every_class
def test_another_thread_calls_at_each_step_of_the_first_call(entry):
    """Whatever the first call has kept by then, the other one waits for the rest of it.

    Chance finds a moment between two of its steps once in many runs; here they are all looked at.
    """
    tf.random.set_seed(7)
    module, first, calls = entry.make(), [], []
    function, inputs = entry.function(module), entry.inputs()
    keep = snt.Module.__setattr__

    def keep_and_call(self, name, value):
        keep(self, name, value)
        if threading.get_ident() in first and len(calls) < _MOMENTS:
            calls.append(pool.submit(function, inputs))
            concurrent.futures.wait(calls[-1:], _SOON)  # refused by then, or behind the lock

    def call_first():
        first.append(threading.get_ident())
        function(inputs)

    # No call is made by this thread: those that share a module's name scope (TensorFlow's) leave
    # it in each other's place, and whatever is made here afterwards would carry its name.
    with concurrent.futures.ThreadPoolExecutor(_MOMENTS + 1) as pool:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(snt.Module, "__setattr__", keep_and_call)
            pool.submit(call_first).result()
        found = [call.result() for call in calls]
    assert len(module.variables) == len(entry.built().variables)
    expected = helpers.evaluate(module, function, inputs)
    for outputs in found if not entry.kwargs else ():
        np.testing.assert_array_equal(outputs, expected)
