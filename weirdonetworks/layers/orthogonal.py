"""Dense layers that keep lengths: their matrix is orthogonal, whatever their weights."""

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._initializers import Orthogonal
from weirdonetworks._module import Module
from weirdonetworks._once import once


class OrthogonalDense(Module):
    """y = x Q + b with orthonormal columns, Q^T Q = 1, or rows, Q Q^T = 1, where there are fewer.

    [batch, in] -> [batch, output_size]. Q comes from the weights W, [in, output_size], by

        Q <- W D,   D_jj = (sum_i |W^T W|_ij)^(-1/2),   then   Q <- Q (3 - Q^T Q) / 2

    `iterations` times (of W^T, where in < output_size). |W D|_2 <= 1 by Gershgorin's circles, and
    each iteration takes a singular value s to s (3 - s^2) / 2, in [s, 1]: the layer never
    stretches, for any weights and any number of iterations. The error 1 - s becomes about
    3 (1 - s)^2 / 2, so that few of them make Q orthogonal to rounding; singular values near 0 take
    more, and 0 stays 0. An orthogonal W is Q itself. `retract` makes it so again after a step, and
    then two or three iterations will do.

    By products of matrices alone, since the solution of a linear system that Cayley's transform
    needs, and QR, are slow to compile and unknown to converters. Of weights that are a multiple of
    others, Q is the same; a column shorter than about 1e-13 of the largest weight (in float32) is
    taken for one near 0.

    Initialisation: W is orthogonal, uniform among these, so that lengths are kept from the start;
    b = 0.

    Sources: Bjorck and Bowie 1971, "An iterative algorithm for computing the best estimate of an
    orthogonal matrix"; Anil, Lucas and Grosse 2019, "Sorting out Lipschitz function approximation"
    (as a layer); Prach and Lampert 2022, "Almost-orthogonal layers" (D).
    """

    def __init__(
        self,
        output_size: int,
        with_bias: bool = True,
        iterations: int = 10,
        name: str | None = None,
    ):
        """Raises ValueError for a size or a number of iterations that is not an integer >= 1."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.with_bias = _checks.flag("with_bias", with_bias)
        self.iterations = _checks.integer("iterations", iterations, maximum=_checks.MOST_SIZES)
        self.input_size = None

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        shape, dtype = [self.input_size, self.output_size], inputs.dtype
        size = self.input_size * self.output_size * dtype.size
        _checks.memory("output_size must leave weights that fit in memory", self.output_size, size)
        self.w = tf.Variable(Orthogonal()(shape, dtype), name="w")
        if self.with_bias:
            self.b = tf.Variable(tf.zeros([self.output_size], dtype), name="b")

    def matrix(self) -> tf.Tensor:
        """Q, [in, output_size].

        Raises:
          ValueError: before the first call, which makes the weights.
        """
        if self.input_size is None:
            raise ValueError(f"OrthogonalDense must be called before it has a matrix, got {self!r}")
        w = tf.convert_to_tensor(self.w)
        if self.input_size < self.output_size:
            return tf.transpose(orthogonalized(tf.transpose(w), self.iterations))
        return orthogonalized(w, self.iterations)

    def retract(self) -> None:
        """W <- Q, which leaves the function as it is, as far as Q is orthogonal."""
        self.w.assign(self.matrix())

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        outputs = tf.matmul(inputs, self.matrix())
        return outputs + self.b if self.with_bias else outputs


def orthogonalized(w: tf.Tensor, iterations: int) -> tf.Tensor:
    """Q of W, [rows, columns], rows >= columns; of half precision, computed in float32."""
    if w.dtype.size < 4:
        return tf.cast(orthogonalized(tf.cast(w, tf.float32), iterations), w.dtype)
    known = np.finfo(w.dtype.as_numpy_dtype)
    # Q of any multiple of W is the same: of this one, no sum of squares overflows.
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(w)))
    w /= tf.where(largest < known.tiny, tf.ones_like(largest), largest)
    gram = tf.matmul(w, w, transpose_a=True)
    sums = tf.reduce_sum(tf.abs(gram), axis=0)
    # Products that underflow are lost in larger sums only; a column of zeros stays one.
    least = w.shape.num_elements() * known.tiny / known.eps
    scale = tf.math.rsqrt(tf.maximum(sums, tf.constant(least, w.dtype)))
    q = w * scale
    gram *= scale * scale[:, None]
    for i in range(iterations):
        if i:
            gram = tf.matmul(q, q, transpose_a=True)
        q = 1.5 * q - 0.5 * tf.matmul(q, gram)
    return q
