"""Posynomials of posynomials of the pixels."""

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.posynomial import FLOORS, PosynomialDense
from weirdonetworks.nets.mlp import flatten


class PosynomialMLP(snt.Module):
    """logits = log p_L(... p_1(x / floor)), p_l a layer of posynomials: images -> [batch, classes].

    Images as in `MLP`, with values >= 0. Layer l has hidden_sizes[l] posynomials (the last one
    num_classes) of num_terms shared monomials; after the input, all is kept in log space, where a
    layer is log-sum-exp of affine maps. Softmax of the logits is y_c / sum_c y_c: the class
    probabilities are posynomials over their sum.

    Exponents are real by default, so hidden posynomials may be divided by one another. With
    `nonnegative_exponents` those after the first layer are >= 0, and every logit is a convex
    function of log x: a generalised posynomial. That costs accuracy on images.

    Pixels below `floor` are replaced by it, and all are divided by it, so that the background is
    1 and its logarithm 0; at `PosynomialDense`'s 1e-6, a pixel's logarithm would be hardly more
    than whether it is 0. `input_dropout` blackens pixels in training, `dropout`
    sets log-posynomials to 0.
    """

    def __init__(
        self,
        num_classes: int = 10,
        hidden_sizes: tuple[int, ...] = (256,),
        num_terms: int = 1024,
        floor: float = 0.1,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        nonnegative_exponents: bool = False,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, a floor outside [1e-30, 1e30],
        or dropout rates outside [0, 1)."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.hidden_sizes = _checks.sizes("hidden_sizes", hidden_sizes)
        self.floor = _checks.number("floor", floor, *FLOORS)
        nonnegative_exponents = _checks.flag("nonnegative_exponents", nonnegative_exponents)
        input_dropout = _checks.rate("input_dropout", input_dropout)
        dropout = _checks.rate("dropout", dropout)
        self.layers = [
            PosynomialDense(
                size,
                num_terms,
                floor=1.0,
                log_input=i > 0,
                log_output=True,
                nonnegative_exponents=nonnegative_exponents and i > 0,
                name=f"posynomial_{i}",
            )
            for i, size in enumerate([*self.hidden_sizes, self.num_classes])
        ]
        self.input_dropout = Dropout(input_dropout, name="input_dropout")
        self.dropouts = [
            Dropout(dropout, name=f"dropout_{i}") for i in range(len(self.hidden_sizes))
        ]

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        x = self.input_dropout(flatten(images), is_training) / self.floor
        for posynomial, dropout in zip(self.layers, self.dropouts, strict=False):
            x = dropout(posynomial(x), is_training)
        return self.layers[-1](x)
