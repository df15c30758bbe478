"""Is every bad argument of the Python API refused, soon, with an error that names it?"""

import inspect
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import training
import weirdonetworks as wn
from tests.conformance.table import public_modules
from tests.conformance.test_arguments import BAD, REQUIRED
from tests.helpers import examples
from weirdonetworks.regression import PosynomialRegressor, SignomialRegressor

SECONDS = 10

# What no argument takes, of any name; most of it is drawn anew each time.
JUNK = st.one_of(
    st.builds(object),
    st.binary(max_size=9),
    st.complex_numbers().map(lambda z: z + 1j),
    st.dictionaries(st.text(max_size=3), st.integers(), min_size=1, max_size=3),
    st.sets(st.integers(), min_size=1, max_size=3),
    st.text(max_size=9).map(lambda text: f"\x1b[31m{text}\n"),
    st.sampled_from(["x" * 20_000, "__import__('os')", -(10**400)]),
    st.just([[1.0], [1.0, 2.0]]),
    arrays.arrays(arrays.complex_number_dtypes(), arrays.array_shapes(max_dims=3)),
    arrays.arrays(arrays.unicode_string_dtypes(), arrays.array_shapes(max_dims=3)),
    st.just(np.array([object(), {}])),
    st.integers(0, 9).map(lambda n: (object() for _ in range(n + 1))),
)
# Neither, where it is no tensor.
LONG = st.sampled_from([[1.5] * 1_000_000, np.ones(1_000_000) / 3, float("nan")])
TOO_LARGE = st.sampled_from([10**400, 2**63, 10**12])
# A size that is refused where it is given: others are only at the first call, where inputs tell.
BOUNDED = {"degree", "depth"}

_ATTENTION = wn.functional.attention
KINDS = (
    "Distribution",
    "MeshPhases",
    "ParameterActivation",
    "Pursuit",
    "Squash",
)  # that functions return
TENSORS = {
    "A",
    "alpha",
    "bias",
    "displacements",
    "images",
    "inputs",
    "key",
    "keys",
    "laplacian",
    "mask",
    "matrices",
    "means",
    "patterns",
    "precisions",
    "projection",
    "queries",
    "query",
    "rates",
    "scores",
    "states",
    "sums",
    "t",
    "test",
    "thetas",
    "time",
    "totals",
    "trial",
    "value",
    "values",
    "weights",
    "x",
    "y",
    "z",
}
_X = np.linspace(0.1, 1, 8, dtype=np.float32).reshape(2, 4)
_FUNCTION = {
    "A": np.eye(4, dtype=np.float32),
    "activation": "relu",
    "alpha": np.float32(0.5),
    "bias": np.float32(0.1),
    "bits": 2,
    "columns": [0],
    "degree": 2,
    "distribution": "normal",
    "frequencies": 2,
    "grid": (2,),
    "images": np.ones((1, 4, 4, 1), np.float32),
    "inputs": _X,
    "k": 2,
    "key": _X[0],
    "keys": _X,
    "laplacian": np.zeros((2, 2), np.float32),
    "mask": np.ones(3, np.float32),
    "matrices": np.ones((1, 2, 3), np.float32),
    "means": _X,
    "name": "exp",
    "num_features": 3,
    "num_variables": 3,
    "patterns": _X,
    "pooling": "max",
    "precisions": np.stack([np.eye(4, dtype=np.float32)] * 2),
    "projection": np.ones((3, 4), np.float32),
    "queries": _X,
    "query": _X[0],
    "rows": [0],
    "scores": np.ones((2, 3, 4), np.float32),
    "shape": (1, 1),
    "size": 2,
    "squash": "tanh",
    "state": None,
    "states": _X,
    "sums": _X,
    "t": _X,
    "test": np.eye(4, 3, dtype=np.float32),
    "thetas": np.ones((1, 4, 2), np.float32),
    "totals": _X[:, 0],
    "trial": np.eye(4, 3, dtype=np.float32),
    "unitary": np.eye(3),
    "value": _X[0],
    "values": _X,
    "weights": [1.0],
    "x": _X,
    "y": _X,
    "z": np.ones((2, 4, 2), np.float32),
}
_OWN = {
    ("attention.tensor_attention", "matrices"): np.ones((1, 2, 3), np.float32),
    ("convex_combination", "values"): np.ones((2, 4, 5), np.float32),
    ("moments", "values"): _X[None],
    ("order_statistics", "values"): _X[None],
    ("simultaneous_matching_pursuit", "y"): _X.T,
}


class Case(NamedTuple):
    """A call, its good arguments, and the one that is to be bad."""

    call: Callable[..., Any]
    good: dict[str, Any]
    name: str


def _required(parameters: dict[str, inspect.Parameter]) -> list[str]:
    return [name for name, p in parameters.items() if p.default is inspect.Parameter.empty]


