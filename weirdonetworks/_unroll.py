"""What a network offers to those who look inside: the layers that it is made of."""

from collections.abc import Callable
from typing import NamedTuple

import sonnet as snt
import tensorflow as tf

from weirdonetworks.functional.pooling import Pooling
from weirdonetworks.groups import ImageAction

Layer = Callable[[tf.Tensor], tf.Tensor]


class Orbit(NamedTuple):
    """A network as head(pool_g mixed(pointwise(lift(x)))), by its layers in order.

    lift: images -> [n, |G|, m], affine; pointwise: the layers that treat every g by itself; mixed:
    those on all of them; pooling: over g; head: what follows.
    """

    group: ImageAction
    lift: Layer
    pointwise: list[Layer]
    mixed: list[Layer]
    pooling: Pooling
    head: list[Layer]


def unroll(module: Layer) -> list[Layer]:
    """The layers whose composition the module is (at inference); itself, where it is one layer.

    A network offers them as its method `unroll() -> list`, without arguments; this function knows
    Sonnet's own besides. One that pools over a group offers `unroll_orbit() -> Orbit`.
    """
    if isinstance(module, snt.Sequential):
        return [layer for part in module._layers for layer in unroll(part)]
    if isinstance(module, snt.nets.MLP):
        layers = [layer for linear in module._layers for layer in (linear, module._activation)]
        return layers if module._activate_final else layers[:-1]
    return module.unroll() if offers(module, "unroll") else [module]


def offers(module: Layer, method: str) -> bool:
    """Whether a module, not its class, has the method."""
    return isinstance(module, tf.Module) and callable(getattr(module, method, None))
