"""Dense layers of which many weights are one number."""

import math

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once


class HashedDense(Module):
    """y = W x + b with W_ij = s_ij w[h(i, j)]: [batch, in] -> [batch, out].

    w are `num_weights` numbers. The places h(i, j) and the signs s_ij = +-1 are drawn from `seed`,
    and are never trained: each number is at as many places as any other, or at one more. So a wide
    layer has few numbers, and sees no order of its inputs.

    w is a vector: what acts on matrices alone, as weight decay usually does, leaves it alone.

    Initialisation: w ~ N(0, 1 / in), b = 0: for x ~ N(0, I), outputs have mean 0, unit variance.

    Source: Chen et al. 2015, "Compressing neural networks with the hashing trick"; theirs are at as
    many places as a hash function says.
    """

    def __init__(
        self,
        output_size: int,
        num_weights: int,
        with_bias: bool = True,
        seed: int = 0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, or a seed that is not >= 0; at
        the first call, for more numbers than there are places, in * out."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.num_weights = _checks.integer("num_weights", num_weights)
        self.with_bias = _checks.flag("with_bias", with_bias)
        self.seed = _checks.integer("seed", seed, minimum=0)
        self.input_size = None

    @once
    def _initialize(self, inputs: tf.Tensor):
        size, dtype = inputs.shape[1], inputs.dtype
        places = size * self.output_size
        if self.num_weights > places:
            raise ValueError(
                f"num_weights must be at most in * out, {size} * {self.output_size} = {places}, "
                f"got {self.num_weights}"
            )
        _checks.memory(
            "output_size must leave weights that fit in memory",
            self.output_size,
            places * (4 + dtype.size),
        )
        self.input_size, self.input_dtype = size, dtype
        self._places = _signed_places(size, self.output_size, self.num_weights, self.seed)
        normal = snt.initializers.RandomNormal(stddev=1 / math.sqrt(size))
        self.w = tf.Variable(normal([self.num_weights], dtype), name="w")
        if self.with_bias:
            self.b = tf.Variable(tf.zeros([self.output_size], dtype), name="b")

    @property
    def num_fixed(self) -> int:
        """The places and their signs, one number each."""
        return (self.input_size or 0) * self.output_size

    def matrix(self) -> tf.Tensor:
        """W^T, [in, out].

        Raises:
          ValueError: before the first call, which makes the weights.
        """
        if self.input_size is None:
            raise ValueError(f"HashedDense must be called before it has a matrix, got {self!r}")
        signs = tf.constant([[1], [-1]], self.w.dtype)
        return tf.gather(tf.reshape(signs * self.w, [-1]), self._places)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        outputs = tf.matmul(inputs, self.matrix())
        return outputs + self.b if self.with_bias else outputs


def _signed_places(rows: int, columns: int, numbers: int, seed: int) -> np.ndarray:
    """h(i, j), [rows, columns], and `numbers` more where s_ij = -1."""
    generator = np.random.default_rng(_checks.integer("seed", seed, minimum=0))
    places = generator.permutation(rows * columns) % numbers
    negative = generator.integers(2, size=rows * columns)
    return (places + numbers * negative).reshape(rows, columns).astype(np.int32)