def _functions() -> dict[str, Callable]:
    kinds = {getattr(wn.functional, name) for name in KINDS}
    found = {name: getattr(wn.functional, name) for name in wn.functional.__all__}
    found |= {f"attention.{name}": getattr(_ATTENTION, name) for name in _ATTENTION.__all__}
    kinds |= {_ATTENTION.Kernel, _ATTENTION.LinearState}
    return {
        name: value
        for name, value in found.items()
        if (inspect.isfunction(value) or inspect.isclass(value)) and value not in kinds
    }


def _cases() -> dict[str, list[Case]]:
    """By what is called."""
    found = {}
    for name, function in _functions().items():
        parameters = dict(inspect.signature(function).parameters)
        good = {key: _OWN.get((name, key), _FUNCTION[key]) for key in _required(parameters)}
        found[name] = [Case(function, good, key) for key in parameters]
    for name, cls in public_modules().items():
        parameters = dict(inspect.signature(cls.__init__).parameters)
        names = [key for key in parameters if key not in ("self", "name")]
        good = {key: REQUIRED[key] for key in _required(parameters) if key in names}
        if names:  # a product of experts takes all that it is from its first call
            found[name] = [Case(cls, good, key) for key in names]
    for name in wn.list_networks():
        call, good = wn.create_network, {"name": name}
        names = list(inspect.signature(wn.nets.NETWORKS[name].__init__).parameters)[1:]
        found[f"create_network {name}"] = [Case(call, good, key) for key in names]
    return found


CASES = _cases()


def refused(call: Callable[[], Any], *names: str) -> None:
    """One line that names one of these, soon, as ValueError or TypeError."""
    began = time.process_time()
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    message = str(error.value)
    assert any(name in message for name in names), message
    assert message.isprintable() and len(message) < 2_000, message
    assert time.process_time() - began < SECONDS


@pytest.mark.slow
def test_the_rest_is_good():
    for cases in CASES.values():
        cases[0].call(**cases[0].good)


@pytest.mark.slow
@settings(max_examples=examples(600))
@given(data=st.data())
def test_a_bad_argument(data):
    case = data.draw(st.sampled_from(data.draw(st.sampled_from(list(CASES.values())))))
    values = JUNK if case.name in TENSORS else JUNK | LONG
    elsewhere = not case.call.__module__.startswith(_ATTENTION.__name__)  # names mean other things
    if case.name in BAD and case.name not in TENSORS and elsewhere:
        values |= st.sampled_from(BAD[case.name])
    if case.name in BOUNDED:
        values |= TOO_LARGE
    bad = data.draw(values)
    names = [case.name]
    if (case.call, case.name) == (wn.functional.get_parameter_activation, "name"):
        names = ["parameter_activation"]  # as where it is an argument of a layer
    refused(lambda: case.call(**case.good | {case.name: bad}), *names)


@pytest.mark.slow
@settings(max_examples=examples(60))
@given(argument=st.text(max_size=9) | st.sampled_from(["self", "num_class", "__class__"]))
def test_an_unknown_argument_of_a_network(argument):
    for bad in ({argument: 1}, {f"{argument}x": 1}):
        if set(bad) <= {"name", "rank", "degree"}:
            continue
        refused(lambda bad=bad: wn.create_network("mlp", **bad), "an argument of mlp", "argument")


_ROWS = np.random.default_rng(0).uniform(1, 2, (30, 2))
_TABLES = {
    "NaN": np.where(_ROWS[3, 1] == _ROWS, np.nan, _ROWS),
    "infinite": np.where(_ROWS[3, 1] == _ROWS, np.inf, _ROWS),
    "zero": 0 * _ROWS,
    "negative": -_ROWS,
    "words": _ROWS.astype(str).astype(object) + "x",
    "objects": np.full((30, 2), object()),
    "complex": _ROWS + 1j,
    "1-D": _ROWS[:, 0],
    "3-D": _ROWS[None],
    "empty": _ROWS[:0],
    "no columns": _ROWS[:, :0],
    "short": _ROWS[:7],
    "wide": np.full((30, 1_000_000), 2.0),
    "wide and random": np.random.default_rng(0).uniform(1, 2, (30, 1_000_000)),
    "None": None,
    "a word": "x",
    "a number": 3.0,
    "ragged": [[1.0], [1.0, 2.0]] * 15,
    "a dictionary": {"a": 1},
    "an object": object(),
}


