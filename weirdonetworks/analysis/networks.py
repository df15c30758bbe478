"""Networks of dense layers in sequence: their layers, and what passes between them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._unroll import unroll
from weirdonetworks.functional.images import flatten
from weirdonetworks.layers.activation import call

_RULE = (
    "network must be dense layers (snt.Linear) in sequence, with functions of one argument "
    "between them"
)


def parts(network: snt.Module) -> list[Callable[[tf.Tensor], tf.Tensor]]:
    """The functions whose composition a network is at inference, dense layers among them.

    network: called before; `snt.nets.MLP`, `snt.Sequential`, `snt.Linear`, a network that offers
    `unroll()`, as `nets.MLP` does, or any module whose forward pass is its list `layers` with its
    `activation` between them. What is between dense layers may be trained if it has numbers and
    vectors only, as a normalisation's gains: a matrix makes it another kind of layer.

    Raises:
      ValueError: no Sonnet module, one that was never called, or one with layers or variables of
        another kind. Whether the composition is the network can be seen on inputs only: there,
        `activations` checks it.
    """
    if not isinstance(network, snt.Module):
        raise ValueError(f"network must be a Sonnet module, got {network!r}")
    found = unroll(network)
    layers, phi = getattr(network, "layers", None), getattr(network, "activation", None)
    if found == [network] and isinstance(layers, Sequence) and layers and callable(phi):
        found = [flatten, *(part for layer in layers for part in (layer, phi))][:-1]
    dense = [part for part in found if isinstance(part, snt.Linear)]
    label = type(network).__name__
    if not dense:
        raise ValueError(f"{_RULE}, got {label}")
    if not all(hasattr(layer, "w") for layer in dense):
        raise ValueError(f"network must have been called, so that it has weights, got {label}")
    modules = [part for part in found if isinstance(part, tf.Module)]
    known = {id(v) for module in modules for v in tf.Module.trainable_variables.fget(module)}
    weights = {id(v) for layer in dense for v in layer.trainable_variables}
    other = [
        v.name
        for v in network.trainable_variables
        if id(v) not in known or (id(v) not in weights and v.shape.rank > 1)
    ]
    if other:
        raise ValueError(f"{_RULE}, got {label}, which has {other[0]} besides")
    return found


def dense_layers(network: snt.Module) -> list[snt.Linear]:
    """The dense layers of a network, from the inputs to the logits; raises as `parts` does."""
    return [part for part in parts(network) if isinstance(part, snt.Linear)]


def activations(network: snt.Module, inputs: Any, batch_size: int = 1000) -> list[np.ndarray]:
    """What each dense layer but the first is given, layer by layer, [n, size] each.

    inputs: of a floating type, [n, ...], as the network takes them.

    Raises:
      ValueError: whatever `parts` refuses; no inputs, some that are not finite, or of another type
        or number of features than the first dense layer has; or a network that cannot be called
        with inputs alone, or whose outputs are not finite, or not those of the composition of its
        layers.
    """
    functions = parts(network)
    inputs = _tensor_checks.floating("inputs", inputs)
    if not inputs.shape.rank or not inputs.shape[0]:
        raise ValueError(f"inputs must be [n, ...] with n >= 1, got shape {inputs.shape}")
    if count := _not_finite(inputs):
        raise ValueError(f"inputs must be finite, got {count} that are not")
    batch_size = _checks.integer("batch_size", batch_size)
    batches: list[list[np.ndarray]] = []
    for first in range(0, inputs.shape[0], batch_size):
        x = batch = inputs[first : first + batch_size]
        given: list[tf.Tensor] = []
        for function in functions:
            if isinstance(function, snt.Linear):
                _check_given(network, function, x, first=not given)
                given.append(x)
            try:
                x = call(function, x, is_training=False)
            except (TypeError, tf.errors.InvalidArgumentError) as error:
                name = getattr(function, "__name__", type(function).__name__)
                raise ValueError(
                    f"{_RULE}, got {type(network).__name__}, whose {name} fails on what it is given"
                ) from error
        if not first:
            _check_same(network, batch, x)
        batches.append([hidden.numpy() for hidden in given[1:]])
    return [np.concatenate(hidden) for hidden in zip(*batches, strict=True)]


def _not_finite(values: tf.Tensor) -> int:
    return int(tf.math.count_nonzero(~tf.math.is_finite(values)))


def _check_given(network: snt.Module, layer: snt.Linear, x: tf.Tensor, first: bool) -> None:
    """Raises ValueError if the layer is not made for x; of the first, the inputs are to blame."""
    size, known = layer.w.shape[0], layer.w.dtype
    fits = x.shape.rank == 2 and x.shape[1] == size
    if fits and x.dtype == known:
        return
    if not first:
        raise ValueError(
            f"{_RULE}, got {type(network).__name__}: {layer.name} has weights for {known.name} "
            f"[n, {size}], and is given {x.dtype.name} {x.shape}"
        )
    if not fits:
        raise ValueError(
            f"inputs must come to the first dense layer as [n, {size}], as at the first call, "
            f"got shape {x.shape}"
        )
    raise ValueError(
        f"inputs must be {known.name}, as the weights of the first dense layer, "
        f"got {x.dtype.name} (tf.cast them)"
    )


def _check_same(network: snt.Module, inputs: tf.Tensor, outputs: tf.Tensor) -> None:
    label = type(network).__name__
    try:
        expected = network(inputs)
    except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
        # TensorFlow's own messages are of operations that the caller has not written.
        reason = "" if isinstance(error, tf.errors.OpError) else f": {error}"
        raise ValueError(
            f"network must take inputs alone (wrap it, if it wants is_training), got {label}, "
            f"which raises {type(error).__name__}{reason}"
        ) from error
    if count := _not_finite(expected):
        raise ValueError(f"network must have finite outputs, got {label} with {count} that are not")
    difference = float("inf")
    if expected.shape == outputs.shape:
        scale = float(tf.reduce_max(tf.abs(expected))) or 1.0
        difference = float(tf.reduce_max(tf.abs(expected - outputs))) / scale
    if not difference <= 1e-4:  # a NaN is no agreement either
        raise ValueError(
            f"{_RULE}, got {label}, whose outputs differ from those of the sequence by "
            f"{difference:.2g} of the largest"
        )
