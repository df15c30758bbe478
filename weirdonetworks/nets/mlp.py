"""The baseline: dense layers and an activation."""

from collections.abc import Callable

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.functional.activations import Activation
from weirdonetworks.functional.images import flatten
from weirdonetworks.layers.activation import activate, create_activation
from weirdonetworks.layers.dropout import Dropout


class MLP(Module):
    """x_l = phi(W_l x_{l-1} + b_l), logits = W x_L + b: images -> [batch, num_classes].

    Images are [batch, H, W, C], [batch, H, W] or [batch, features], of any floating type. With
    `dropout`, that rate is applied to each hidden layer in training. Weights are truncated normal,
    1 / sqrt(in). `snt.nets.MLP` with checked arguments, images as input and the GELU.
    """

    def __init__(
        self,
        num_classes: int = 10,
        hidden_sizes: tuple[int, ...] = (100, 100),
        activation: str | Activation = "gelu",
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, an unknown activation, or a
        dropout rate outside [0, 1)."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.hidden_sizes = _checks.sizes("hidden_sizes", hidden_sizes)
        self.activation = create_activation(activation)
        dropout = _checks.rate("dropout", dropout)
        self.layers = [
            self._dense(i, size) for i, size in enumerate([*self.hidden_sizes, self.num_classes])
        ]
        self.dropouts = [
            Dropout(dropout, name=f"dropout_{i}") for i in range(len(self.hidden_sizes))
        ]
        self.input_size = None

    def _dense(self, index: int, size: int) -> snt.Module:
        """One of `layers`, without its activation."""
        return Linear(size, name=f"linear_{index}")

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        x = _tensor_checks.features(self, flatten(images))
        self._initialize(x)
        for linear, dropout in zip(self.layers, self.dropouts, strict=False):
            x = dropout(activate(self.activation, linear(x), is_training), is_training)
        return self.layers[-1](x)

    def unroll(self) -> list[Callable[[tf.Tensor], tf.Tensor]]:
        """The functions whose composition the network is at inference."""
        between = [layer for linear in self.layers for layer in (linear, self.activation)]
        return [flatten, *between[:-1]]
