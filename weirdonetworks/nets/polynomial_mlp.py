"""Networks on the monomials of their input."""

import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._module import Module
from weirdonetworks.functional.activations import Activation
from weirdonetworks.functional.images import flatten
from weirdonetworks.layers.activation import activate, create_activation
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.polynomial import PolynomialDense
from weirdonetworks.nets.mlp import MLP


class PolynomialMLP(Module):
    """An MLP on all monomials of degree <= d: logits = MLP(phi(W m(x))).

    Images as in `MLP` -> [batch, num_classes]. The first dense layer of the MLP is a
    `PolynomialDense` of hidden_sizes[0] polynomials (of num_classes, if there are no hidden
    layers: then the logits are polynomials). `rank=None` takes every monomial with a weight of its
    own, 308,505 a unit for d = 2 and 784 pixels; a rank, products of d linear forms.

    `input_dropout` drops pixels in training, `dropout` hidden units. There is no normalisation:
    the layer is initialised to unit variance instead. (Quadratic networks are commonly trained
    with batch normalisation: Chrysos et al. 2020, "Pi-nets".)

    Among the monomials are the invariant polynomials of any group that acts on the pixels:
    docs/ideas/polynomials.md.
    """

    def __init__(
        self,
        num_classes: int = 10,
        degree: int = 2,
        rank: int | None = 512,
        hidden_sizes: tuple[int, ...] = (512,),
        activation: str | Activation = "gelu",
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        homogeneous: bool = False,
        name: str | None = None,
    ):
        """Raises ValueError for sizes, degrees or ranks that are not integers >= 1, an unknown
        activation, or dropout rates outside [0, 1)."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.hidden_sizes = _checks.sizes("hidden_sizes", hidden_sizes)
        self.activation = create_activation(activation)
        input_dropout = _checks.rate("input_dropout", input_dropout)
        dropout = _checks.rate("dropout", dropout)
        first, *rest = [*self.hidden_sizes, self.num_classes]
        self.input_dropout = Dropout(input_dropout, name="input_dropout")
        self.polynomial = PolynomialDense(first, degree, rank, homogeneous)
        self.dropout = Dropout(dropout)
        self.head = MLP(self.num_classes, rest[:-1], activation, dropout) if rest else None

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        x = self.input_dropout(flatten(images), is_training)
        x = self.polynomial(x)
        if self.head is None:
            return x
        x = activate(self.activation, x, is_training)
        return self.head(self.dropout(x, is_training), is_training)


class QuadraticMLP(PolynomialMLP):
    """logits = MLP(phi(W m(x))), m(x) = (1, x_i, x_i x_j), i <= j: `PolynomialMLP` of degree 2."""

    def __init__(
        self,
        num_classes: int = 10,
        rank: int | None = 512,
        hidden_sizes: tuple[int, ...] = (512,),
        activation: str | Activation = "gelu",
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        homogeneous: bool = False,
        name: str | None = None,
    ):
        """Raises ValueError as `PolynomialMLP` does."""
        super().__init__(
            num_classes=num_classes,
            degree=2,
            rank=rank,
            hidden_sizes=hidden_sizes,
            activation=activation,
            input_dropout=input_dropout,
            dropout=dropout,
            homogeneous=homogeneous,
            name=name,
        )
