"""Networks whose only nonlinearity is the product in each layer, without roles and with them."""

import functools
from collections.abc import Callable

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.functional.images import flatten
from weirdonetworks.layers.comodulation import ComodulationDense
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.gated import GatedDense


class _ProductMLP(Module):
    """Hidden layers that multiply, and a linear head: what the networks here share."""

    def __init__(
        self,
        num_classes: int,
        hidden_sizes: tuple[int, ...],
        hidden_layer: Callable[..., snt.Module],
        input_dropout: float,
        dropout: float,
        name: str | None,
    ):
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.hidden_sizes = _checks.sizes("hidden_sizes", hidden_sizes)
        input_dropout = _checks.rate("input_dropout", input_dropout)
        dropout = _checks.rate("dropout", dropout)
        self.input_dropout = Dropout(input_dropout, name="input_dropout")
        self.layers = [
            hidden_layer(size, name=f"hidden_{i}") for i, size in enumerate(self.hidden_sizes)
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
            x = dropout(layer(x), is_training)
        return self.layers[-1](x)


class ComodulationMLP(_ProductMLP):
    """x_l = f(V_l x_{l-1}) * f(W_l x_{l-1}), f = exp^[alpha]: images -> [batch, num_classes].

    Images as in `MLP`. Hidden layers are `ComodulationDense`, with their biases, alpha and scale;
    there is no activation besides. The logits are linear in the last one. `input_dropout` drops
    pixels in training, `dropout` hidden units. No normalisation: outputs of hidden layers start at
    mean 0 and a known spread.

    A hidden layer has 2 (in + 1) out weights, and `out` more for b (and for a trainable alpha).
    """

    def __init__(
        self,
        num_classes: int = 10,
        hidden_sizes: tuple[int, ...] = (512,),
        alpha: float = 0.5,
        trainable_alpha: bool = False,
        scale: float = 1.0,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, dropout rates outside [0, 1), or
        whatever `ComodulationDense` refuses."""
        arguments = {"alpha": alpha, "trainable_alpha": trainable_alpha, "scale": scale}
        hidden_layer = functools.partial(ComodulationDense, **arguments)
        super().__init__(
            num_classes=num_classes,
            hidden_sizes=hidden_sizes,
            hidden_layer=hidden_layer,
            input_dropout=input_dropout,
            dropout=dropout,
            name=name,
        )


class GatedMLP(_ProductMLP):
    """x_l = (V_l x_{l-1}) * g(x_{l-1}): images -> [batch, num_classes].

    `ComodulationMLP` with `GatedDense` hidden layers, for comparison. A hidden layer has
    2 (in + 1) out weights for the gates exp and softmax, 3 (in + 1) out for nested: hidden sizes
    for equal parameters are the caller's to choose.
    """

    def __init__(
        self,
        num_classes: int = 10,
        hidden_sizes: tuple[int, ...] = (512,),
        gate: str = "exp",
        scale: float = 1.0,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError as `ComodulationMLP` does, and for an unknown gate."""
        hidden_layer = functools.partial(GatedDense, gate=gate, scale=scale)
        super().__init__(
            num_classes=num_classes,
            hidden_sizes=hidden_sizes,
            hidden_layer=hidden_layer,
            input_dropout=input_dropout,
            dropout=dropout,
            name=name,
        )
