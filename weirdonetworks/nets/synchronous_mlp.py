"""A network that averages over a group of image transformations."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear
from weirdonetworks._unroll import Orbit
from weirdonetworks.functional.activations import Activation
from weirdonetworks.functional.pooling import Pooling, get_pooling, pool
from weirdonetworks.groups import ImageAction, get_group
from weirdonetworks.layers.activation import activate, create_activation
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.group_dense import GroupDense
from weirdonetworks.layers.synchronous import LiftDense, check_exact
from weirdonetworks.nets.mlp import MLP


class SynchronousMLP(Module):
    """logits = MLP(pool_{g in G} mix(f(g x))), one dense net f shared by all g.

    Images [batch, H, W, C] or [batch, H, W] of the group's image shape -> [batch, num_classes];
    flat features are refused, for their shape is unknown.

    lift_sizes: the layers of f, each with the activation, the first of them a `LiftDense`, which
        turns its weights in place of the images.
    mix_sizes: `GroupDense` layers, which let the elements of the orbit see each other and still
        permute with it: pooling late keeps what pooling early would forget, that the same parts
        are turned against one another. They need a group (`group.table`).
    pooling: a symmetric function over the group makes the features invariant, as in `Synchronous`.
    head_sizes: the layers between the pooling and the logits. None: no layer follows the pooling,
        which pools the logits of each g (averaged logits, with the mean).
    exact: bitwise invariance, as in `Synchronous`.

    `group` is an ImageAction or a name such as "cyclic16". `input_dropout` drops pixels in
    training, `dropout` hidden units.

    Invariant for any input where the group acts exactly, up to rounding; otherwise as far as
    interpolation allows. That holds at inference: in training, dropout and an activation that
    draws have masks of their own for each g.
    """

    def __init__(
        self,
        num_classes: int = 10,
        lift_sizes: tuple[int, ...] = (128, 128),
        mix_sizes: tuple[int, ...] = (),
        head_sizes: tuple[int, ...] | None = (128,),
        group: ImageAction | str = "cyclic16",
        pooling: str | Pooling = "mean",
        activation: str | Activation = "gelu",
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        exact: bool = False,
        image_shape: tuple[int, int] | None = None,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, empty lift_sizes, unknown names,
        a group that mixing or `exact` does not allow, or dropout rates outside [0, 1)."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.lift_sizes = _checks.sizes("lift_sizes", lift_sizes, allow_empty=False)
        self.mix_sizes = _checks.sizes("mix_sizes", mix_sizes)
        self.head_sizes = None if head_sizes is None else _checks.sizes("head_sizes", head_sizes)
        self.group = get_group(group, image_shape)
        self.pooling = get_pooling(pooling)
        self.activation = create_activation(activation)
        input_dropout = _checks.rate("input_dropout", input_dropout)
        dropout = _checks.rate("dropout", dropout)
        self.exact = check_exact(exact, self.group)
        self.input_dropout = Dropout(input_dropout, name="input_dropout")
        self.lift = LiftDense(self.lift_sizes[0], self.group)
        self.layers = [
            Linear(size, name=f"linear_{i}") for i, size in enumerate(self.lift_sizes[1:])
        ]
        self.mixes = [
            GroupDense(size, self.group, name=f"group_dense_{i}")
            for i, size in enumerate(self.mix_sizes)
        ]
        hidden = [*self.lift_sizes, *self.mix_sizes]
        self.dropouts = [Dropout(dropout, name=f"dropout_{i}") for i in range(len(hidden))]
        if self.head_sizes is None:
            self.logits, self.head = Linear(self.num_classes, name="logits"), None
        else:
            self.head = MLP(self.num_classes, self.head_sizes, activation, dropout)

    def shared(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        """What is pooled: [batch, |G|, features]; turning x permutes the |G|."""
        images = _tensor_checks.grid("SynchronousMLP images", images, self.group.image_shape)
        if self.exact:
            images = self.group.canonical(images)
        dropouts = iter(self.dropouts)

        def activated(x: tf.Tensor) -> tf.Tensor:
            return next(dropouts)(activate(self.activation, x, is_training), is_training)

        x = activated(self.lift(self.input_dropout(images, is_training)))
        x = tf.reshape(x, [-1, x.shape[-1]])
        for linear in self.layers:
            x = activated(linear(x))
        x = tf.reshape(x, [-1, self.group.size, x.shape[-1]])
        for mix in self.mixes:
            x = activated(mix(x))
        if self.head is not None:
            return x
        logits = self.logits(tf.reshape(x, [-1, x.shape[2]]))
        return tf.reshape(logits, [-1, self.group.size, self.num_classes])

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        pooled = pool(self.pooling, self.shared(images, is_training))
        if self.head is not None:
            return self.head(pooled, is_training)
        if pooled.shape[1] != self.num_classes:
            raise ValueError(
                f"pooling must keep the {self.num_classes} logits where head_sizes is None, "
                f"got {pooled.shape[1]} values"
            )
        return pooled

    def unroll_orbit(self) -> Orbit:
        """The layers before and behind the pooling, at inference and without `exact`."""
        phi = self.activation
        pointwise = [phi, *(layer for linear in self.layers for layer in (linear, phi))]
        mixed = [layer for mix in self.mixes for layer in (mix, phi)]
        if self.head is None:
            (mixed if mixed else pointwise).append(self.logits)
        head = [] if self.head is None else self.head.unroll()
        return Orbit(self.group, self.lift, pointwise, mixed, self.pooling, head)
