"""Modules as layers of Keras 3, which trains, counts, saves and loads their variables.

Needs Keras with its TensorFlow backend: pip install 'weirdonetworks[keras]'.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, functional, groups, layers, nets
from weirdonetworks._module import takes_is_training

try:
    import keras
except ImportError as error:
    raise ImportError(
        f"weirdonetworks.keras needs {error.name}: pip install 'weirdonetworks[keras]'"
    ) from error

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "weirdonetworks.keras needs Keras on TensorFlow (KERAS_BACKEND=tensorflow), "
        f"got {keras.backend.backend()!r}"
    )

__all__ = ["Layer"]


@keras.saving.register_keras_serializable("weirdonetworks")
class Layer(keras.layers.Layer):
    """y = module(x), and the variables of the module are those of the layer.

        model = keras.Sequential([keras.Input([28, 28, 1]), wn.keras.Layer(wn.nets.MLP())])

    For any `snt.Module` of one tensor. Keras does not see the variables of a bare module, an
    attribute or what a `keras.layers.Lambda` calls: it *does not train them and loses them* without
    a word. Here they are the same in both, counted by `summary`, and in what `save_weights` and
    `save` write. A .keras file holds the class and the arguments of a public module, but no code.

    In training, a module that takes is_training gets True. `dtype` is a policy of Keras: under
    "mixed_float16" and "mixed_bfloat16" inputs and weights are cast where they are read, and
    variables stay float32. For shared weights, call one layer twice.
    """

    def __init__(self, module: snt.Module, **kwargs: Any):
        """module: one that was not called, or was, as those with `pretrained` are; kwargs: those of
        a layer of Keras: name, dtype, trainable.

        Raises ValueError for what is no module."""
        if not isinstance(module, snt.Module):
            raise ValueError(f"module must be a snt.Module, got {_checks.received(module)}")
        super().__init__(**kwargs)
        self.module = module

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Has the module make its variables, if it did not yet."""
        inputs = tf.TensorSpec([None, *input_shape[1:]], self.variable_dtype)
        trace = tf.function(self._outputs, autograph=False)  # as Keras traces layers
        trace.get_concrete_function(inputs, False)
        own = tf.Module.variables.fget(self.module)  # Sonnet's raises where there are none
        self._shared = [_Shared(variable) for variable in own]

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> tf.Tensor:
        """The outputs of the module."""
        read = {v.sonnet.ref(): v.value for v in self._shared if v.sonnet.dtype.is_floating}
        other = {ref: value for ref, value in read.items() if value is not ref.deref()}
        if not other:
            return self._outputs(inputs, bool(training))
        with snt.custom_variable_getter(lambda variable: other.get(variable.ref(), variable)):
            return self._outputs(inputs, bool(training))

    def _outputs(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
        keywords = {"is_training": is_training} if takes_is_training(self.module) else {}
        return self.module(inputs, **keywords)

    def get_config(self) -> dict[str, Any]:
        """What a .keras file holds of the layer.

        Raises ValueError for a module, or an argument of one, that is not public in the library."""
        return {**super().get_config(), "module": _encode("module", self.module)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Layer":
        """The layer of `get_config`, with new variables."""
        return super().from_config({**config, "module": _decode(config["module"])})


class _Shared(keras.Variable):
    """A variable of Keras that is one of Sonnet's: what one is assigned, the other is."""

    def __init__(self, variable: tf.Variable):
        self.sonnet = variable
        super().__init__(
            initializer=lambda shape, dtype: variable,
            shape=variable.shape,
            dtype=variable.dtype.name,
            trainable=variable.trainable,
            name=variable.name.removesuffix(":0").replace("/", "_"),
        )

    def _initialize(self, value: Any) -> None:
        self._value = self.sonnet  # in place of a new one


_MODULES = {
    name: getattr(package, name)
    for package in (layers, nets)
    for name in package.__all__
    if isinstance(getattr(package, name), type)
}
_FUNCTIONS = {name: getattr(functional, name) for name in functional.__all__}


def _encode(name: str, value: Any) -> Any:
    """An argument as JSON: numbers and words, public modules and functions, groups."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if type(value) in (list, tuple):
        return [_encode(name, part) for part in value]
    if isinstance(value, Mapping) and all(type(key) is str for key in value):
        return {"mapping": {key: _encode(name, part) for key, part in value.items()}}
    kind = type(value).__name__
    if type(value) is _MODULES.get(kind):
        arguments = {key: _encode(key, part) for key, part in value._arguments.items()}
        return {"module": kind, "arguments": arguments}
    if type(value) is groups.ImageAction:
        held = ("name", "matrices", "image_shape", "shifts", "wrap", "order")
        return {"group": {key: _encode(key, getattr(value, key)) for key in held}}
    function = getattr(value, "__name__", "")
    if value is _FUNCTIONS.get(function):
        return {"function": function}
    raise ValueError(
        f"{name} must be a public module, function or group of weirdonetworks, or numbers and "
        f"words, for a .keras file (save_weights keeps the numbers of any module), got "
        f"{_checks.received(value)}"
    )


def _decode(value: Any) -> Any:
    """The argument that `_encode` wrote; names are looked up, nothing is evaluated."""
    if isinstance(value, list):
        return [_decode(part) for part in value]
    if not isinstance(value, dict):
        return value
    if "module" in value:
        cls = _MODULES[_checks.choice("module", value["module"], _MODULES)]
        return cls(**{key: _decode(part) for key, part in value["arguments"].items()})
    if "mapping" in value:
        return {key: _decode(part) for key, part in value["mapping"].items()}
    if "group" in value:
        return groups.ImageAction(**value["group"])
    return _FUNCTIONS[_checks.choice("function", value["function"], _FUNCTIONS)]
