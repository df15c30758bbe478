"""Are names, shapes, order and number of the variables those of variables.json?"""

import pytest
import tensorflow as tf

from tests.conformance import golden
from tests.conformance.table import TABLE, every_module


def test_the_file_holds_the_table():
    assert list(golden.read()) == list(TABLE)


@pytest.mark.slow
@every_module
def test_variables_are_those_of_the_file(key):
    assert golden.description(TABLE[key]) == golden.read()[key], (
        "python -m tests.conformance.golden writes the file anew, if the change is meant"
    )


@pytest.mark.slow
@every_module
def test_names_differ(entry):
    names = [variable.name for variable in entry.built().variables]
    assert len(set(names)) == len(names)


@pytest.mark.slow
@every_module
def test_later_calls_make_no_variables(entry):
    module = entry.built()
    before = [id(variable) for variable in module.variables]
    entry.function(module)(entry.inputs())
    tf.function(entry.function(module), autograph=False).get_concrete_function(entry.spec())
    assert [id(variable) for variable in module.variables] == before
