"""A layer of products of powers of real numbers of any sign: NPU."""

import math

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once

# The distance from 1 to the next number of the type, which NumPy does not know of all of them.
_EPSILON = {tf.bfloat16: 2**-7, tf.float16: 2**-10, tf.float32: 2**-23, tf.float64: 2**-52}


class NPU(Module):
    """y_o = Re prod_i z_i^(a_io + i b_io): [batch, in] -> [batch, out], the neural power unit.

    With z = r e^(i k), r = g (|x| + epsilon) + 1 - g and k = g pi where x < 0, and 0 otherwise,

        y = e^(log(r) A - k B) * cos(log(r) B + k A),

    so that inputs may be of any sign. The relevance gate 0 <= g_i <= 1 turns an input that takes no
    part into 1, or leaves it as it is. epsilon is that of the type, 1.2e-7 in float32.

    * Without `with_imaginary`, B = 0: the RealNPU, y = e^(log(r) A) * cos(k A).
    * Without `with_gate`, g = 1: the NaiveNPU, which has small gradients where inputs are near 0.

    At whole exponents and gates of 0 and 1 it is a product and quotient of powers of its inputs,
    but for epsilon and the roundings of logarithms. Sizes of outputs are not bounded. The cut of g
    to [0, 1] is that of the source: outside, its gradient is 0.

    Initialisation: A uniform with Glorot's variance, B = 0, g = 1/2, as in the source's code.

    Source: Heim, Pevny and Smidl 2020, "Neural power units".
    """

    def __init__(
        self,
        output_size: int,
        with_imaginary: bool = True,
        with_gate: bool = True,
        name: str | None = None,
    ):
        """Raises ValueError for a size that is not an integer >= 1, or flags that are no bools."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.with_imaginary = _checks.flag("with_imaginary", with_imaginary)
        self.with_gate = _checks.flag("with_gate", with_gate)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        shape, dtype = [self.input_size, self.output_size], inputs.dtype
        limit = math.sqrt(6 / sum(shape))
        initial = snt.initializers.RandomUniform(-limit, limit)
        self.a = tf.Variable(initial(shape, dtype), name="a")
        if self.with_imaginary:
            self.b = tf.Variable(tf.zeros(shape, dtype), name="b")
        if self.with_gate:
            self.g = tf.Variable(tf.fill(shape[:1], tf.constant(0.5, dtype)), name="g")

    def regularization(self) -> tf.Tensor:
        """sum |a| + sum |b| + sum |g|: exponents and inputs that are not needed become 0."""
        return tf.add_n([tf.reduce_sum(tf.abs(v)) for v in self.trainable_variables])

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        r = tf.abs(inputs) + _EPSILON[inputs.dtype]
        k = tf.where(inputs < 0, tf.constant(math.pi, inputs.dtype), 0)
        if self.with_gate:
            gate = tf.clip_by_value(self.g, 0, 1)
            r, k = gate * r + (1 - gate), gate * k
        size, angle = tf.matmul(tf.math.log(r), self.a), tf.matmul(k, self.a)
        if self.with_imaginary:
            size, angle = size - tf.matmul(k, self.b), angle + tf.matmul(tf.math.log(r), self.b)
        return tf.exp(size) * tf.cos(angle)
