"""Hidden layers by name, for networks that can have several kinds of them."""

import functools
from collections.abc import Callable

import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear
from weirdonetworks.functional.activations import Activation
from weirdonetworks.layers.activation import activate, create_activation
from weirdonetworks.layers.autoactivation import AutoactivationDense
from weirdonetworks.layers.comodulation import ComodulationDense
from weirdonetworks.layers.dropout import Dropout

UNITS: dict[str, Callable[..., Module]] = {
    "dense": Linear,
    "autoactivation": AutoactivationDense,
    "product": functools.partial(ComodulationDense, alpha=0.0),
    "comodulation": ComodulationDense,
}
_PRODUCTS = ("product", "comodulation")  # which need no activation besides


class Hidden(Module):
    """x_l = phi(layer_l(x_{l-1})), hidden layers of one kind: [batch, in] -> [batch, out].

    `unit`: "dense", W x + b; "autoactivation", `AutoactivationDense`; "product" and
    "comodulation", `ComodulationDense` with alpha 0 and 1/2, to which no phi is applied.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        unit: str = "dense",
        activation: str | Activation = "gelu",
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for an unknown kind, an unknown activation, or what layers refuse."""
        super().__init__(name=name)
        layer = UNITS[_checks.choice("unit", unit, UNITS)]
        self.activation = None if unit in _PRODUCTS else create_activation(activation)
        dropout = _checks.rate("dropout", dropout)
        self.layers = [layer(size, name=f"{unit}_{i}") for i, size in enumerate(sizes)]
        self.dropouts = [Dropout(dropout, name=f"dropout_{i}") for i in range(len(sizes))]

    def __call__(self, x: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        for layer, dropout in zip(self.layers, self.dropouts, strict=True):
            x = layer(x)
            if self.activation is not None:
                x = activate(self.activation, x, is_training)
            x = dropout(x, is_training)
        return x
