"""Lipschitz constants: how much a network stretches differences at most, in the l2 norm."""

import functools
import math
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks._unroll import Layer, Orbit, offers, unroll
from weirdonetworks.functional.activations import ACTIVATIONS
from weirdonetworks.functional.group_activations import maxout, sort_groups
from weirdonetworks.functional.images import flatten
from weirdonetworks.functional.pooling import POOLINGS
from weirdonetworks.groups import ImageAction
from weirdonetworks.layers import (
    AutoactivationDense,
    Dropout,
    GroupDense,
    LiftDense,
    OrthogonalDense,
    Synchronous,
)

# What float64 may lose in a singular value or a sum is orders of magnitude less.
ROUND_UP = 1 + 1e-9


class Slopes(NamedTuple):
    """sup |phi'| and sup |phi''| of an activation phi, over the whole line."""

    first: float
    second: float


# phi'' of the GELU is (2 - x^2) times the normal density: phi' is largest at sqrt(2), phi'' at 0.
ACTIVATION_SLOPES: dict[str, Slopes] = {
    "identity": Slopes(1.0, 0.0),
    "gelu": Slopes(
        0.5 * (1 + math.erf(1)) + math.exp(-1) / math.sqrt(math.pi),  # 1.128904
        math.sqrt(2 / math.pi),
    ),
    "gelu_tanh": Slopes(1.1289931, math.sqrt(2 / math.pi)),  # 1.12899306866
    "relu": Slopes(1.0, math.inf),
    "silu": Slopes(1.0998394, 0.5),  # 1.09983932013
    "softplus": Slopes(1.0, 0.25),
    "tanh": Slopes(1.0, 4 / math.sqrt(27)),
    "sigmoid": Slopes(0.25, 1 / math.sqrt(108)),
}

# The same functions under TensorFlow's names, as Sonnet's own networks have them.
_TENSORFLOW = {
    "identity": tf.identity,
    "gelu": tf.nn.gelu,
    "relu": tf.nn.relu,
    "silu": tf.nn.silu,
    "softplus": tf.nn.softplus,
    "tanh": tf.tanh,
    "sigmoid": tf.sigmoid,
}


def spectral_norm(matrix) -> float:
    """The largest singular value of a matrix: sup |M x|_2 / |x|_2.

    The root of the largest eigenvalue of M^T M or M M^T, in float64 and rounded up by 1e-9 of it:
    an upper bound, where power iteration would give a lower one.

    Raises:
      ValueError: values that are not finite.
    """
    matrix = np.asarray(matrix, np.float64)
    if not np.all(np.isfinite(matrix)):
        raise ValueError("weights must be finite, got some that are not")
    # By a power of two, which rounds nothing, so that squares are neither infinite nor 0.
    exponent = int(np.frexp(np.abs(matrix).max(initial=0.0))[1])
    matrix = np.ldexp(matrix, -exponent)
    gram = matrix @ matrix.T if len(matrix) < len(matrix.T) else matrix.T @ matrix
    return ROUND_UP * float(np.ldexp(math.sqrt(max(0.0, np.linalg.eigvalsh(gram)[-1])), exponent))


def slopes(layer: Layer) -> Slopes | None:
    """Those of a named activation, ours or TensorFlow's; None for any other layer."""
    for name, known in ACTIVATION_SLOPES.items():
        if layer is ACTIVATIONS[name] or layer is _TENSORFLOW.get(name):
            return known
    return None


@functools.singledispatch
def constant(layer: Layer) -> float:
    """sup |f(x) - f(y)|_2 / |x - y|_2 of one layer, or an upper bound on it."""
    known = slopes(layer)
    if known is not None:
        return known.first
    if layer in (flatten, sort_groups, maxout):
        return 1.0
    raise ValueError(
        "net must be made of dense layers and activations of known Lipschitz constants "
        "(snt.Linear, OrthogonalDense, LiftDense, GroupDense, AutoactivationDense, "
        f"{[*ACTIVATION_SLOPES, 'sort_groups', 'maxout']}), "
        f"got the layer {layer!r}"
    )


@constant.register(snt.Flatten)
@constant.register(Dropout)  # the identity, at inference
def _(layer) -> float:
    return 1.0


def _built(layer: snt.Module) -> snt.Module:
    """Returns the layer, which must have its weights."""
    if not hasattr(layer, "w"):
        raise ValueError(f"net must have been called, so that it has weights, got {layer!r}")
    return layer


@constant.register
def _(layer: snt.Linear) -> float:
    return spectral_norm(_built(layer).w)


@constant.register
def _(layer: OrthogonalDense) -> float:
    return spectral_norm(layer.matrix())


@constant.register
def _(layer: AutoactivationDense) -> float:
    weights = _built(layer).effective_weights
    if layer.sign == "concat":
        positive, negative = tf.split(weights, 2)
        weights = positive - negative
    return spectral_norm(weights)


@constant.register
def _(layer: LiftDense) -> float:
    w = _built(layer).w
    return spectral_norm(tf.reshape(layer.group.transport(w), [w.shape[0], -1]))


@constant.register
def _(layer: GroupDense) -> float:
    return spectral_norm(layer.matrix())


class Stage(NamedTuple):
    """A layer and its Lipschitz constant."""

    layer: Layer
    constant: float


def _stages(layers: list[Layer]) -> list[Stage]:
    return [Stage(layer, constant(layer)) for layer in layers]


def _product(stages: list[Stage]) -> float:
    return math.prod(stage.constant for stage in stages)


