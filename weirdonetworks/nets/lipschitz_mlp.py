"""A dense network that stretches no difference between images, by construction."""

from collections.abc import Callable

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional.group_activations import sort_groups
from weirdonetworks.functional.images import flatten
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.orthogonal import OrthogonalDense


class LipschitzMLP(Module):
    """x_l = sort(x_{l-1} Q_l + b_l), logits = x_L Q + b, with |f(x) - f(y)|_2 <= |x - y|_2.

    Images [batch, H, W, C], [batch, H, W] or [batch, features] -> [batch, num_classes]. All layers
    are `OrthogonalDense`, and `sort` puts each pair of neighbouring units in order (`sort_groups`):
    neither stretches, and the gradient of a logit keeps its length on the way back through layers
    that do not widen. The difference of two logits is sqrt(2)-Lipschitz, so that an image whose
    largest logit is m above the others keeps its class within an L2 distance of m / sqrt(2)
    (`stability.certified_radius`). With `dropout`, that rate is applied to each hidden layer in
    training; the bound is that of inference, where it does nothing.

    Source: Anil, Lucas and Grosse 2019, "Sorting out Lipschitz function approximation".
    """

    lipschitz_bound = 1.0

    def __init__(
        self,
        num_classes: int = 10,
        hidden_sizes: tuple[int, ...] = (256, 256),
        iterations: int = 10,
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not even integers >= 2, `iterations` (of each layer)
        that are not an integer >= 1, or a dropout rate outside [0, 1)."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.hidden_sizes = _checks.sizes("hidden_sizes", hidden_sizes)
        for i, size in enumerate(self.hidden_sizes):
            if size % 2:
                raise ValueError(f"hidden_sizes[{i}] must be even, for units in pairs, got {size}")
        self.iterations = _checks.integer("iterations", iterations, maximum=_checks.MOST_SIZES)
        dropout = _checks.rate("dropout", dropout)
        self.layers = [
            OrthogonalDense(size, iterations=self.iterations, name=f"orthogonal_{i}")
            for i, size in enumerate([*self.hidden_sizes, self.num_classes])
        ]
        self.dropouts = [
            Dropout(dropout, name=f"dropout_{i}") for i in range(len(self.hidden_sizes))
        ]
        self.input_size = None

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        x = _tensor_checks.features(self, flatten(images))
        self._initialize(x)
        for layer, dropout in zip(self.layers, self.dropouts, strict=False):
            x = dropout(sort_groups(layer(x)), is_training)
        return self.layers[-1](x)

    def retract(self) -> None:
        """Takes the matrix of each layer for its weights; see `OrthogonalDense.retract`."""
        for layer in self.layers:
            layer.retract()

    def unroll(self) -> list[Callable[[tf.Tensor], tf.Tensor]]:
        """The functions whose composition the network is at inference."""
        between = [layer for dense in self.layers for layer in (dense, sort_groups)]
        return [flatten, *between[:-1]]
