"""A network whose weights are produced from its input."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.functional.activations import Activation
from weirdonetworks.functional.images import flatten
from weirdonetworks.layers.activation import activate, create_activation
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.dynamic import DynamicDense


class DynamicMLP(Module):
    """x_l = phi(W_l(x_{l-1})^T x_{l-1} + b_l): images -> [batch, num_classes].

    Images as in `MLP`. Hidden layers are `DynamicDense`: a small network with hidden layers of
    `generator_sizes` makes the change of rank `rank` from W_l to W_l(x), or with `rank=None` all
    of it, in * out numbers for each image. phi is the activation. The logits are linear in the
    last hidden layer. `input_dropout` drops pixels in training, `dropout` hidden units.
    """

    def __init__(
        self,
        num_classes: int = 10,
        hidden_sizes: tuple[int, ...] = (256, 128),
        rank: int | None = 32,
        generator_sizes: tuple[int, ...] = (32,),
        activation: str | Activation = "gelu",
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes or a rank that are not integers >= 1, an unknown activation,
        or dropout rates outside [0, 1)."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.hidden_sizes = _checks.sizes("hidden_sizes", hidden_sizes)
        self.activation = create_activation(activation)
        input_dropout = _checks.rate("input_dropout", input_dropout)
        dropout = _checks.rate("dropout", dropout)
        rank = None if rank is None else _checks.integer("rank", rank)
        generator_sizes = _checks.sizes("generator_sizes", generator_sizes)
        self.input_dropout = Dropout(input_dropout, name="input_dropout")
        self.layers = [
            DynamicDense(size, rank, generator_sizes=generator_sizes, name=f"dynamic_{i}")
            for i, size in enumerate(self.hidden_sizes)
        ]
        self.layers.append(Linear(self.num_classes, name="head"))
        self.dropouts = [
            Dropout(dropout, name=f"dropout_{i}") for i in range(len(self.hidden_sizes))
        ]

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        x = _tensor_checks.features(self, flatten(images))
        self._initialize(x)
        x = self.input_dropout(x, is_training)
        for layer, dropout in zip(self.layers, self.dropouts, strict=False):
            x = dropout(activate(self.activation, layer(x), is_training), is_training)
        return self.layers[-1](x)
