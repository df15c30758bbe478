"""What several tests share: randomised variables, invariance, the walk through a graph."""

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from weirdonetworks.groups import ImageAction

# The head of a program that imports TensorFlow, which takes 2 s less if nobody looks for garbage.
UNCOLLECTED = "import atexit, gc; gc.disable(); atexit.register(gc.freeze)\n"

SHARED = Path(__file__).resolve().parents[2] / "shared"  # where a copy may hold original files
ORIGINALS = [
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
]


def original_files(name: str) -> Path:
    """The folder with the four files of mnist or fashion_mnist; a test without them is skipped."""
    folder = SHARED / name
    if not all((folder / file).is_file() for file in ORIGINALS):
        pytest.skip(f"the original files of {name} are not in ../shared/{name}")
    return folder


def examples(number: int) -> int:
    """How many a test generates: ten times as many with HYPOTHESIS_PROFILE=thorough."""
    return number * (10 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 1)


def randomise_zeros(module: snt.Module, stddev: float = 0.3, seed: int = 0) -> None:
    """Gives parameters that are initialised to zero, such as biases, values that matter."""
    rng = np.random.default_rng(seed)
    for variable in module.trainable_variables:
        value = variable.numpy()
        variable.assign(np.where(value == 0, stddev * rng.normal(size=value.shape), value))


def evaluate(module: snt.Module, function: Callable, inputs: tf.Tensor) -> Any:
    """function(inputs) for a function of the module, whose counts of calls are put back after."""
    variables = tf.Module.variables.fget(module)  # Sonnet's own raises where there are none yet
    state = [(v, v.numpy()) for v in variables if not v.trainable]
    outputs = function(inputs)
    for variable, value in state:
        variable.assign(value)
    return outputs


def gradients(function: Callable[..., tf.Tensor], *inputs: tf.Tensor) -> list[tf.Tensor]:
    """The gradients of the sum of function(*inputs) with respect to the inputs."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(function(*inputs))
    return tape.gradient(total, inputs)


def derivatives(function: Callable[..., tf.Tensor], x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The gradient of the sum of function(x), and the Hessian times a fixed vector."""
    vector = np.random.default_rng(3).normal(size=x.shape)
    with tf.GradientTape() as tape:
        tape.watch(x)
        (gradient,) = gradients(function, x)
    return gradient, tape.gradient(gradient, x, vector)


def invariance_error(
    function: Callable[[Any], Any], group: ImageAction, images: np.ndarray
) -> tuple[float, float]:
    """max |F(gx) - F(x)| over all g and x, and the smallest spread of an output over the x.

    The group turns the images exactly here, in numpy, without the code that is tested.
    """
    expected = np.asarray(function(images))
    error = 0.0
    for matrix in group.matrices:
        turned = turn_exactly(images, matrix)
        error = max(error, float(np.abs(np.asarray(function(turned)) - expected).max()))
    return error, float(expected.std(axis=0).min())


def assert_invariant(
    function: Callable[[Any], Any], group: ImageAction, images: np.ndarray, tolerance: float
) -> None:
    """F(gx) = F(x) within the tolerance, for outputs that are not constant in x."""
    error, spread = invariance_error(function, group, images)
    assert spread > 100 * tolerance, f"outputs are constant: spread {spread}"
    assert error <= tolerance, f"max |F(gx) - F(x)| = {error}"


def differing_bits(function: Callable[[Any], Any], group: ImageAction, images: np.ndarray) -> int:
    """How many numbers of F(gx), float32, are not those of F(x) to the bit, over all g and x."""
    expected = np.asarray(function(images)).view(np.uint32)
    turned = [np.asarray(function(turn_exactly(images, m))).view(np.uint32) for m in group.matrices]
    return sum(int(np.sum(bits != expected)) for bits in turned)


def turn_exactly(images: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Images [batch, n, n, ...] moved by a matrix of the symmetries of the square, with numpy."""
    turned = images
    turns = matrix
    if np.linalg.det(matrix) < 0:  # matrix = turn @ flip
        turned, turns = turned[:, :, ::-1], matrix @ np.diag([-1, 1])
    degrees = np.rad2deg(np.arctan2(turns[1, 0], turns[0, 0]))
    quarters = round(degrees / 90)
    assert abs(degrees - 90 * quarters) < 1e-9, "not a symmetry of the square"
    return np.rot90(turned, quarters, axes=(1, 2)).copy()


class Op(NamedTuple):
    """An operation of a graph; sizes holds the number of elements of each output, per image."""

    type: str
    sizes: tuple[int, ...]


def graph_ops(function: Callable, *specs: tf.TensorSpec) -> list[Op]:
    """All operations of a function's graph, those of nested functions' bodies included.

    An unknown dimension, the batch, counts as one.
    """
    graph = tf.function(function, autograph=False).get_concrete_function(*specs).graph
    definition = graph.as_graph_def(add_shapes=True)
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    return [Op(node.op, _sizes(node)) for node in nodes]


def _sizes(node) -> tuple[int, ...]:
    shapes = node.attr["_output_shapes"].list.shape
    return tuple(math.prod(max(dim.size, 1) for dim in shape.dim) for shape in shapes)


def largest(ops: list[Op]) -> int:
    """The number of elements of the largest tensor, per image."""
    return max(size for op in ops for size in op.sizes)


def absolute_paths(text: str) -> list[str]:
    """The beginnings of absolute paths in a text, of any system: what depends on one machine."""
    return re.findall(r"(?:^|[\s=:,;\"'(\[])((?:~?/|[A-Za-z]:\\)\w+)", text)


def nodes_of_gradient(layer, shape: list[int | None]) -> int:
    """How many operations a float64 layer and its gradient are, those of loops once."""

    @tf.function(autograph=False)
    def gradient(x):
        with tf.GradientTape() as tape:
            y = layer(x)
        return tape.gradient(y, layer.trainable_variables)

    spec = tf.TensorSpec(shape, "float64")
    graph = gradient.get_concrete_function(spec).graph.as_graph_def()
    return len(graph.node) + sum(len(function.node_def) for function in graph.library.function)
