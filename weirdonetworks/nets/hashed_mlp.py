"""A wide network of few numbers, each of them the weight of many places."""

import itertools
import math

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.functional.activations import Activation
from weirdonetworks.functional.images import flatten
from weirdonetworks.layers.activation import activate, create_activation
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.hashed import HashedDense


class HashedMLP(Module):
    """x_l = phi(W_l x_{l-1} + b_l), logits = W x_L + b: images -> [batch, num_classes].

    Images are [batch, H, W, C], [batch, H, W] or [batch, features]. Hidden layers are
    `HashedDense`: of the weights W_l, `compression` are one number, up to their signs, at places
    drawn from `seed`. The last layer is dense.

    Source: Chen et al. 2015, "Compressing neural networks with the hashing trick".
    """

    def __init__(
        self,
        num_classes: int = 10,
        hidden_sizes: tuple[int, ...] = (500,),
        compression: float = 64,
        activation: str | Activation = "relu",
        dropout: float = 0.0,
        seed: int = 0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, a compression that
        is not >= 1, an unknown
        activation, a dropout rate outside [0, 1), or a seed that is not an integer >= 0."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.hidden_sizes = _checks.sizes("hidden_sizes", hidden_sizes)
        self.compression = _checks.number(
            "compression", compression, 1, float("inf"), open_high=True
        )
        self.activation = create_activation(activation)
        self.seed = _checks.integer("seed", seed, minimum=0)
        dropout = _checks.rate("dropout", dropout)
        self.layers: list[HashedDense] = []
        self.dropouts = [
            Dropout(dropout, name=f"dropout_{i}") for i in range(len(self.hidden_sizes))
        ]
        self.head = Linear(self.num_classes, name="head")
        self.input_size = None

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        sizes = itertools.pairwise([self.input_size, *self.hidden_sizes])
        self.layers.extend(
            HashedDense(
                size, math.ceil(before * size / self.compression),
                seed=self.seed + i, name=f"hashed_{i}",
            )
            for i, (before, size) in enumerate(sizes)
        )  # fmt: skip

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        x = _tensor_checks.features(self, flatten(images))
        self._initialize(x)
        for layer, dropout in zip(self.layers, self.dropouts, strict=True):
            x = dropout(activate(self.activation, layer(x), is_training), is_training)
        return self.head(x)
