"""Dense layers as operators: their size, their shape, and which of them the network sees.

Layer normalisation divides by the size of what it is given. A dense layer in front of it, with its
bias, may be multiplied by any c > 0 and the network stays the same,

    LN(c (W x + b)) = LN(W x + b):

the size of the operator is normalised away, its shape is what is left: the directions, and the
singular values up to a factor. The loss is then constant along the ray c (W, b), so its gradient is
orthogonal to (W, b), and a step of plain gradient descent lengthens it, by Pythagoras:

    |(W, b) - eta g|^2 = |(W, b)|^2 + eta^2 |g|^2.

Sources: Ba, Kiros and Hinton 2016, "Layer normalization"; van Laarhoven 2017, "L2 regularization
versus batch and weight normalization"; Arora, Li and Lyu 2019, "Theoretical analysis of auto
rate-tuning by batch normalization".
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.analysis import _arrays
from weirdonetworks.analysis.covariance import effective_rank, participation_ratio, stable_rank
from weirdonetworks.analysis.networks import activations, dense_layers


class Operator(NamedTuple):
    """The size and the shape of the weights W of a dense layer, [in, out].

    Attributes:
      size: |W|_F, the root of the sum of squares.
      norm: |W|_2, the largest singular value: how much the layer stretches a vector at most.
      shape: the singular values over the size, falling; their squares sum to 1.
      effective_rank, participation_ratio, stable_rank: of the squared singular values, so that they
        are those of the covariance: functions of the shape alone.
    """

    size: float
    norm: float
    shape: np.ndarray
    effective_rank: float
    participation_ratio: float
    stable_rank: float


def operator(weights: Any) -> Operator:
    """Size and shape of weights [in, out].

    Raises:
      ValueError: weights that are all 0, no finite matrix, or so large that |W|_F is not finite.
    """
    weights = _arrays.weights(weights)
    if not weights.any():
        raise ValueError("weights must not all be 0")
    largest = np.abs(weights).max()
    # Where squares would be 0 or infinite: by a power of two, which rounds nothing.
    exponent = 0 if 1e-100 < largest < 1e100 else int(np.frexp(largest)[1])
    values = np.linalg.svd(np.ldexp(weights, -exponent), compute_uv=False)
    squares = values**2
    root = np.sqrt(np.sum(squares))
    with np.errstate(over="ignore"):
        size, norm = (float(np.ldexp(value, exponent)) for value in (root, values[0]))
    if not math.isfinite(size):
        raise ValueError(f"weights must have a finite |W|_F, got {largest:.3g} in it")
    return Operator(
        size,
        norm,
        values / root,
        effective_rank(squares),
        participation_ratio(squares),
        stable_rank(squares),
    )


def norm_product(network: snt.Module) -> float:
    """The product of the norms |W|_2 of all dense layers; 0 if the weights of one are all 0.

    A bound on how much the network stretches differences, if its activations do not (their slopes
    are at most 1, as the ReLU's); `stability.lipschitz_constant` takes others into account. With
    layer normalisation there is no such bound from norms.
    """
    layers = dense_layers(network)
    if not all(layer.w.numpy().any() for layer in layers):
        return 0.0
    return math.prod(operator(layer.w).norm for layer in layers)


def scale_response(network: snt.Module, inputs: Any, factor: float = 2.0) -> list[float]:
    """How far the outputs move when a layer, W and b, is multiplied by a factor > 0.

    |f' - f|_F / |f|_F over the inputs, for each dense layer by itself: 0 for those whose size is
    normalised away (up to the epsilon of the normalisation, and rounding), and |factor - 1| for the
    last layer of any network.

    Raises:
      ValueError: whatever `activations` refuses, a factor that is not > 0, or a network whose
        outputs are all 0.
    """
    factor = _checks.positive("factor", factor)
    inputs = _tensor_checks.floating("inputs", inputs)
    activations(network, inputs)  # for its checks
    outputs = network(inputs)
    if not np.any(outputs):
        raise ValueError(
            f"network must have outputs that are not all 0, got {type(network).__name__}"
        )
    moved = []
    for layer in dense_layers(network):
        kept = [(variable, tf.identity(variable)) for variable in layer.trainable_variables]
        try:
            for variable, value in kept:
                variable.assign(tf.cast(factor, value.dtype) * value)
            moved.append(float(tf.norm(network(inputs) - outputs) / tf.norm(outputs)))
        finally:
            for variable, value in kept:
                variable.assign(value)
    return moved


def radial_cosines(network: snt.Module, loss: Callable[[], tf.Tensor]) -> list[float]:
    """The cosine of the angle between (W, b) of each dense layer and the gradient of the loss.

    loss: a function without arguments that calls the network and returns a number. 0 for layers
    whose size is normalised away; NaN where the gradient or the layer is 0.

    Raises:
      ValueError: whatever `parts` refuses, or a loss that does not depend on a layer.
    """
    layers = dense_layers(network)
    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, [layer.trainable_variables for layer in layers])
    cosines = []
    for layer, parts in zip(layers, gradients, strict=True):
        if any(part is None for part in parts):
            raise ValueError(f"loss must depend on all layers of the network, not so {layer.name}")
        w, g = (
            np.concatenate([np.ravel(part).astype(np.float64) for part in values])
            for values in (layer.trainable_variables, parts)
        )
        sizes = np.linalg.norm(w) * np.linalg.norm(g)
        cosines.append(float(w @ g / sizes) if sizes else math.nan)
    return cosines
