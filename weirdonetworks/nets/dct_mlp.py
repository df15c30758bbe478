"""A network on the lowest frequencies of an image."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.functional.activations import Activation
from weirdonetworks.functional.patches import lowest_frequencies
from weirdonetworks.nets._units import Hidden


class DCTMLP(Module):
    """x_0 = C X C^T, x_l = phi(W_l x_{l-1} + b_l), logits = W x_L + b.

    Images [batch, H, W, C] or [batch, H, W] -> [batch, num_classes]. C X C^T are the lowest
    `frequencies` x `frequencies` of the discrete cosine transform
    (`functional.lowest_frequencies`), which is fixed: it has no numbers to train. What it leaves
    out, the network cannot see.

    `unit` is what the hidden layers are made of: "dense"; "autoactivation",
    `layers.AutoactivationDense`; "product", (V x + v) * (W x + w) + b, sums of which are quadratic
    forms; "comodulation", `layers.ComodulationDense`. The last two have no activation besides.

    Source: Ahmed, Natarajan and Rao 1974, "Discrete cosine transform".
    """

    def __init__(
        self,
        num_classes: int = 10,
        frequencies: int = 8,
        hidden_sizes: tuple[int, ...] = (32,),
        unit: str = "dense",
        activation: str | Activation = "gelu",
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, an unknown unit or activation, or
        a dropout rate outside [0, 1); at the first call, for more frequencies than pixels."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.frequencies = _checks.integer("frequencies", frequencies)
        self.hidden_sizes = _checks.sizes("hidden_sizes", hidden_sizes)
        self.hidden = Hidden(self.hidden_sizes, unit, activation, dropout)
        self.head = Linear(self.num_classes, name="head")
        self.image_shape = None

    @once
    def _initialize(self, images: tf.Tensor):
        self.image_shape, self.input_dtype = tuple(images.shape[1:]), images.dtype

    @property
    def num_fixed(self) -> int:
        """The numbers of the transform, of an image of the size of the first call."""
        return self.frequencies * sum((self.image_shape or (0, 0))[:2])

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        images = _tensor_checks.same_images(self, images)
        x = lowest_frequencies(images, self.frequencies)
        self._initialize(images)
        return self.head(self.hidden(x, is_training))
