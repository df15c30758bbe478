"""Any network of the zoo, made symmetric."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._lazy import load
from weirdonetworks._module import Module
from weirdonetworks.functional.activations import Activation
from weirdonetworks.functional.pooling import Pooling
from weirdonetworks.groups import ImageAction, get_group
from weirdonetworks.layers.synchronous import Synchronous
from weirdonetworks.nets.mlp import MLP


class SynchronousNetwork(Module):
    """logits = MLP(pool_{g in G} f(g x)), one network f for all transformed images.

    Images [batch, H, W, C] or [batch, H, W] of the group's image shape -> [batch, num_classes].

    network, network_args: f, a name of `list_networks` and its arguments; it gives `size`
        numbers in place of logits, which are pooled as in `Synchronous`. A network of few numbers
        stays one of few.
    head_sizes: the hidden layers between the pooling and the logits.
    group: an ImageAction or a name such as "cyclic16".

    Invariant for any input where the group acts exactly, up to rounding, and with a symmetric
    pooling ("concat" is none); otherwise as far as interpolation allows. It costs |G| times as much
    as f: where f begins with a dense layer, `SynchronousMLP` is faster.

    Source: docs/ideas/synchronous_networks.md.
    """

    def __init__(
        self,
        num_classes: int = 10,
        network: str = "row_recurrent",
        network_args: Mapping[str, Any] | None = None,
        size: int = 24,
        head_sizes: tuple[int, ...] = (24,),
        group: ImageAction | str = "cyclic16",
        pooling: str | Pooling = "mean",
        activation: str | Activation = "gelu",
        dropout: float = 0.0,
        image_shape: tuple[int, int] | None = None,
        name: str | None = None,
    ):
        """Raises ValueError for an unknown network, arguments that it refuses or that are no
        mapping, sizes that are not integers >= 1, unknown names, or a dropout rate outside
        [0, 1)."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        _checks.choice("network", network, load("weirdonetworks.nets:NETWORKS"))
        arguments = {} if network_args is None else network_args
        taken = {"num_classes", "name", "pretrained"}
        if not isinstance(arguments, Mapping) or not all(
            isinstance(key, str) and key not in taken for key in arguments
        ):
            raise ValueError(
                f"network_args must be a mapping of names, without {', '.join(sorted(taken))}, "
                f"got {_checks.received(network_args)}"
            )
        self.size = _checks.integer("size", size)
        self.head_sizes = _checks.sizes("head_sizes", head_sizes)
        self.group = get_group(group, image_shape)
        create = load("weirdonetworks.nets:create_network")
        shared = create(network, self.size, **arguments)
        self.synchronous = Synchronous(shared, self.group, pooling)
        self.head = MLP(self.num_classes, self.head_sizes, activation, dropout)

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        images = _tensor_checks.grid("SynchronousNetwork images", images, self.group.image_shape)
        return self.head(self.synchronous(images, is_training), is_training)
