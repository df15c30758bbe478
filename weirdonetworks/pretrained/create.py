"""A network with the weights that come with the library."""

import hashlib
import inspect
import json
from typing import Any

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, pretrained, weights

# What acts in training alone, and may differ from what the weights were trained with.
_FREE = ("dropout", "input_dropout", "name")


def create(
    network: type[snt.Module], name: str, key: str, num_classes: int, arguments: dict[str, Any]
) -> snt.Module:
    """See `create_network`."""
    known = pretrained.keys(name)
    if key not in known:
        there = f"one of {known}" if known else "None, as there are no weights of it"
        raise ValueError(f"pretrained must for {name} be {there}, got {_checks.received(key)}")
    path = pretrained.FOLDER / pretrained.file_name(name, key)
    row = [row for row in pretrained.table() if row["network"] == name][known.index(key)]
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
        raise ValueError(
            f"pretrained must have its file as it was published, got {_checks.received(key)}, "
            f"and {path} is {'damaged' if path.exists() else 'missing'}: install the library again"
        )
    tensors, metadata = weights.read(path)
    parameters = inspect.signature(network.__init__).parameters
    for argument, value in arguments.items():
        if argument not in parameters:
            continue  # the network says so
        trained = metadata["arguments"].get(argument, _as_json(parameters[argument].default))
        if argument not in _FREE and _as_json(value) != trained:
            raise ValueError(
                f"{argument} must be {trained!r}, as of the weights of {name} on {key}, "
                f"got {_checks.received(value)}"
            )
    module = network(num_classes=num_classes, **{**metadata["arguments"], **arguments})
    module(tf.zeros([1, *metadata["image_shape"]]))
    variables = weights.variables(module)
    if num_classes != metadata["num_classes"]:  # whatever has another shape then is the new head
        variables = {k: v for k, v in variables.items() if v.shape == tensors[k].shape}
    weights.assign(variables, tensors)
    return module


def _as_json(value: Any) -> Any:
    """The value as a file holds it; itself if none can."""
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        return value
