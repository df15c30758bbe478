"""Posynomials of posynomials of the pixels, and differences of two."""

import abc

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._module import Module
from weirdonetworks.functional._inverse_hyperbolic import arsinh
from weirdonetworks.functional.images import flatten
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.posynomial import FLOORS, PosynomialDense, SignomialDense


class _LogSpaceMLP(Module):
    """Hidden layers of posynomials, with logarithms between them: what the networks here share."""

    def __init__(
        self,
        num_classes: int = 10,
        hidden_sizes: tuple[int, ...] = (256,),
        num_terms: int = 1024,
        floor: float = 0.1,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        nonnegative_exponents: bool = False,
        depth: int | None = None,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, a floor outside [1e-30, 1e30],
        dropout rates outside [0, 1), or a depth that contradicts the hidden sizes."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.hidden_sizes = _sizes_for_depth(_checks.sizes("hidden_sizes", hidden_sizes), depth)
        self.depth = len(self.hidden_sizes) + 1
        self.floor = _checks.number("floor", floor, *FLOORS)
        nonnegative_exponents = _checks.flag("nonnegative_exponents", nonnegative_exponents)
        input_dropout = _checks.rate("input_dropout", input_dropout)
        dropout = _checks.rate("dropout", dropout)

        def arguments(i: int) -> dict:
            return {
                "num_terms": num_terms,
                "floor": 1.0,
                "log_input": i > 0,
                "nonnegative_exponents": nonnegative_exponents and i > 0,
            }

        self.layers = [
            PosynomialDense(size, log_output=True, name=f"posynomial_{i}", **arguments(i))
            for i, size in enumerate(self.hidden_sizes)
        ]
        self.layers.append(self._last_layer(**arguments(self.depth - 1)))
        self.input_dropout = Dropout(input_dropout, name="input_dropout")
        self.dropouts = [
            Dropout(dropout, name=f"dropout_{i}") for i in range(len(self.hidden_sizes))
        ]

    @abc.abstractmethod
    def _last_layer(self, **kwargs) -> snt.Module:
        """The layer of posynomials that makes the logits."""

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        x = self.input_dropout(flatten(images), is_training) / self.floor
        for posynomial, dropout in zip(self.layers, self.dropouts, strict=False):
            x = dropout(posynomial(x), is_training)
        return self.layers[-1](x)


def _sizes_for_depth(hidden_sizes: tuple[int, ...], depth: int | None) -> tuple[int, ...]:
    if depth is None:
        return hidden_sizes
    hidden = _checks.integer("depth", depth, maximum=_checks.MOST_SIZES) - 1
    if len(hidden_sizes) == 1:
        return hidden_sizes * hidden
    if len(hidden_sizes) != hidden:
        raise ValueError(
            f"hidden_sizes must be one size for all hidden layers, or depth - 1 = {hidden} sizes, "
            f"got {_checks.received(hidden_sizes)}"
        )
    return hidden_sizes


class PosynomialMLP(_LogSpaceMLP):
    """logits = log p_L(... p_1(x / floor)), p_l a layer of posynomials: images -> [batch, classes].

    Images as in `MLP`, with values >= 0. Layer l has hidden_sizes[l] posynomials (the last one
    num_classes) of num_terms shared monomials; after the input, all is kept in log space, where a
    layer is log-sum-exp of affine maps. Softmax of the logits is y_c / sum_c y_c: the class
    probabilities are posynomials over their sum.

    `depth` is the number of layers of posynomials, with the last: one size in hidden_sizes is then
    that of all depth - 1 hidden layers, and more than one must be depth - 1.

    Exponents are real by default, so hidden posynomials may be divided by one another. With
    `nonnegative_exponents` those after the first layer are >= 0, and every logit is a convex
    function of log x at any depth: a generalised posynomial. That costs accuracy on images.

    Pixels below `floor` are replaced by it, and all are divided by it, so that the background is
    1 and its logarithm 0; at `PosynomialDense`'s 1e-6, a pixel's logarithm would be hardly more
    than whether it is 0. `input_dropout` blackens pixels in training, `dropout`
    sets log-posynomials to 0.
    """

    def _last_layer(self, **kwargs) -> snt.Module:
        name = f"posynomial_{self.depth - 1}"
        return PosynomialDense(self.num_classes, log_output=True, name=name, **kwargs)


class SignomialMLP(_LogSpaceMLP):
    """logits = asinh(p(x) - q(x)), differences of two posynomials: images -> [batch, num_classes].

    A `PosynomialMLP` whose last layer is a `SignomialDense`: with depth 1, class scores
    y_c = p_c - q_c are signomials of x / floor, with more, signomials of hidden posynomials. p has
    the terms of positive coefficients, q those of negative ones. This is a difference of the
    posynomials, not of their logarithms, which would be a ratio. Arguments as there; with
    `nonnegative_exponents`, log p_c and log q_c are convex functions of log x at any depth.

    asinh y is to signomials what log y is to posynomials: about log 2y for y >> 1, -log(-2y) for
    y << -1, and y near 0. It is increasing, so that the class is that of the largest signomial;
    class probabilities are z_c / sum_c z_c with z = y + sqrt(1 + y^2) > 0. Without it, logits are
    exponential in the exponents, and training runs away. A row whose largest monomial exceeds
    e^60 (e^600 in float64) is scaled down to it, so everything is finite.
    """

    def _last_layer(self, **kwargs) -> snt.Module:
        return SignomialDense(self.num_classes, name="signomial", **kwargs)

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        return arsinh(super().__call__(images, is_training))
