"""The rotations that align two trainings of one network, and what is left."""

from typing import Any, NamedTuple

import numpy as np
import sonnet as snt

from weirdonetworks import _checks
from weirdonetworks.analysis import _arrays
from weirdonetworks.analysis.covariance import covariance_distance, weight_covariance
from weirdonetworks.analysis.networks import activations, dense_layers


def procrustes(target: Any, source: Any) -> np.ndarray:
    """The orthogonal R, [size, size], of the least |target - source R|_F, for [n, size] both.

    R = U V^T from the singular value decomposition of source^T target = U S V^T. Unique if that
    has full rank; if not (n < size), one of those that are as good.

    Source: Schoenemann 1966, "A generalized solution of the orthogonal Procrustes problem".
    """
    target, source = _pair(target, source)
    u, _, v = np.linalg.svd(source.T @ target)
    return u @ v


def residual(target: Any, source: Any) -> float:
    """|target - source|_F^2 / (|target|_F^2 + |source|_F^2), for [n, size] both.

    0 where they are equal, 1 where they are orthogonal, 2 where they are opposite. In [0, 1] with
    the source turned by the rotation that `procrustes` finds for these very arrays: then it is
    1 - 2 |source^T target|_* / (|target|_F^2 + |source|_F^2).

    Raises:
      ValueError: arrays that are not [n, size] of one shape, or both of them 0.
    """
    target, source = _pair(target, source)
    size = np.sum(target**2) + np.sum(source**2)
    if not size:
        raise ValueError("target and source must not both be 0")
    return float(np.sum((target - source) ** 2) / size)


def random_rotation(size: int, seed: int = 0) -> np.ndarray:
    """An orthogonal matrix [size, size], uniform over all of them (Haar's measure).

    Source: Mezzadri 2007, "How to generate random matrices from the classical compact groups".
    """
    generator = np.random.default_rng(_checks.integer("seed", seed, minimum=0))
    size = _checks.integer("size", size)
    q, r = np.linalg.qr(generator.normal(size=(size, size)))
    return q * np.sign(np.diag(r))


class HiddenAlignment(NamedTuple):
    """How a hidden layer of the second network is aligned to that of the first.

    Attributes:
      rotation: R, [size, size]; activations of the second times R are near those of the first.
      residual: what is left after it, see the function of that name; in [0, 1] on the inputs on
        which the rotation was fitted, in [0, 2] on others.
      unaligned: the residual without a rotation, in [0, 2].
      random: the residual after a random rotation, in [0, 2]: 1 in the mean over rotations, and the
        nearer to it, the wider the layer.

    All three are 0 where both networks give 0 only.
    """

    rotation: np.ndarray
    residual: float
    unaligned: float
    random: float


class WeightAlignment(NamedTuple):
    """How far the covariances of the weights of a layer are apart, in [0, 1]; 0 if both are 0.

    frobenius, bures: of C and R^T D R, where R aligns what the layer is given (for the first layer,
      the inputs themselves, R = I); see `covariance_distance`.
    frobenius_unaligned, bures_unaligned: of C and D.
    """

    frobenius: float
    bures: float
    frobenius_unaligned: float
    bures_unaligned: float


class NetworkAlignment(NamedTuple):
    """One entry for each hidden layer, and one for each dense layer, from the inputs on."""

    hidden: list[HiddenAlignment]
    weights: list[WeightAlignment]


def align_networks(
    first: snt.Module, second: snt.Module, inputs: Any, held_out: Any = None, seed: int = 0
) -> NetworkAlignment:
    """Aligns the hidden layers of `second` to those of `first`, layer by layer.

    inputs: [n, ...], on whose activations the rotations are fitted. With n below the size of a
    layer or near it, they fit the inputs better than what is between the networks.
    held_out: inputs on which residuals are measured; those of the fit, if there are none.
    seed: of the random rotations to compare with.

    Activations are taken as they are, with their means, as the next layer is given them. Source:
    Guth, Menard, Rochette and Mallat 2023, "A rainbow in deep network black boxes"; their residual
    is over |target|^2 alone.

    Raises:
      ValueError: networks of different classes, numbers of layers or sizes, or whatever
        `activations` refuses.
    """
    layers = _comparable(first, second)
    fitted = [activations(network, inputs) for network in (first, second)]
    measured = fitted
    if held_out is not None:
        measured = [activations(network, held_out) for network in (first, second)]
    hidden = []
    for number, (target, source) in enumerate(zip(*fitted, strict=True)):
        rotation = procrustes(target, source)
        target, source = (values[number].astype(np.float64) for values in measured)
        anything = random_rotation(len(rotation), seed + number)
        hidden.append(
            HiddenAlignment(
                rotation,
                _left(target, source @ rotation),
                _left(target, source),
                _left(target, source @ anything),
            )
        )
    rotations = [None, *(alignment.rotation for alignment in hidden)]
    weights = []
    for pair, rotation in zip(layers, rotations, strict=True):
        c, d = (weight_covariance(layer.w) for layer in pair)
        plain = turned = _distances(c, d)
        if rotation is not None:
            turned = _distances(c, rotation.T @ d @ rotation)
        weights.append(WeightAlignment(*turned, *plain))
    return NetworkAlignment(hidden, weights)


def _comparable(first: snt.Module, second: snt.Module) -> list[tuple[snt.Linear, snt.Linear]]:
    """The dense layers of two networks in pairs."""
    layers = dense_layers(first), dense_layers(second)
    if type(first) is not type(second):
        names = [type(network).__name__ for network in (first, second)]
        raise ValueError(
            f"second must be a network of the class of first, {names[0]}, got {names[1]}"
        )
    shapes = [[tuple(layer.w.shape) for layer in part] for part in layers]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"second must have weights of the shapes of first, {shapes[0]}, got {shapes[1]}"
        )
    return list(zip(*layers, strict=True))


def _left(target: np.ndarray, source: np.ndarray) -> float:
    """The residual; 0 where both are 0, as after a layer that training starts from 0."""
    return residual(target, source) if target.any() or source.any() else 0.0


def _distances(c: np.ndarray, d: np.ndarray) -> list[float]:
    """Both distances of two covariances; 0 where both are 0."""
    kinds = ("frobenius", "bures")
    return [covariance_distance(c, d, kind) if c.any() or d.any() else 0.0 for kind in kinds]


def _pair(target: Any, source: Any) -> tuple[np.ndarray, np.ndarray]:
    target = _arrays.array("target", target, 2, "[n, size]")
    source = _arrays.array("source", source, 2, "[n, size]")
    if target.shape != source.shape:
        raise ValueError(
            f"source must have the shape of target, {target.shape}, got {source.shape}"
        )
    return target, source
