"""New networks, drawn from the covariances of a trained network's weights."""

import copy
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.analysis.alignment import procrustes
from weirdonetworks.analysis.networks import activations, dense_layers


def sample_network(
    reference: snt.Module, inputs: Any, seed: int = 0, coloured: bool = True, aligned: bool = True
) -> snt.Module:
    """A network like `reference` with random weights of the covariances of its layers.

    Layer by layer, from the inputs on, every unit draws its weights and its bias from

        (w, b) ~ N(0, A^T C A),    C = sum_u (w_u, b_u) (w_u, b_u)^T / out,

    where the sum is over the units of that layer of the reference, and the orthogonal A (for the
    first layer, the identity) aligns what the layer is given in the new network to what it is given
    in the reference, on the inputs: h' A^T is near h. A bias is the weight of an input that is 1
    in either network, and is not rotated. The last layer is not drawn: it is the reference's, with
    A^T in front. Everything else is copied. The reference stays as it is.

    In the limit of infinite width, a network whose layers are of this kind computes the same
    function at each draw (it is a function of kernels, which are given by C); at a finite width,
    what is lost is a measure of how far it is from that.

    inputs: [n, ...], n well above the width, for the alignment.
    seed: of the draw, an integer >= 0. With one seed, networks are drawn from the same random
      numbers, also for two references: white ones then differ in the size of their weights alone.
    coloured: if not, C is c I with the same mean of the squares of weights, and of the biases:
      random features, of which the reference only tells the size.
    aligned: if not, A is the identity in all layers, and units that mean one thing are given to
      weights that expect another.

    Source: Guth, Menard, Rochette and Mallat 2023, "A rainbow in deep network black boxes", whose
    networks have convolutions or no biases.

    Raises:
      ValueError: whatever `activations` refuses, or other arguments of the wrong kind.
    """
    generator = np.random.default_rng(_checks.integer("seed", seed, minimum=0))
    coloured, aligned = _checks.flag("coloured", coloured), _checks.flag("aligned", aligned)
    targets = activations(reference, inputs)
    network = copy.deepcopy(reference)
    *layers, head = dense_layers(network)
    rotation = None  # A^T of what the layer is given
    for number, layer in enumerate(layers):
        weights, bias = numbers(layer)
        if coloured and rotation is not None:
            weights = rotation @ weights
        weights, bias = drawn(weights, bias, generator, coloured)
        assign(layer, weights, bias)
        if aligned:
            rotation = procrustes(targets[number], activations(network, inputs)[number])
    if rotation is not None:
        weights, bias = numbers(head)
        assign(head, rotation @ weights, bias)
    return network


def refit_head(network: snt.Module, inputs: Any, labels: Any, ridge: float = 1e-3) -> snt.Module:
    """A copy of a network with a last layer that is fitted anew to labels, an integer [n] each.

    Ridge regression of the targets 1 (of the class) and 0 on the last hidden layer, with a bias:
    the least sum of |h W + b - target|^2 / n + ridge v |W|^2, v the mean variance of a hidden unit.
    Not the cross-entropy of the training, but with one solution, in closed form: to compare hidden
    layers by. Where no hidden unit varies beyond rounding, that is W = 0 and b the shares of the
    classes.

    Raises:
      ValueError: whatever `activations` refuses, a network without a hidden layer or bias, labels
        that are not integers [n] below the number of outputs, or a ridge that is not > 0.
    """
    ridge = _checks.positive("ridge", ridge)
    hidden = activations(network, inputs)
    network = copy.deepcopy(network)
    head = dense_layers(network)[-1]
    if not hidden or not head.with_bias:
        raise ValueError("network must have a hidden layer, and a bias in its last layer")
    h, classes = hidden[-1], head.w.shape[1]
    labels = np.asarray(labels)
    if labels.shape != (len(h),) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be integers of shape ({len(h)},), got {labels.dtype} {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels must be in 0 .. {classes - 1}, got {labels.min()} .. {labels.max()}"
        )
    targets = np.eye(classes)[labels]
    mean = np.mean(h, axis=0, dtype=np.float64)
    centred = (h - mean).astype(h.dtype)
    gram = (centred.T @ centred).astype(np.float64) / len(h)
    cross = (centred.T @ targets.astype(h.dtype)).astype(np.float64) / len(h)
    variance = np.trace(gram) / len(gram)
    if variance <= np.finfo(h.dtype).eps ** 2 * np.mean(mean**2):
        assign(head, np.zeros(head.w.shape), targets.mean(axis=0))
        return network
    gram += ridge * np.trace(gram) / len(gram) * np.eye(len(gram))
    weights = np.linalg.solve(gram, cross)
    assign(head, weights, targets.mean(axis=0) - mean @ weights)
    return network


def drawn(
    weights: np.ndarray, bias: np.ndarray, generator: np.random.Generator, coloured: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Random weights [in, out] and biases [out] of the covariance of these, or of their size."""
    if coloured:
        # Sums of the reference's units, with normal coefficients, have their covariance.
        mix = generator.normal(size=(len(bias), len(bias))) / np.sqrt(len(bias))
        return weights @ mix, bias @ mix
    weights = np.sqrt(np.mean(weights**2)) * generator.normal(size=weights.shape)
    return weights, np.sqrt(np.mean(bias**2)) * generator.normal(size=bias.shape)


def numbers(layer: snt.Linear) -> tuple[np.ndarray, np.ndarray]:
    """Weights [in, out] and biases [out], 0 if there are none."""
    weights = layer.w.numpy().astype(np.float64)
    bias = layer.b.numpy().astype(np.float64) if layer.with_bias else np.zeros(weights.shape[1])
    return weights, bias


def assign(layer: snt.Linear, weights: np.ndarray, bias: np.ndarray) -> None:
    layer.w.assign(tf.constant(weights, layer.w.dtype))
    if layer.with_bias:
        layer.b.assign(tf.constant(bias, layer.b.dtype))
