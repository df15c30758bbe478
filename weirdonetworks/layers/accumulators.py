"""Layers with soft selections, tanh times sigmoid: NAC and NALU."""

import math

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once

EPSILON = 1e-7  # added to |x| before the logarithm


class NAC(Module):
    """y = x W, W = tanh(W^) * sigmoid(M^), elementwise: [batch, in] -> [batch, out].

    The neural accumulator: weights lie between -1 and 1 and are drawn to -1, 0 and 1, so that y is
    a sum and difference of inputs. Both factors are learned. With `multiplicative`,

        y = e^(log(|x| + 1e-7) W),

    products and quotients of the sizes of inputs: signs are lost, zeros count as 1e-7, and more
    than five of them below a fraction overflow in float32.

    Initialisation: W^ and M^ uniform on [-r, r], r such that W has Glorot's variance 2 / (in + out)
    (0.4 for less than five inputs and outputs, as the variance of W stays below 1/2).

    Source: Trask et al. 2018, "Neural arithmetic logic units", which gives no initialisation and no
    epsilon: these, and the multiplicative unit on its own, are of Madsen and Johansen 2020, "Neural
    Arithmetic Units".
    """

    def __init__(self, output_size: int, multiplicative: bool = False, name: str | None = None):
        """Raises ValueError for a size that is not an integer >= 1, or a flag that is no bool."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.multiplicative = _checks.flag("multiplicative", multiplicative)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        shape = [self.input_size, self.output_size]
        r = _spread(sum(shape))
        initial = snt.initializers.RandomUniform(-r, r)
        self.w_hat = tf.Variable(initial(shape, inputs.dtype), name="w_hat")
        self.m_hat = tf.Variable(initial(shape, inputs.dtype), name="m_hat")

    @property
    def weights(self) -> tf.Tensor:
        """W, [in, out]."""
        return tf.tanh(self.w_hat) * tf.sigmoid(self.m_hat)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        return (_products if self.multiplicative else tf.matmul)(inputs, self.weights)


class NALU(NAC):
    """y = g * (x W) + (1 - g) * e^(log(|x| + 1e-7) W), g = sigmoid(x G), of [batch, in].

    The neural arithmetic logic unit: a gate between the sum and the product of one selection
    W = tanh(W^) * sigmoid(M^), as in `NAC`, whose limits hold for the product.

    Initialisation: W as in `NAC`, G uniform with Glorot's variance (Madsen and Johansen 2020).

    Source: Trask et al. 2018, "Neural arithmetic logic units".
    """

    def __init__(self, output_size: int, name: str | None = None):
        """Raises ValueError for a size that is not an integer >= 1."""
        super().__init__(output_size=output_size, name=name)

    @once
    def _initialize_gate(self, inputs: tf.Tensor):
        shape = [inputs.shape[1], self.output_size]
        r = math.sqrt(6 / sum(shape))
        initial = snt.initializers.RandomUniform(-r, r)
        self.g = tf.Variable(initial(shape, inputs.dtype), name="g")

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        self._initialize_gate(inputs)
        weights, gate = self.weights, tf.sigmoid(tf.matmul(inputs, self.g))
        return gate * tf.matmul(inputs, weights) + (1 - gate) * _products(inputs, weights)


def _products(inputs: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    return tf.exp(tf.matmul(tf.math.log(tf.abs(inputs) + EPSILON), weights))


def _spread(fan: int) -> float:
    """r for which tanh(u) sigmoid(v), u and v uniform on [-r, r], has the variance 2 / fan.

    The variance is E[tanh^2] E[sigmoid^2] = (1 - tanh(r) / r) (r - tanh(r / 2)) / 2r.
    """
    low, high, variance = 0.0, 10.0, 2 / max(fan, 5)
    for _ in range(60):
        r = (low + high) / 2
        found = (1 - math.tanh(r) / r) * (r - math.tanh(r / 2)) / (2 * r)
        low, high = (r, high) if found < variance else (low, r)
    return high
