"""A network whose parameters activate themselves."""

from collections.abc import Callable

import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._module import Module
from weirdonetworks.functional.activations import Activation
from weirdonetworks.functional.images import flatten
from weirdonetworks.layers.activation import activate, create_activation
from weirdonetworks.layers.autoactivation import AutoactivationDense
from weirdonetworks.layers.dropout import Dropout


class AutoactivationMLP(Module):
    """x_l = phi(A_l x_{l-1} + b_l) with A_l = psi(W_l): images -> [batch, num_classes].

    Images as in `MLP`. Every dense layer is an `AutoactivationDense` with the parameter activation
    psi, sign and normalisation given; phi is the activation of the units.
    """

    def __init__(
        self,
        num_classes: int = 10,
        hidden_sizes: tuple[int, ...] = (256, 128),
        activation: str | Activation = "gelu",
        parameter_activation: str = "exp",
        sign: str = "paired",
        normalize: str | None = None,
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, unknown names, or a dropout rate
        outside [0, 1)."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.hidden_sizes = _checks.sizes("hidden_sizes", hidden_sizes)
        self.activation = create_activation(activation)
        dropout = _checks.rate("dropout", dropout)
        self.layers = [
            AutoactivationDense(
                size, parameter_activation, sign, normalize, name=f"autoactivation_{i}"
            )
            for i, size in enumerate([*self.hidden_sizes, self.num_classes])
        ]
        self.dropouts = [
            Dropout(dropout, name=f"dropout_{i}") for i in range(len(self.hidden_sizes))
        ]

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        x = flatten(images)
        for dense, dropout in zip(self.layers, self.dropouts, strict=False):
            x = dropout(activate(self.activation, dense(x), is_training), is_training)
        return self.layers[-1](x)

    def unroll(self) -> list[Callable[[tf.Tensor], tf.Tensor]]:
        """The functions whose composition the network is at inference."""
        between = [layer for dense in self.layers for layer in (dense, self.activation)]
        return [flatten, *between[:-1]]