def _compose(layers: list[Layer], x: tf.Tensor) -> tf.Tensor:
    for layer in layers:
        x = layer(x)
    return x


def pooling_constant(pooling, size: int) -> float:
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
    """A network as head(pool_g mixed(pointwise(first(g x)))), by its layers.

    first: images -> [n, |G|, m], affine: up to the first dense layer.
    pointwise: the layers that treat every g by itself; mixed: those on all of them.
    pooling: None for a network that has no group; then |G| = 1.
    """

    group: ImageAction | None
    first: Layer
    pointwise: list[Stage]
    mixed: list[Stage]
    pooling: Stage | None
    head: list[Stage]

    @property
    def after(self) -> float:
        """sup |F(x) - F(y)|_2 / |first(x) - first(y)|_2, or an upper bound on it."""
        pool = 1.0 if self.pooling is None else self.pooling.constant
        return _product(self.pointwise) * _product(self.mixed) * pool * _product(self.head)

    def bound(self, differences: np.ndarray) -> np.ndarray:
        """Bounds |F(x) - F(y)|_2 by d_g = |first(x)_g - first(y)_g|_2: [..., |G|] -> [...].

        after * (sum_g d_g^2)^(1/2); less, sqrt(|G|) * after * mean_g d_g, where nothing but the
        mean joins the elements of the group.
        """
        if self.pooling is not None and self.pooling.layer is POOLINGS["mean"] and not self.mixed:
            size = differences.shape[-1]
            return math.sqrt(size) * self.after * np.mean(differences, axis=-1)
        return self.after * np.sqrt(np.sum(np.square(differences), axis=-1))


def chain(net: Layer) -> Chain:
    """The parts of a built network.

    Raises:
      ValueError: a layer or pooling without a known constant, or an `exact` network, whose
        canonical images jump.
    """
    if isinstance(net, Synchronous):
        return _chain_of_synchronous(net)
    if not offers(net, "unroll_orbit"):
        first, rest = _split(unroll(net))
        return Chain(None, lambda x: _compose(first, x)[:, None], _stages(rest), [], None, [])
    _check_smooth(net)
    orbit = net.unroll_orbit()
    pointwise, mixed, head = map(_stages, (orbit.pointwise, orbit.mixed, orbit.head))
    return Chain(orbit.group, orbit.lift, pointwise, mixed, _pooling_stage(orbit), head)


def _chain_of_synchronous(net: Synchronous) -> Chain:
    _check_smooth(net)
    group = net.group
    first, rest = _split(unroll(net.module))

    def lift(images):
        orbit = group.apply(images)
        y = _compose(first, tf.reshape(orbit, [-1, *orbit.shape[2:]]))
        return tf.reshape(y, [-1, group.size, y.shape[1]])

    return Chain(group, lift, _stages(rest), [], _pooling_stage(net), [])


def _pooling_stage(net: Synchronous | Orbit) -> Stage:
    return Stage(net.pooling, pooling_constant(net.pooling, net.group.size))


def _check_smooth(net) -> None:
    if getattr(net, "exact", False):
        raise ValueError(
            "net must be continuous to be bounded, so with exact=False (canonical images jump from "
            f"one of the orbit to another), got {net!r}"
        )


def _split(layers: list[Layer]) -> tuple[list[Layer], list[Layer]]:
    """The affine layers up to the first dense one, and those behind it."""
    for i, layer in enumerate(layers):
        if isinstance(layer, (snt.Linear, OrthogonalDense, AutoactivationDense)):
            return layers[: i + 1], layers[i + 1 :]
        if not (layer is flatten or isinstance(layer, (snt.Flatten, Dropout))):
            break
    return [flatten], layers


def _orbit_constant(group: ImageAction) -> float:
    """The spectral norm of x -> (g x)_g."""
    pixels = math.prod(group.image_shape)
    orbits = group.transport(tf.eye(pixels, dtype=tf.float64))
    return spectral_norm(tf.reshape(orbits, [pixels, -1]))


def lipschitz_constant(net: Layer) -> float:
    """An upper bound on |F(x) - F(y)|_2 / |x - y|_2 over all inputs x != y of a built network.

    The product of its layers' constants: the largest singular value of each dense layer (see
    `spectral_norm`; of `GroupDense` and `LiftDense` as one matrix for all of the group), the
    largest slope of each activation (`ACTIVATION_SLOPES`), 1 / sqrt(|G|) for the mean over a
    group and 1 for max, logsumexp and sorted. At inference, where dropout does nothing.

    net: a dense layer, an activation of those named there (ours or TensorFlow's), `snt.nets.MLP`,
    `snt.Sequential` of such, `layers.Synchronous` of such, or a network that offers such layers:
    `unroll()`, as `nets.MLP` and `nets.AutoactivationMLP` do, or `unroll_orbit()`, as
    `nets.SynchronousMLP` does. It holds for any inputs, and is the looser the more layers there
    are.

    Source: Szegedy et al. 2013, "Intriguing properties of neural networks", section 4.3.

    Raises:
      ValueError: a layer or pooling that has no known constant (moments have none at all), or a
        network that has not been called.
    """
    if offers(net, "unroll_orbit"):
        return constant(net.unroll_orbit().lift) * chain(net).after
    if isinstance(net, Synchronous):
        _check_smooth(net)
        outside = _orbit_constant(net.group) * _pooling_stage(net).constant
        return outside * lipschitz_constant(net.module)
    return _product(_stages(unroll(net)))
