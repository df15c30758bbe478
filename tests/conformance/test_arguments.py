"""Is every bad constructor argument refused, with an error that names it and its value?"""

import inspect
import math
import re

import pytest

from tests.conformance.table import public_modules
from weirdonetworks import groups, nets

_INTEGERS = [0, -1, 2.5, "3", None, True]
_SIZES = [5, "35", None, (4, 0), (2.5,), (True,)]
_RATES = [-0.1, 1, 1.5, math.nan, "0.5", None, True]
_FLAGS = [0, 1, None, "yes"]
_NAMES = ["unknown", "", 3, None, ["exp"]]

BAD = {
    "alpha": [-0.1, 1.1, math.inf, math.nan, "0.5", None, True],
    "activation": _NAMES,
    "attention": _NAMES,
    "causal": _FLAGS,
    "columns": _FLAGS,
    "compression": [0, 0.5, -1, math.inf, math.nan, "64", True, None],
    "degree": _INTEGERS,
    "depth": [0, -1, 2.5, "3", True],
    "dropout": _RATES,
    "dt": [0, -1.0, math.inf, math.nan, "1", None, True],
    "exact": _FLAGS,
    "features": _NAMES,
    "floor": [0, -1, 1e-45, math.inf, math.nan, "1"],
    "frequencies": _INTEGERS,
    "gain": [0, -1.0, math.inf, math.nan, "1", True],
    "gate": _NAMES,
    "generator": ["unknown", 3, True],
    "generator_sizes": _SIZES,
    "group": ["unknown", "", 3, None, ["cyclic4"]],
    "head_sizes": [size for size in _SIZES if size is not None],
    "heads": _INTEGERS,
    "hidden_shapes": [5, None, "3", (3, 4), ((3, 4), (3,)), ((3, 0),)],
    "hidden_size": _INTEGERS,
    "hidden_sizes": _SIZES,
    "homogeneous": _FLAGS,
    "image_shape": [(28,), (28, 28, 1), (0, 28), (28, 2.5), 28],
    "initial_alpha": [0, -1.0, 1e-5, math.inf, math.nan, "1", None],
    "input_dropout": _RATES,
    "iterations": _INTEGERS,
    "k": _INTEGERS,
    "lift_sizes": [*_SIZES, ()],
    "log_input": _FLAGS,
    "log_output": _FLAGS,
    "mix_sizes": _SIZES,
    "mlp_size": _INTEGERS,
    "module": ["unknown", 3, None],
    "multiplicative": _FLAGS,
    "network": _NAMES,
    "network_args": [3, "size", [3], {"num_classes": 3}, {"name": "f"}],
    "nonnegative_exponents": _FLAGS,
    "normalize": ["mean", 3, True],
    "num_classes": _INTEGERS,
    "num_terms": _INTEGERS,
    "num_weights": _INTEGERS,
    "output_shape": [5, None, (3,), (3, 0), (3, 2, 1)],
    "output_size": _INTEGERS,
    "parameter_activation": _NAMES,
    "patch_size": _INTEGERS,
    "patch_sizes": [*_SIZES, ()],
    "phase_noise": [-0.1, math.inf, math.nan, "0.1", None, True],
    "pooling": ["sum", "", 3, None],
    "positions": _FLAGS,
    "rank": [0, -1, 2.5, "3", True],
    "rate": _RATES,
    "repeats": _INTEGERS,
    "rows": _INTEGERS,
    "scale": [0, -1.0, math.inf, math.nan, "1", None],
    "seed": [-1, 0.5, "1", True],
    "shared_alpha": _FLAGS,
    "sign": _NAMES,
    "size": _INTEGERS,
    "squash": ["unknown", "", 3, ["tanh"]],
    "start": _NAMES,
    "steps": _INTEGERS,
    "strengths": [5.0, None, (1.0,), "12", (1.0, math.inf), (math.nan, 1.0), (True, 1.0)],
    "stride": [0, -1, 2.5, "3", True],
    "terms": _INTEGERS,
    "threshold": [math.inf, -math.inf, math.nan, "1", None, True],
    "trainable_alpha": _FLAGS,
    "unit": _NAMES,
    "units": _INTEGERS,
    "value_size": [0, -1, 2.5, "3", True],
    "weights": _NAMES,
    "widths": [5.0, None, (1.0,), "12", (1.0, 0), (math.nan, 1.0), (True, 1.0)],
    "with_bias": _FLAGS,
    "with_gate": _FLAGS,
    "with_imaginary": _FLAGS,
    "with_static": _FLAGS,
    "zero": [-0.1, 1.1, math.inf, math.nan, "0.5", None, True],
}

# What must be given.
REQUIRED = {
    "group": groups.cyclic(4, (6, 6)),
    "hidden_size": 3,
    "k": 2,
    "module": nets.MLP(3),
    "num_terms": 4,
    "num_weights": 4,
    "output_shape": (3, 2),
    "output_size": 3,
    "patch_size": 2,
    "rate": 0.5,
}


def _parameters(cls: type) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(cls.__init__).parameters)
    return {k: v for k, v in parameters.items() if k not in ("self", "name")}


def _required(cls: type) -> dict:
    empty = inspect.Parameter.empty
    return {k: REQUIRED[k] for k, p in _parameters(cls).items() if p.default is empty}


CASES = [(cls, name) for cls in public_modules().values() for name in _parameters(cls)]


def test_every_argument_has_bad_values():
    assert {name for _, name in CASES} == set(BAD)


@pytest.mark.parametrize("cls", public_modules().values(), ids=lambda cls: cls.__name__)
def test_the_rest_is_good(cls):
    assert cls(**_required(cls), name="other").name == "other"


@pytest.mark.parametrize("cls, name", CASES, ids=lambda v: getattr(v, "__name__", v))
def test_a_bad_argument(cls, name):
    for value in BAD[name]:
        with pytest.raises(ValueError) as error:
            cls(**{**_required(cls), name: value})
        message = str(error.value)
        assert re.match(rf"{name}(\[\d+\])* must ", message), message
        parts = [value]  # an element is named by its place
        for part in parts:
            parts += part if isinstance(part, tuple) else ()
        received = "|".join(re.escape(repr(part)) for part in parts)
        assert re.search(rf" got ({received})$", message), message
        assert "\n" not in message
