"""Dense layers whose weights are sums of Kronecker products."""

import math

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once


class KroneckerDense(Module):
    """Y = sum_r A_r X B_r + C: [batch, p, q] -> [batch, P, Q], matrices to matrices.

    As a dense layer on the rows of X in sequence, its weights are sum_r A_r^T (x) B_r: a sum of
    `num_terms` Kronecker products, with num_terms (P p + q Q) numbers in place of p q P Q, and P Q
    more for C. With min(P p, q Q) terms it is every dense layer.

    Initialisation: for X ~ N(0, I), outputs have mean 0 and unit variance: A ~ 1 / sqrt(p),
    B ~ 1 / sqrt(num_terms q), C = 0.

    Source: Van Loan and Pitsianis 1993, "Approximation with Kronecker products"; Zhang et al. 2021,
    "Beyond fully-connected layers with quaternions" (sums of them as a layer).
    """

    def __init__(
        self,
        output_shape: tuple[int, int],
        num_terms: int = 1,
        with_bias: bool = True,
        name: str | None = None,
    ):
        """Raises ValueError for a shape that is not two integers >= 1, or a number of terms < 1."""
        super().__init__(name=name)
        self.output_shape = _checks.image_shape("output_shape", output_shape, "(rows, columns)")
        self.num_terms = _checks.integer("num_terms", num_terms)
        self.with_bias = _checks.flag("with_bias", with_bias)
        self.input_shape = None

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_shape, self.input_dtype = tuple(inputs.shape[1:]), inputs.dtype
        (p, q), (rows, columns), dtype = self.input_shape, self.output_shape, inputs.dtype
        numbers = self.num_terms * (p * rows + q * columns) + rows * columns
        _checks.memory(
            "output_shape and num_terms must leave weights that fit in memory",
            (self.output_shape, self.num_terms),
            numbers * dtype.size,
        )
        left = snt.initializers.RandomNormal(stddev=1 / math.sqrt(p))
        right = snt.initializers.RandomNormal(stddev=1 / math.sqrt(self.num_terms * q))
        self.a = tf.Variable(left([p, self.num_terms * rows], dtype), name="a")
        self.b = tf.Variable(right([self.num_terms * q, columns], dtype), name="b")
        if self.with_bias:
            self.c = tf.Variable(tf.zeros(self.output_shape, dtype), name="c")

    def matrix(self) -> tf.Tensor:
        """The weights as those of a dense layer on X in sequence, [p q, P Q].

        Raises:
          ValueError: before the first call, which makes the weights.
        """
        if self.input_shape is None:
            raise ValueError(f"KroneckerDense must be called before it has a matrix, got {self!r}")
        (p, q), (rows, columns), terms = self.input_shape, self.output_shape, self.num_terms
        a = tf.reshape(self.a, [p, terms, rows])
        b = tf.reshape(self.b, [terms, q, columns])
        return tf.reshape(tf.einsum("irk,rjl->ijkl", a, b), [p * q, rows * columns])

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.floating("KroneckerDense inputs", inputs)
        shape, known = inputs.shape, self.input_shape
        if shape.rank != 3 or not all(shape[1:]) or known not in (None, tuple(shape[1:])):
            sizes = "p, q] with static sizes" if known is None else f"{known[0]}, {known[1]}]"
            raise ValueError(f"KroneckerDense inputs must be [batch, {sizes}, got shape {shape}")
        _tensor_checks.same_dtype(self, inputs)
        self._initialize(inputs)
        (p, q), (rows, columns), terms = self.input_shape, self.output_shape, self.num_terms
        # All A_r at once, then all B_r: two matrix products for the whole batch.
        left = tf.matmul(tf.reshape(tf.transpose(inputs, [0, 2, 1]), [-1, p]), self.a)
        left = tf.reshape(left, [-1, q, terms, rows])
        left = tf.reshape(tf.transpose(left, [0, 3, 2, 1]), [-1, terms * q])
        outputs = tf.reshape(tf.matmul(left, self.b), [-1, rows, columns])
        return outputs + self.c if self.with_bias else outputs
