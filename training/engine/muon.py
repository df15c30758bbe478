"""Muon: steps of matrices are made orthogonal; all else is left to Adam."""

from collections.abc import Sequence

import sonnet as snt
import tensorflow as tf

from training.engine.adam import Adam

# Of the polynomial a x + b x^3 + c x^5 whose iterates bring singular values near 1, quickly.
_A, _B, _C = 3.4445, -4.7750, 2.0315
# By which the step of a matrix has the root mean square of those of Adam.
_SIZE = 0.2


class Muon(snt.Optimizer):
    """m <- mu m + g,   w <- w - rate s O(g + mu m),   s = 0.2 sqrt(max(rows, columns)).

    O(x) = U V^T, of the singular value decomposition U S V^T of x, to about a third: five steps of
    Newton and Schulz's iteration. For matrices, and for the last two axes of what has more; vectors
    and scalars follow `Adam`, at the same rate: s gives both steps one size.

    Sources: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; Liu et
    al. 2025, "Muon is scalable for LLM training" (s). Theirs leave first and last layers to Adam.
    """

    def __init__(
        self,
        learning_rate: float | tf.Tensor | tf.Variable,
        momentum: float = 0.95,
        name: str | None = None,
    ):
        super().__init__(name)
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.m: list[tf.Variable] = []
        self._adam = Adam(self.learning_rate)

    @snt.once
    def _initialize(self, parameters: Sequence[tf.Variable]):
        matrices, rest = _split(parameters, parameters)
        for x in matrices:
            self.m.append(tf.Variable(tf.zeros_like(x), trainable=False, name="momentum"))
        self._adam._initialize(rest)

    def apply(self, updates: Sequence[tf.Tensor | None], parameters: Sequence[tf.Variable]):
        """Updates the parameters in place; those whose update is None stay."""
        self._initialize(parameters)
        matrices, rest = _split(parameters, list(zip(updates, parameters, strict=True)))
        for (g, x), m in zip(matrices, self.m, strict=True):
            if g is None:
                continue
            g = tf.convert_to_tensor(g)
            mu, rate = (tf.cast(value, g.dtype) for value in (self.momentum, self.learning_rate))
            m.assign(mu * m + g)
            size = _SIZE * max(x.shape[-2:]) ** 0.5
            x.assign_sub(rate * size * orthogonalized(g + mu * m))
        if rest:
            self._adam.apply(*zip(*rest, strict=True))


def _split(parameters: Sequence[tf.Variable], values: Sequence) -> tuple[list, list]:
    """The values that belong to matrices, and the others."""
    parts: tuple[list, list] = ([], [])
    for parameter, value in zip(parameters, values, strict=True):
        parts[parameter.shape.rank < 2].append(value)
    return parts


def orthogonalized(x: tf.Tensor) -> tf.Tensor:
    """U V^T of x = U S V^T, [..., rows, columns], with singular values in about [0.7, 1.2].

    Those of x that are much smaller than the largest stay smaller; 0 stays 0.
    """
    is_high = x.shape[-2] > x.shape[-1]
    if is_high:
        x = tf.linalg.matrix_transpose(x)
    norm = tf.norm(x, axis=(-2, -1), keepdims=True)
    x = x / (norm + tf.cast(1e-7, x.dtype))
    for _ in range(5):
        square = tf.matmul(x, x, transpose_b=True)
        x = _A * x + tf.matmul(_B * square + _C * tf.matmul(square, square), x)
    return tf.linalg.matrix_transpose(x) if is_high else x
