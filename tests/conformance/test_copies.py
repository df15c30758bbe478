"""Are copies and pickles equal to the module, independent of it, and good in another process?"""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

from tests import helpers
from tests.conformance.table import TABLE, every_module

_COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda module: pickle.loads(pickle.dumps(module)),
}

# Calls the modules that it finds in a file, and writes their outputs into another.
_CALL = """
import pickle, sys
with open(sys.argv[1], "rb") as file:
    calls = pickle.load(file)
outputs = {key: module(x, **kwargs).numpy() for key, (module, x, kwargs) in calls.items()}
with open(sys.argv[2], "wb") as file:
    pickle.dump(outputs, file)
"""


@pytest.mark.slow
@every_module
@pytest.mark.parametrize("copying", _COPIES)
def test_a_copy_is_equal_and_independent(entry, copying):
    module = entry.first()
    x = entry.inputs()
    twin = _COPIES[copying](module)
    assert [v.name for v in twin.variables] == [v.name for v in module.variables]
    assert [v.trainable for v in twin.variables] == [v.trainable for v in module.variables]
    expected = helpers.evaluate(module, entry.function(module), x)
    np.testing.assert_array_equal(helpers.evaluate(twin, entry.function(twin), x), expected)

    for variable in twin.trainable_variables:
        variable.assign(variable * 1.5)
    again = helpers.evaluate(module, entry.function(module), x)
    np.testing.assert_array_equal(again, expected)
    if twin.trainable_variables:
        assert np.any(helpers.evaluate(twin, entry.function(twin), x) != expected)


@pytest.mark.slow
@every_module
@pytest.mark.parametrize("copying", _COPIES)
def test_a_module_without_variables_yet_can_be_copied(entry, copying):
    twin = _COPIES[copying](entry.make())
    assert np.all(np.isfinite(entry.function(twin)(entry.inputs())))
    assert len(twin.variables) == len(entry.built().variables)


@pytest.mark.slow
def test_pickles_are_good_in_another_process(tmp_path):
    modules = {key: entry.built() for key, entry in TABLE.items()}
    calls = {k: (modules[k], e.inputs().numpy(), e.kwargs) for k, e in TABLE.items()}
    (tmp_path / "calls").write_bytes(pickle.dumps(calls))
    arguments = [str(tmp_path / "calls"), str(tmp_path / "outputs")]
    words = [sys.executable, "-c", helpers.UNCOLLECTED + _CALL, *arguments]
    subprocess.run(words, check=True, timeout=300)
    outputs = pickle.loads((tmp_path / "outputs").read_bytes())
    assert list(outputs) == list(TABLE)
    for key, entry in TABLE.items():
        expected = entry.function(modules[key])(entry.inputs())
        np.testing.assert_allclose(outputs[key], expected, rtol=1e-5, atol=1e-6, err_msg=key)
