"""Attention over the rows of an image."""

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.functional.activations import Activation
from weirdonetworks.layers.activation import activate, create_activation
from weirdonetworks.layers.attention import IterateAttention
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.galerkin_attention import GalerkinAttention
from weirdonetworks.layers.linear_attention import LinearAttention
from weirdonetworks.layers.toeplitz_attention import ToeplitzAttention

ATTENTIONS = {
    "iterate": IterateAttention,
    "linear": LinearAttention,
    "galerkin": GalerkinAttention,
    "toeplitz": ToeplitzAttention,
}

# Of iterate, by default.
_OWN = {"weights": "normalized", "alpha": 0.5, "trainable_alpha": False}


class RowAttention(Module):
    """An image as a sentence of its rows: [batch, H, W(, C)] -> [batch, num_classes].

        t_i = E row_i + e + p_i,                                    rows of W C numbers -> `size`,
        t <- t + attention(t),   t <- t + W2 phi(W1 t + b1) + b2,   `depth` times,
        logits = W (1 / H) sum_i t_i + b.

    attention is `iterate`, `IterateAttention`, in which f = exp^[alpha] stands for exp, with its
    arguments `heads`, `weights`, `alpha` and `trainable_alpha`; or, with `heads` alone, `linear`,
    `galerkin` or `toeplitz`, the layers of these names. The hidden layers of `mlp_size` units see
    each token by itself. The positions p_i are learned; without them (`positions=False`) the order
    of the rows makes no difference, but to `toeplitz`. No normalisation but that of `galerkin`.

    `dropout` acts, in training, on what the attention gives and on the hidden units.

    Initialisation: weights 1 / sqrt(in), biases 0, and p ~ 0.3, about the spread of what E makes of
    the rows of digits.

    Source: Vaswani et al. 2017, "Attention is all you need".
    """

    def __init__(
        self,
        num_classes: int = 10,
        size: int = 32,
        heads: int = 1,
        depth: int = 1,
        mlp_size: int = 64,
        weights: str = "normalized",
        alpha: float = 0.5,
        trainable_alpha: bool = False,
        positions: bool = True,
        activation: str | Activation = "gelu",
        dropout: float = 0.0,
        attention: str = "iterate",
        name: str | None = None,
    ):
        """Raises ValueError for sizes, heads or a depth that are not integers >= 1, an unknown
        activation or attention, a dropout rate outside [0, 1), weights, alpha or trainable_alpha
        of another attention than iterate, or what the attention refuses."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.size = _checks.integer("size", size)
        self.depth = _checks.integer("depth", depth, maximum=_checks.MOST_SIZES)
        self.mlp_size = _checks.integer("mlp_size", mlp_size)
        self.positions = _checks.flag("positions", positions)
        self.activation = create_activation(activation)
        dropout = _checks.rate("dropout", dropout)
        own = {"weights": weights, "alpha": alpha, "trainable_alpha": trainable_alpha}
        if _checks.choice("attention", attention, ATTENTIONS) != "iterate":
            for key, default in _OWN.items():
                if not (isinstance(own[key], (str, bool, float)) and own[key] == default):
                    raise ValueError(
                        f"{key} is an argument of attention='iterate': it must be {default!r}, got "
                        f"{_checks.received(own[key])}"
                    )
            own = {}
        self.embedding = Linear(self.size, name="embedding")
        self.attentions, self.layers, self.dropouts = [], [], []
        for i in range(self.depth):
            kind = ATTENTIONS[attention]
            self.attentions.append(kind(self.size, self.size, heads, **own, name=f"attention_{i}"))
            self.layers.append(
                [Linear(mlp_size, name=f"expand_{i}"), Linear(size, name=f"contract_{i}")]
            )
            self.dropouts.append(
                [Dropout(dropout, name=f"{part}_dropout_{i}") for part in ("attention", "hidden")]
            )
        self.head = Linear(self.num_classes, name="head")
        self.image_shape = None

    @once
    def _initialize(self, images: tf.Tensor, tokens: tf.Tensor):
        self.image_shape, self.input_dtype = tuple(images.shape[1:]), images.dtype
        if self.positions:
            spread = snt.initializers.RandomNormal(stddev=0.3)
            self.p = tf.Variable(spread(tokens.shape[1:], tokens.dtype), name="p")

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        images = _tensor_checks.same_images(self, images)
        height, width, channels = images.shape[1:]
        rows = tf.reshape(images, [-1, height, width * channels])
        t = snt.BatchApply(self.embedding)(rows)
        self._initialize(images, t)
        if self.positions:
            t += self.p
        for attention, (expand, contract), (drop, drop_hidden) in zip(
            self.attentions, self.layers, self.dropouts, strict=True
        ):
            t += drop(attention(t), is_training)
            hidden = activate(self.activation, snt.BatchApply(expand)(t), is_training)
            hidden = drop_hidden(hidden, is_training)
            t += snt.BatchApply(contract)(hidden)
        return self.head(tf.reduce_mean(t, axis=1))
