"""Do `inspect`, `help` and `repr` show the arguments of every class and call?"""

import copy
import inspect
import pickle

import pytest
import sonnet as snt

import weirdonetworks as wn
from tests.conformance.table import every_module, public_modules

every_class = pytest.mark.parametrize("cls", public_modules().values(), ids=lambda c: c.__name__)


def _written(cls: type) -> set[str]:
    """The names of the functions that the class itself defines."""
    return {key for key, value in vars(cls).items() if inspect.isfunction(value)}


@every_class
def test_a_class_shows_the_arguments_of_its_constructor(cls):
    constructor = list(inspect.signature(cls.__init__).parameters)
    assert list(inspect.signature(cls).parameters) == constructor[1:]
    assert constructor[-1] == "name"


@every_class
def test_a_call_shows_its_inputs(cls):
    parameters = inspect.signature(cls.__call__).parameters.values()
    assert next(iter(parameters)).name == "self"
    kinds = {parameter.kind for parameter in parameters}
    assert not kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} or (
        cls is wn.layers.Synchronous  # which passes on what its module takes
    )


@every_class
def test_methods_keep_names_and_docstrings(cls):
    for name in _written(cls) - {"__repr__"}:
        method = getattr(cls, name)
        assert method.__name__ == name
        assert method.__qualname__.endswith(f".{name}")
        assert name.startswith("_") or method.__doc__


def test_sonnet_itself_hides_them():
    assert set(inspect.signature(snt.Linear).parameters) == {"args", "kwargs"}


@pytest.mark.slow
@every_module
def test_an_instance_is_what_its_arguments_make(entry):
    module = entry.make()
    assert (
        list(inspect.signature(module).parameters)
        == list(inspect.signature(type(module).__call__).parameters)[1:]
    )
    again = type(module)(**module._arguments)
    assert repr(again) == repr(module)
    assert repr(module).startswith(f"{type(module).__name__}(")


def test_arguments_are_those_that_were_given():
    network = wn.nets.MLP(3, dropout=0.5)
    assert network._arguments == {"num_classes": 3, "dropout": 0.5}
    assert repr(network) == "MLP(num_classes=3, dropout=0.5)"
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert twin._arguments == network._arguments


def test_an_argument_that_is_a_module_is_no_second_part_of_the_network():
    network = wn.nets.MLP(3, (4,), activation=wn.layers.StochasticGELU())
    assert not any("_arguments" in str(path) for path, _ in network._flatten(with_path=True))


def test_a_class_of_somebody_else_shows_its_own():
    class Larger(wn.nets.MLP):
        def __init__(self, factor):
            super().__init__(hidden_sizes=(10 * factor,))

    assert str(inspect.signature(Larger)) == "(factor)"
    assert Larger(2)._arguments == {"factor": 2}
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'factor'"):
        Larger()
