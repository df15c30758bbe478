"""Dense layers of complex numbers."""

import math

import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.layers._complex_inputs import complex_features


class ComplexDense(Module):
    """y = x (A + i B) + c + i d: [batch, in, 2] -> [batch, output_size, 2], (real, imaginary).

    On the real numbers (re, im) it is the dense layer

        (re y, im y) = (re x, im x) [[A, B], [-B, A]] + (c, d),

    with half the numbers of a free one. Without bias it turns with its input: the output of
    e^(i t) x is e^(i t) y. All variables are real, so that optimizers with second moments see the
    squares of real gradients; the gradient (dL/dA) + i (dL/dB) is 2 dL/dW* in Wirtinger's calculus,
    the direction in which L rises fastest.

    Initialisation: A and B ~ 1 / sqrt(2 in), c = d = 0: outputs have the mean square modulus of the
    inputs, and |W| is distributed by Rayleigh's law, with phases that are uniform.

    Source: Trabelsi et al. 2018, "Deep complex networks".
    """

    def __init__(self, output_size: int, with_bias: bool = True, name: str | None = None):
        """Raises ValueError for a size that is not an integer >= 1; at a call, for inputs that are
        not [batch, in, 2], as real ones."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.with_bias = _checks.flag("with_bias", with_bias)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        shape, dtype = [self.input_size, self.output_size], inputs.dtype
        size = 2 * math.prod(shape) * dtype.size
        _checks.memory("output_size must leave weights that fit in memory", self.output_size, size)
        stddev = 1 / math.sqrt(2 * self.input_size)
        self.a = tf.Variable(tf.random.normal(shape, 0, stddev, dtype), name="a")
        self.b = tf.Variable(tf.random.normal(shape, 0, stddev, dtype), name="b")
        if self.with_bias:
            self.c = tf.Variable(tf.zeros([self.output_size], dtype), name="c")
            self.d = tf.Variable(tf.zeros([self.output_size], dtype), name="d")

    @property
    def matrix(self) -> tf.Tensor:
        """[[A, B], [-B, A]], [2 in, 2 output_size], which multiplies (re x, im x) as a row.

        Raises:
          ValueError: before the first call, which makes the weights.
        """
        if not hasattr(self, "a"):
            raise ValueError(f"ComplexDense must be called before it has a matrix, got {self!r}")
        upper, lower = tf.concat([self.a, self.b], axis=1), tf.concat([-self.b, self.a], axis=1)
        return tf.concat([upper, lower], axis=0)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = complex_features(self, inputs)
        self._initialize(inputs)
        y = tf.matmul(tf.concat([inputs[:, :, 0], inputs[:, :, 1]], axis=1), self.matrix)
        if self.with_bias:
            y += tf.concat([self.c, self.d], axis=0)
        return tf.stack(tf.split(y, 2, axis=1), axis=2)