@pytest.mark.slow
@pytest.mark.parametrize("cls", [PosynomialRegressor, SignomialRegressor])
def test_bad_tables_of_an_estimator(cls):
    y = _ROWS[:, 0] * _ROWS[:, 1]
    fitted = cls(num_terms=1, powers=(1,)).fit(_ROWS, y)
    for name, table in _TABLES.items():
        began = time.process_time()
        with pytest.raises((ValueError, TypeError)) as error:
            cls(max_terms=1).fit(table, y)
        assert str(error.value) and time.process_time() - began < 2, (name, error.value)
        if name == "short":
            continue
        began = time.process_time()
        with pytest.raises((ValueError, TypeError)) as error:
            fitted.predict(table)
        assert str(error.value) and time.process_time() - began < 2, (name, error.value)
    for name, target in {
        "NaN": np.where(y == y[3], np.nan, y),
        "infinite": np.where(y == y[3], np.inf, y),
        "constant": np.ones(30),
        "short": y[:7],
        "2-D": np.stack([y, y], 1),
        "words": np.array(["x"] * 30),
        "objects": np.full(30, object()),
        "complex": y + 1j,
        "empty": y[:0],
        "None": None,
        "a word": "x",
        "an object": object(),
    }.items():
        with pytest.raises((ValueError, TypeError)) as error:
            cls(max_terms=1).fit(_ROWS, target)
        assert str(error.value), name


@pytest.mark.slow
@settings(max_examples=examples(60))
@given(data=st.data())
def test_bad_arguments_of_an_estimator(data):
    cls = data.draw(st.sampled_from([PosynomialRegressor, SignomialRegressor]))
    name = data.draw(st.sampled_from(sorted(cls().get_params())))
    bad = data.draw(JUNK | LONG | (TOO_LARGE if name in ("num_terms", "max_terms") else JUNK))
    y = _ROWS[:, 0] * _ROWS[:, 1]
    refused(lambda: cls(**{"max_terms": 1, "powers": (1,), name: bad}).fit(_ROWS, y), name)


_IMAGES, _LABELS = np.zeros((40, 4, 4), np.uint8), np.arange(40) % 2
_NO_IMAGES = st.sampled_from(
    [
        *(None, "x", object(), 3, {}, [[1], [1, 2]], _IMAGES[:0], _IMAGES[0], _IMAGES / 255),
        *(_IMAGES.astype(bool), _IMAGES.astype(int), _IMAGES.astype(str), _IMAGES + 1j),
        *(_IMAGES[..., None, None], np.full(40, object()), _IMAGES[:39], float("nan")),
    ]
)
_NO_LABELS = st.sampled_from(
    [
        *(None, "x", object(), 3, {}, _LABELS[:0], _LABELS[:39], _LABELS + 0.5),
        *(np.where(_LABELS, np.nan, 0), np.where(_LABELS, np.inf, 0), _LABELS + 1j, [[]] * 40),
        *(np.full(40, object()), _LABELS[None], [None, 1] * 20, ["a", None] * 20, [[1], []] * 20),
    ]
)


@pytest.mark.slow
@settings(max_examples=examples(120))
@given(data=st.data())
def test_bad_data(data):
    name = data.draw(st.sampled_from(["images", "labels", "validation", "test", "seed", "name"]))
    junk = (JUNK | LONG).filter(lambda value: not isinstance(value, str) or name != "name")
    if name in ("validation", "test"):
        junk |= st.sampled_from([0, 1, -1, 1.5, 10**400, True, (), (_IMAGES,), (_IMAGES, None)])
        junk |= st.tuples(_NO_IMAGES, st.just(_LABELS)) | st.tuples(st.just(_IMAGES), _NO_LABELS)
    own = {"images": _NO_IMAGES, "labels": _NO_LABELS | st.just(0 * _LABELS)}  # of one class
    bad = data.draw(own.get(name, junk) | junk)
    good = {"images": _IMAGES, "labels": _LABELS}
    refused(lambda: training.Dataset.from_arrays(**good | {name: bad}), name, "images", "labels")


@pytest.fixture(scope="module")
def dataset() -> training.Dataset:
    return training.Dataset.from_arrays(_IMAGES, _LABELS)


@pytest.mark.slow
@settings(max_examples=examples(120))
@given(data=st.data())
def test_bad_arguments_of_fit(data, dataset):
    fields = ["network", "dataset", "recipe", "seed", *training.Recipe.__dataclass_fields__]
    name = data.draw(st.sampled_from(fields))
    junk = JUNK | LONG if name not in ("network_args", "step_args") else JUNK
    bad = data.draw(junk | (TOO_LARGE if name in ("epochs", "batch_size") else junk))
    good = {"network": "mlp", "dataset": dataset, "epochs": 1, "progress": False}
    # What the network or the step does not know is told in their words.
    names = {"network_args": "an argument of mlp", "step_args": "step plain"}
    refused(lambda: training.fit(**good | {name: bad}), name, names.get(name, name))


def test_an_invertible_map_is_not_asked_for():
    """Whose inverse is infinite makes NaN, no error of TensorFlow's."""
    warped = wn.functional.warp(np.ones((1, 4, 4, 1), np.float32), np.zeros((1, 2, 3), np.float32))
    assert np.all(np.isnan(warped) | (tf.convert_to_tensor(warped) == 0))
