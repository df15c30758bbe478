"""Lipschitz constants: how much a network stretches differences at most, in the l2 norm."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks.functional.activations import ACTIVATIONS
from weirdonetworks.functional.pooling import POOLINGS
from weirdonetworks.groups import ImageAction
from weirdonetworks.layers import AutoactivationDense, Dropout, GroupDense, LiftDense, Synchronous
from weirdonetworks.nets.autoactivation_mlp import AutoactivationMLP
from weirdonetworks.nets.mlp import MLP, flatten
from weirdonetworks.nets.synchronous_mlp import SynchronousMLP

# What float64 may lose in a singular value or a sum is orders of magnitude less.
ROUND_UP = 1 + 1e-9

# sup |phi'|. That of the GELU is at sqrt(2), where its second derivative phi(x) (2 - x^2) vanishes.
ACTIVATION_CONSTANTS: dict[str, float] = {
    "identity": 1.0,
    "gelu": 0.5 * (1 + math.erf(1)) + math.exp(-1) / math.sqrt(math.pi),  # 1.128904
    "gelu_tanh": 1.1289931,  # 1.12899306866
    "relu": 1.0,
    "silu": 1.0998394,  # 1.09983932013
    "softplus": 1.0,
    "tanh": 1.0,
    "sigmoid": 0.25,
}

Layer = Callable[[tf.Tensor], tf.Tensor]


def spectral_norm(matrix) -> float:
    """The largest singular value of a matrix: sup |M x|_2 / |x|_2.

    By a singular value decomposition in float64, rounded up by 1e-9 of it: an upper bound, where
    power iteration would give a lower one.

    Raises:
      ValueError: values that are not finite.
    """
    matrix = np.asarray(matrix, np.float64)
    if not np.all(np.isfinite(matrix)):
        raise ValueError("weights must be finite, got some that are not")
    return ROUND_UP * float(np.linalg.norm(matrix, 2))


@functools.singledispatch
def unroll(module: Layer) -> list[Layer]:
    """The layers whose composition the module is (at inference); itself, where it is one layer."""
    return [module]


@unroll.register
def _(module: snt.Sequential) -> list[Layer]:
    return [layer for part in module._layers for layer in unroll(part)]


@unroll.register
def _(module: snt.nets.MLP) -> list[Layer]:
    layers = [layer for linear in module._layers for layer in (linear, module._activation)]
    return layers if module._activate_final else layers[:-1]


@unroll.register(MLP)
@unroll.register(AutoactivationMLP)
def _(module) -> list[Layer]:
    layers = [layer for dense in module.layers for layer in (dense, module.activation)]
    return [flatten, *layers[:-1]]


@functools.singledispatch
def _constant(layer: Layer) -> float:
    for name, constant in ACTIVATION_CONSTANTS.items():
        if layer is ACTIVATIONS[name]:
            return constant
    if layer is flatten:
        return 1.0
    raise ValueError(
        "net must be made of dense layers and activations of known Lipschitz constants "
        f"(snt.Linear, LiftDense, GroupDense, AutoactivationDense, {list(ACTIVATION_CONSTANTS)}), "
        f"got the layer {layer!r}"
    )


@_constant.register(snt.Flatten)
@_constant.register(Dropout)  # the identity, at inference
def _(layer) -> float:
    return 1.0


@_constant.register
def _(layer: snt.Linear) -> float:
    return spectral_norm(layer.w)


@_constant.register
def _(layer: AutoactivationDense) -> float:
    weights = layer.effective_weights
    if layer.sign == "concat":
        positive, negative = tf.split(weights, 2)
        weights = positive - negative
    return spectral_norm(weights)


@_constant.register
def _(layer: LiftDense) -> float:
    return spectral_norm(tf.reshape(layer.group.transport(layer.w), [layer.w.shape[0], -1]))


@_constant.register
def _(layer: GroupDense) -> float:
    return spectral_norm(layer.matrix())


def _product(layers: list[Layer]) -> float:
    return math.prod(_constant(layer) for layer in layers)


def _compose(layers: list[Layer], x: tf.Tensor) -> tf.Tensor:
    for layer in layers:
        x = layer(x)
    return x


def _pooling_constant(pooling, size: int) -> float:
    """sup |P(u) - P(v)|_2 / |u - v|_F for a pooling P of `size` elements."""
    names = [name for name, function in POOLINGS.items() if function is pooling]
    if names and names[0] in ("max", "logsumexp", "sorted"):
        return 1.0
    if names == ["mean"]:
        return 1 / math.sqrt(size)
    reason = {
        "moments": "grows without a bound on its slope",
        "concat": "is not symmetric, so that the order of the orbit matters",
    }
    known = "; ".join(f"{name} {reason[name]}" for name in names if name in reason)
    raise ValueError(
        "pooling must be mean, max, logsumexp or sorted to be bounded, "
        f"got {pooling!r}{f' ({known})' if known else ''}"
    )


class Chain(NamedTuple):
    """A network as head(pool_g mixed(pointwise(first(g x)))), in layers.

    first: images -> [n, |G|, m], up to the first dense layer; first_constant, its own constant
    in the Frobenius norm of the outputs.
    pointwise: layers that treat every g by itself; mixed: layers on all of them.
    pooling: None for a network that has no group; then |G| = 1.
    """

    group: ImageAction | None
    first: Layer
    first_constant: float
    pointwise: list[Layer]
    mixed: list[Layer]
    pooling: Layer | None
    head: list[Layer]

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        x = self.first(images)
        n, size = tf.shape(x)[0], x.shape[1]
        x = _compose(self.pointwise, tf.reshape(x, [n * size, x.shape[2]]))
        x = tf.reshape(x, [n, size, x.shape[-1]])
        for layer in self.mixed:
            x = layer(x)
        return _compose(self.head, x[:, 0] if self.pooling is None else self.pooling(x))

    def constants(self) -> "Constants":
        pool = 1.0 if self.pooling is None else _pooling_constant(self.pooling, self.group.size)
        is_mean = not self.mixed and self.pooling is POOLINGS["mean"]
        head = _product(self.head)
        after = _product(self.pointwise) * _product(self.mixed) * head
        return Constants(self.first_constant, after, pool, is_mean)


class Constants(NamedTuple):
    """What follows from the differences d_g = |first(x)_g - first(y)_g|_2 for the outputs.

    |F(x) - F(y)|_2 <= after * pool * (sum_g d_g^2)^(1/2), and, where nothing but the mean joins
    the elements of the group, <= after * mean_g d_g, which is less.
    """

    first: float
    after: float
    pool: float
    is_mean: bool

    def bound(self, differences: np.ndarray) -> np.ndarray:
        """[..., |G|] -> [...]."""
        if self.is_mean:
            return self.after * np.mean(differences, axis=-1)
        return self.after * self.pool * np.sqrt(np.sum(np.square(differences), axis=-1))


@functools.singledispatch
def chain(net: Layer) -> Chain:
    """The network in its parts.

    Raises:
      ValueError: `exact` networks, whose canonical images jump.
    """
    first, rest = _split(unroll(net))
    return Chain(None, lambda x: _compose(first, x)[:, None], _product(first), rest, [], None, [])


@chain.register
def _(net: Synchronous) -> Chain:
    _check_smooth(net)
    first, rest = _split(unroll(net.module))
    group = net.group

    def lift(images):
        orbit = group.apply(images)
        y = _compose(first, tf.reshape(orbit, [-1, *orbit.shape[2:]]))
        return tf.reshape(y, [-1, group.size, math.prod(y.shape[1:])])

    constant = _orbit_constant(group) * _product(first)
    return Chain(group, lift, constant, rest, [], net.pooling, [])


@chain.register
def _(net: SynchronousMLP) -> Chain:
    _check_smooth(net)
    phi = net.activation
    pointwise = [phi, *(layer for linear in net.layers for layer in (linear, phi))]
    mixed = [layer for mix in net.mixes for layer in (mix, phi)]
    head = []
    if net.head is not None:
        head = unroll(net.head)
    elif mixed:
        mixed.append(net.logits)
    else:
        pointwise.append(net.logits)
    return Chain(net.group, net.lift, _constant(net.lift), pointwise, mixed, net.pooling, head)


def _check_smooth(net) -> None:
    if net.exact:
        raise ValueError(
            "net must be continuous to be bounded, so with exact=False (canonical images jump from "
            f"one of the orbit to another), got {net!r}"
        )


def _split(layers: list[Layer]) -> tuple[list[Layer], list[Layer]]:
    """The layers up to the first dense one, and those behind it."""
    dense = (snt.Linear, AutoactivationDense)
    for i, layer in enumerate(layers):
        if isinstance(layer, dense):
            return layers[: i + 1], layers[i + 1 :]
    return [flatten], layers


def _orbit_constant(group: ImageAction) -> float:
    """The spectral norm of x -> (g x)_g."""
    pixels = math.prod(group.image_shape)
    orbits = group.transport(tf.eye(pixels, dtype=tf.float64))
    orbits = tf.reshape(orbits, [pixels, -1])
    gram = tf.matmul(orbits, orbits, transpose_b=True)
    return math.sqrt(spectral_norm(gram)) * ROUND_UP


def lipschitz_constant(net: Layer) -> float:
    """An upper bound on |F(x) - F(y)|_2 / |x - y|_2 over all inputs x != y of a built network.

    The product of its layers' constants: the largest singular value of each dense layer (see
    `spectral_norm`; of `GroupDense` and `LiftDense` as one matrix for all of the group), the
    largest slope of each activation (`ACTIVATION_CONSTANTS`), 1 / sqrt(|G|) for the mean over a
    group and 1 for max, logsumexp and sorted. At inference, where dropout does nothing.

    net: a dense layer, a named activation, `nets.MLP`, `nets.AutoactivationMLP`, `snt.nets.MLP`,
    `snt.Sequential` of such, `layers.Synchronous` of such, `nets.SynchronousMLP`. It holds for any
    inputs, and is the looser the more layers there are.

    Source: Szegedy et al. 2013, "Intriguing properties of neural networks", section 4.3.

    Raises:
      ValueError: a layer or pooling that has no known constant (moments have none at all).
    """
    if isinstance(net, (LiftDense, GroupDense)):
        return _constant(net)
    if not isinstance(net, (Synchronous, SynchronousMLP)):
        return _product(unroll(net))
    constants = chain(net).constants()
    return constants.first * constants.after * constants.pool
