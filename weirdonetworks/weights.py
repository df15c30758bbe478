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
from weirdonetworks.layers._draws import Draws

__all__ = ["load_weights", "read", "save_weights"]

DTYPES = ("float16", "float32", "float64")
_RESERVED = "sha256"  # the key of the checksum


def save_weights(
    network: snt.Module,
    path: str | os.PathLike,
    metadata: Mapping[str, Any] | None = None,
    dtype: str | None = None,
) -> None:
    """Writes the weights of a network into one safetensors file, whole or not at all.

    These are its variables, by their names without that of the network, but for those that count
    the draws of dropout and the like. The file's own metadata are `network`, its class;
    `arguments`, those that it was given, if JSON can hold them; `sha256`, of all the rest; and
    `metadata`, which may tell the first two otherwise.

    Args:
      network: one whose variables have been made, by a call.
      path: of the file, such as "net.safetensors", in a folder that exists; one that exists is
        replaced.
      metadata: what else is to be known of it: strings, and what JSON can hold, by strings.
      dtype: "float16", "float32" or "float64", in which floating numbers are stored; by default
        that of each variable, and float32 for bfloat16, which the file cannot hold.

    Raises:
      ValueError: no variables yet, two of one name, or of a type that such files lack; other
        metadata, or some with the key "sha256"; an unknown dtype, or numbers that it does not hold;
        a path that is a folder, or in none.
      OSError: it cannot be written.
    """
    if dtype is not None:
        _checks.choice("dtype", dtype, DTYPES)
    path = _file(path)
    texts = {"network": type(network).__name__, "arguments": json.dumps(_arguments(network))}
    texts |= _texts({} if metadata is None else metadata)
    tensors = {name: _stored(name, v, dtype) for name, v in variables(network).items()}
    texts[_RESERVED] = _digest(tensors, texts)
    new = path.with_name(f".{path.name}.new")
    try:
        content = safetensors.numpy.save(tensors, texts)
    except safetensors.SafetensorError as error:
        raise ValueError(f"network must have variables that the file can hold ({error})") from error
    try:
        new.write_bytes(content)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def load_weights(network: snt.Module, path: str | os.PathLike) -> None:
    """Gives a network the numbers of a file that `save_weights` wrote: all of them, or none.

    A network that was not called yet is called once, if the file tells its `image_shape`. What
    counts the draws of dropout stays as it is.

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
        network(tf.zeros([1, *_checks.sizes(f"the image_shape of {path}", shape)]))
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
    expected = texts.pop(_RESERVED, None)
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
    """The weights by their names, without that of the network itself.

    That is, its variables but for those that decide what its `Draws` draw next.

    Raises:
      ValueError: no module, or one with two of one name, or with none yet, if it must be called.
    """
    if not isinstance(network, snt.Module):
        raise ValueError(f"network must be a snt.Module, got {_checks.received(network)}")
    try:
        own = network.variables
    except ValueError:  # Sonnet's, of a module without any
        own = ()
    draws = {id(v) for m in (network, *network.submodules) for v in _of_draws(m)}
    own = [v for v in own if id(v) not in draws]
    scope = network.name_scope.name  # with those in which it was made
    names = [v.name.removesuffix(":0").removeprefix(scope) for v in own]
    if called and not names:
        raise ValueError(f"network must have been called once, got {one_line(network)}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"network must have variables of different names, got {twice!r} twice")
    return dict(zip(names, own, strict=True))


def _of_draws(module: tf.Module) -> tuple[tf.Variable, ...]:
    return module.counters if isinstance(module, Draws) else ()


def _file(path: Any) -> Path:
    """The path of a file that may be written."""
    known = isinstance(path, str | os.PathLike)
    if not known or Path(path).is_dir() or not Path(path).parent.is_dir():
        raise ValueError(
            f"path must be a file in a folder that exists, got {_checks.received(path)}"
        )
    return Path(path)


def _stored(name: str, variable: tf.Variable, dtype: str | None) -> np.ndarray:
    """The numbers of a variable as they are written."""
    if variable.dtype == tf.bfloat16 and dtype is None:
        dtype = "float32"
    array = np.asarray(variable.numpy(), order="C")
    if dtype is None or not variable.dtype.is_floating:
        return array
    with np.errstate(over="ignore"):
        stored = array.astype(dtype)
    if np.any(np.isfinite(array) & ~np.isfinite(stored)):
        raise ValueError(f"dtype must hold all numbers of {name}, got {_checks.received(dtype)}")
    return stored


def _texts(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Metadata as a file holds them: strings as they are, if that is how they are read again."""
    if not isinstance(metadata, Mapping):
        raise ValueError(f"metadata must be a mapping, got {_checks.received(metadata)}")
    texts = {}
    for key, value in metadata.items():
        if not isinstance(key, str) or key == _RESERVED:
            raise ValueError(
                f"metadata must have strings as keys, none of them {_RESERVED!r}, "
                f"got {_checks.received(key)}"
            )
        try:
            _check_keys(value)
            plain = isinstance(value, str) and _parsed(value) == value
            texts[key] = value if plain else json.dumps(value, allow_nan=False)
            (key + texts[key]).encode()  # half a surrogate pair is no text
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                f"metadata must hold strings and what JSON can hold, got {_checks.received(key)}: "
                f"{_checks.received(value)}"
            ) from error
    return texts


def _check_keys(value: Any) -> None:
    """Raises TypeError for keys that are no strings, which `json` would make strings of."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("keys must be strings")
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            _check_keys(part)


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
    except (ValueError, RecursionError):
        return text


def _told(metadata: Mapping[str, Any]) -> str:
    arguments = metadata.get("arguments")
    words = [f"{k}={v!r}" for k, v in arguments.items()] if isinstance(arguments, dict) else []
    return f"{metadata.get('network')}({', '.join(words)})"
