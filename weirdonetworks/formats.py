"""Networks as files for other programs, compared with the networks where they are to run."""

import logging
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _optional, _quiet
from weirdonetworks._module import takes_is_training

__all__ = ["export"]

_TOLERANCE = 1e-5  # of the largest logit
# What the folder of a SavedModel holds.
_SAVED = {"assets", "assets.extra", "fingerprint.pb", "saved_model.pb", "variables"}

Graph = tf.types.experimental.PolymorphicFunction
Run = Callable[[np.ndarray], np.ndarray]


def export(
    network: snt.Module,
    path: str | os.PathLike,
    format: str,
    image_shape: Sequence[int] = (28, 28, 1),
) -> float:
    """Writes a network, images -> logits at inference, for batches of any size.

    What was written is read by the runtime of its format, and asked for the logits of random images
    in [0, 1], three at once and one alone. Returned is max |these logits - those of the network|,
    which must be at most 1e-5 of the largest logit; only then the file takes its place, whole or
    not at all.

    Args:
      network: or a layer, of float32 weights. Its call gets is_training=False, if it takes that.
      path: of the file, or of the folder that a SavedModel is. One that exists is replaced.
      format: "savedmodel", for `tf.saved_model.load(path)(images)`; "tflite", of LiteRT's built-in
        operations alone; "onnx". All have the signature `images` -> `logits`. The latter two need
        `pip install 'weirdonetworks[export]'`.
      image_shape: of one input: (height, width, channels), or (features,).

    Raises:
      ValueError: an unknown format, a path where something else is, inputs that the network
        refuses, operations that the format does not have (they are named), or other logits.
      ImportError: a package is missing.
      OSError: it cannot be written.

    >>> import tempfile
    >>> import tensorflow as tf
    >>> import weirdonetworks as wn
    >>> network, images = wn.nets.MLP(), tf.ones([5, 28, 28, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     difference = wn.export(network, f"{folder}/net", "savedmodel")
    ...     logits = tf.saved_model.load(f"{folder}/net")(images)
    >>> logits.shape, difference < 1e-5
    (TensorShape([5, 10]), True)
    """
    if not isinstance(network, snt.Module):
        raise ValueError(f"network must be a snt.Module, got {_checks.received(network)}")
    write, read = FORMATS[_checks.choice("format", format, FORMATS)]
    path = _free(path, format)
    shape = _checks.sizes("image_shape", image_shape, allow_empty=False)
    keywords = {"is_training": False} if takes_is_training(network) else {}

    def call(images: tf.Tensor) -> tf.Tensor:
        return network(images, **keywords)

    images = tf.random.stateless_uniform([3, *shape], seed=[0, 0]).numpy()
    logits = call(tf.constant(images)).numpy()
    function = graph(call, shape)
    function.get_concrete_function()
    with tempfile.TemporaryDirectory(".new", f".{path.name}.", path.parent) as folder:
        new = Path(folder, "network")
        try:
            with _quiet.stderr(expected=Exception):
                write(function, network, new)
                run = read(new)
                differences = [np.abs(run(images[:n]) - logits[:n]).max() for n in (3, 1)]
        except (ImportError, OSError):
            raise
        except Exception as error:  # converters and runtimes promise no types
            raise ValueError(_refusal(format, str(error))) from error
        difference, allowed = float(np.max(differences)), _TOLERANCE * np.abs(logits).max()
        if not difference <= allowed:  # NaN is not
            raise ValueError(
                f"network must have the same logits in {format}, to {allowed:.1e}, got a "
                f"difference of {difference:.1e}"
            )
        if path.is_dir():
            os.replace(path, Path(folder, "old"))
        os.replace(new, path)
    return difference


def graph(call: Callable[[tf.Tensor], tf.Tensor], shape: Sequence[int]) -> Graph:
    """images -> {"logits": call(images)}, for any number of inputs of this shape."""
    spec = tf.TensorSpec([None, *shape], name="images")
    return tf.function(lambda images: {"logits": call(images)}, input_signature=[spec])


def _free(path: str | os.PathLike, format: str) -> Path:
    """The path, where nothing is that may not be replaced."""
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"path must be in a folder that exists, got {_checks.received(str(path))}")
    folder = format == "savedmodel"
    fits = path.is_dir() and set(os.listdir(path)) <= _SAVED if folder else path.is_file()
    if path.exists() and not fits:
        raise ValueError(
            f"path must be new, or a {'SavedModel' if folder else 'file'} to replace, "
            f"got {_checks.received(str(path))}"
        )
    return path


def _refusal(format: str, error: str) -> str:
    """What is wrong, in a line."""
    missing = re.findall(r"'tf\.(\w+)' op is neither|No Op registered for (\w+)", error)
    names = sorted({first or second for first, second in missing})
    if names:
        return f"network must consist of operations that {format} has, got {', '.join(names)}"
    return f"network must be one that {format} can hold, got an error: {error.splitlines()[0]}"


def _write_saved_model(function: Graph, owner: tf.Module, path: Path) -> None:
    module = tf.Module()
    module.network = owner
    module.__call__ = tf.function(
        lambda images: function(images)["logits"], input_signature=function.input_signature
    )
    tf.saved_model.save(module, str(path), signatures=function)


def _read_saved_model(path: Path) -> Run:
    loaded = tf.saved_model.load(str(path))
    return lambda images: loaded(tf.constant(images)).numpy()


def _write_tflite(function: Graph, owner: tf.Module, path: Path) -> None:
    functions = [function.get_concrete_function()]
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions(functions, owner).convert())


def _read_tflite(path: Path) -> Run:
    litert = _optional.load("ai_edge_litert.interpreter", "export")
    run = litert.Interpreter(model_content=path.read_bytes()).get_signature_runner()
    return lambda images: run(images=images)["logits"]


def _write_onnx(function: Graph, owner: tf.Module, path: Path) -> None:
    logger = logging.getLogger("tf2onnx")  # what it says is an error for ONNX Runtime, too
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        model, _ = _optional.load("tf2onnx", "export").convert.from_function(
            function, function.input_signature
        )
    finally:
        logger.setLevel(level)
    path.write_bytes(model.SerializeToString())


def _read_onnx(path: Path) -> Run:
    onnxruntime = _optional.load("onnxruntime", "export")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # others would spin beside it
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    return lambda images: session.run(["logits"], {"images": images})[0]


class Format(NamedTuple):
    """How a graph becomes a file or a folder, with the module of its variables, and runs there."""

    write: Callable[[Graph, tf.Module, Path], None]
    read: Callable[[Path], Run]


FORMATS = {
    "savedmodel": Format(_write_saved_model, _read_saved_model),
    "tflite": Format(_write_tflite, _read_tflite),
    "onnx": Format(_write_onnx, _read_onnx),
}
