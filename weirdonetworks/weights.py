"""Weights of networks as safetensors files: numbers and words, no code, and a checksum."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks

__all__ = ["load_weights", "read", "save_weights"]

DTYPES = ("float16", "float32", "float64")


def save_weights(
    network: snt.Module,
    path: str | os.PathLike,
    metadata: Mapping[str, Any] | None = None,
    dtype: str | None = None,
) -> None:
    """Writes all variables of a network into one safetensors file, whole or not at all.

    The names are those of the variables, without that of the network. The file's own metadata are
    `network`, its class; `arguments`, those that it was given, if JSON can hold them; `sha256`, of
    all the rest; and `metadata`, each value of which is written as JSON unless it is a string.

    Args:
      network: one whose variables have been made, by a call.
      path: of the file, such as "net.safetensors"; one that exists is replaced.
      metadata: what else is to be known of it.
      dtype: "float16", "float32" or "float64", in which floating numbers are stored; by default
        that of each variable.

    Raises:
      ValueError: no variables yet, two of one name, an unknown dtype, or numbers that it does not
        hold.
      OSError: it cannot be written.
    """
    if dtype is not None:
        _checks.choice("dtype", dtype, DTYPES)
    tensors = {}
    for name, variable in variables(network).items():
        array = variable.numpy()
        stored = array.astype(dtype) if dtype and variable.dtype.is_floating else array
        if np.any(np.isfinite(array) & ~np.isfinite(stored)):
            raise ValueError(
                f"dtype must hold all numbers of {name}, got {_checks.received(dtype)}"
            )
        tensors[name] = np.asarray(stored, order="C")
    words = {"network": type(network).__name__, "arguments": _arguments(network)}
    words |= dict(metadata or {})
    texts = {k: word if isinstance(word, str) else json.dumps(word) for k, word in words.items()}
    texts["sha256"] = _digest(tensors, texts)
    path = Path(path)
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_bytes(safetensors.numpy.save(tensors, texts))
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def load_weights(network: snt.Module, path: str | os.PathLike) -> None:
    """Gives a network the numbers of a file that `save_weights` wrote: all of them, or none.

    A network that was not called yet is called once, if the file tells its `image_shape`.

    Raises:
      ValueError: no such file, a damaged one, or one of a network with other variables.

    >>> import tempfile
    >>> import tensorflow as tf
    >>> import weirdonetworks as wn
    >>> first, second = wn.nets.MLP(3), wn.nets.MLP(3)
    >>> x = tf.ones([1, 4])
    >>> logits, _ = first(x), second(x)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     wn.save_weights(first, f"{folder}/net.safetensors")
    ...     wn.load_weights(second, f"{folder}/net.safetensors")
    >>> bool(tf.reduce_all(second(x) == logits))
    True
    """
    tensors, metadata = read(path)
    shape = metadata.get("image_shape")
    own = variables(network, called=shape is None)
    if not own:
        network(tf.zeros([1, *shape]))
        own = variables(network)
    other = sorted(set(own) ^ set(tensors))
    other += [name for name in own if name in tensors and own[name].shape != tensors[name].shape]
    if other:
        raise ValueError(
            f"network must be the one whose weights are in {path}, {_told(metadata)}: they differ "
            f"in {', '.join(other[:3])}{', ...' if len(other) > 3 else ''}, got {one_line(network)}"
        )
    assign(own, tensors)


def read(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The numbers of a file by their names, and what it says of itself.

    Raises:
      ValueError: no such file, or one that is damaged or that `save_weights` did not write.
    """
    try:
        tensors = safetensors.numpy.load(Path(path).read_bytes())
        with safetensors.safe_open(path, framework="numpy") as file:
            texts = file.metadata() or {}
    except (OSError, safetensors.SafetensorError, KeyError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(
            f"path must be a safetensors file, got {_checks.received(str(path))} ({reason})"
        ) from error
    expected = texts.pop("sha256", None)
    if expected != _digest(tensors, texts):
        reason = "damaged" if expected else "not written by save_weights"
        raise ValueError(
            f"path must be a file of save_weights, got {_checks.received(str(path))}, which is "
            f"{reason}"
        )
    return tensors, {key: _parsed(text) for key, text in texts.items()}


def assign(variables: Mapping[str, tf.Variable], tensors: Mapping[str, np.ndarray]) -> None:
    """Gives variables the numbers of the same names."""
    for name, variable in variables.items():
        variable.assign(tensors[name].astype(variable.dtype.as_numpy_dtype))


def one_line(network: snt.Module) -> str:
    """The network and its arguments, in one line."""
    return " ".join(repr(network).split())


def variables(network: snt.Module, called: bool = True) -> dict[str, tf.Variable]:
    """The variables by their names, without that of the network itself.

    Raises:
      ValueError: no module, or one with two of one name, or with none yet, if it must be called.
    """
    if not isinstance(network, snt.Module):
        raise ValueError(f"network must be a snt.Module, got {_checks.received(network)}")
    try:
        own = network.variables
    except ValueError:  # Sonnet's, of a module without any
        own = ()
    names = [v.name.removesuffix(":0").removeprefix(f"{network.name}/") for v in own]
    if called and not names:
        raise ValueError(f"network must have been called once, got {one_line(network)}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"network must have variables of different names, got {twice!r} twice")
    return dict(zip(names, own, strict=True))


def _arguments(network: snt.Module) -> dict[str, Any]:
    """The arguments that the network was given, if JSON can hold them."""
    arguments = {k: v for k, v in getattr(network, "_arguments", {}).items() if k != "name"}
    try:
        return json.loads(json.dumps(arguments))
    except TypeError:
        return {}


def _digest(tensors: Mapping[str, np.ndarray], texts: Mapping[str, str]) -> str:
    """SHA-256 of the words, and of names, types, shapes and numbers."""
    digest = hashlib.sha256(json.dumps(dict(texts), sort_keys=True).encode())
    for name, array in sorted(tensors.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _told(metadata: Mapping[str, Any]) -> str:
    arguments = metadata.get("arguments")
    words = [f"{k}={v!r}" for k, v in arguments.items()] if isinstance(arguments, dict) else []
    return f"{metadata.get('network')}({', '.join(words)})"
