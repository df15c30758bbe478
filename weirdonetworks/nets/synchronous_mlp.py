"""A network that averages over a group of image transformations."""

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._once import Linear
from weirdonetworks.functional.activations import Activation, get_activation
from weirdonetworks.groups import ImageAction, get_group
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.synchronous import POOLINGS, LiftDense, pool
from weirdonetworks.nets.mlp import MLP


class SynchronousMLP(snt.Module):
    """logits = MLP(pool_{g in G} f(g x)), one dense net f shared by all g.

    Images [batch, H, W, C] or [batch, H, W] of the group's image shape -> [batch, num_classes];
    flat features are refused, for their shape is unknown. f has the layers lift_sizes, each with
    the activation, the first of them a `LiftDense`, which turns its weights in place of the
    images. A symmetric pooling (mean, max, logsumexp) makes the features invariant; the layers
    head_sizes and the logits follow. `group` is an ImageAction or a name such as "cyclic16".

    Invariant for any input where the group acts exactly, up to rounding; otherwise as far as
    interpolation allows (see `Synchronous`).
    """

    def __init__(
        self,
        num_classes: int = 10,
        lift_sizes: tuple[int, ...] = (128, 128),
        head_sizes: tuple[int, ...] = (128,),
        group: ImageAction | str = "cyclic16",
        pooling: str = "mean",
        activation: str | Activation = "gelu",
        dropout: float = 0.0,
        image_shape: tuple[int, int] | None = None,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, empty lift_sizes, unknown names,
        or a dropout rate outside [0, 1)."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.lift_sizes = _checks.sizes("lift_sizes", lift_sizes, allow_empty=False)
        self.head_sizes = _checks.sizes("head_sizes", head_sizes)
        self.group = get_group(group, image_shape)
        self.pooling = _checks.choice("pooling", pooling, POOLINGS)
        self.activation = get_activation(activation)
        dropout = _checks.rate("dropout", dropout)
        self.lift = LiftDense(self.lift_sizes[0], self.group)
        self.layers = [
            Linear(size, name=f"linear_{i}") for i, size in enumerate(self.lift_sizes[1:])
        ]
        self.dropouts = [Dropout(dropout, name=f"dropout_{i}") for i in range(len(self.lift_sizes))]
        self.head = MLP(self.num_classes, self.head_sizes, activation, dropout)

    def shared(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        """f(g x) for every g: -> [batch, |G|, lift_sizes[-1]]; turning x permutes the |G|."""
        images = _checks.grid("SynchronousMLP images", images, self.group.image_shape)
        x = tf.reshape(self.lift(images), [-1, self.lift_sizes[0]])
        x = self.dropouts[0](self.activation(x), is_training)
        for linear, dropout in zip(self.layers, self.dropouts[1:], strict=True):
            x = dropout(self.activation(linear(x)), is_training)
        return tf.reshape(x, [-1, self.group.size, self.lift_sizes[-1]])

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        return self.head(pool(self.shared(images, is_training), self.pooling), is_training)
