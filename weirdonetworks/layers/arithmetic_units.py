"""Layers whose weights select what is added and what is multiplied: NAU and NMU."""

import abc
import math

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once


class _Selection(Module):
    """Weights w [in, out] that are cut to an interval, and drawn to its whole numbers."""

    _low: float  # the least weight; the largest is 1

    def __init__(self, output_size: int, name: str | None = None):
        """Raises ValueError for a size that is not an integer >= 1."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        initial = snt.initializers.RandomUniform(*self._initial_range())
        self.w = tf.Variable(initial([self.input_size, self.output_size], inputs.dtype), name="w")

    @abc.abstractmethod
    def _initial_range(self) -> tuple[float, float]:
        """Of w, which starts uniform in it."""

    @property
    def weights(self) -> tf.Tensor:
        """w cut to its interval, [in, out]: those of the formula."""
        return tf.clip_by_value(self.w, tf.constant(self._low, self.w.dtype), 1)

    def clip(self) -> None:
        """Puts the variable itself back into the interval: to be called after each step.

        Outside, the gradient of a weight is 0, and it would never return.
        """
        self.w.assign(self.weights)

    def regularization(self) -> tf.Tensor:
        """mean_io min(|w_io|, 1 - |w_io|): 0 where all weights are whole numbers, at most 1/2."""
        size = tf.abs(self.weights)
        return tf.reduce_mean(tf.minimum(size, 1 - size))


class NAU(_Selection):
    """y_o = sum_i w_io x_i, -1 <= w_io <= 1: [batch, in] -> [batch, out], the neural addition unit.

    With weights -1, 0 and 1 it is exactly a sum and difference of inputs. To get there, training
    adds `regularization()` to the loss, times a number that rises from 0, and calls `clip()` after
    each step.

    Initialisation: uniform on [-r, r], r = min(1/2, sqrt(6 / (in + out))): Glorot's variance, but
    where that would start weights nearer to 1 than to 0.

    Source: Madsen and Johansen 2020, "Neural Arithmetic Units".
    """

    _low = -1.0

    def _initial_range(self) -> tuple[float, float]:
        r = min(0.5, math.sqrt(6 / (self.input_size + self.output_size)))
        return -r, r

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        return tf.matmul(inputs, self.weights)


class NMU(_Selection):
    """y_o = prod_i (w_io x_i + 1 - w_io), 0 <= w_io <= 1: [batch, in] -> [batch, out].

    The neural multiplication unit: with weights 0 and 1 it is exactly the product of the inputs
    that are selected, of any sign, zero included; all others count as 1. Trained as `NAU` is.

    Products of many inputs overflow as such products do. Memory: [batch, in, out] numbers.

    Initialisation: uniform on [1/4, 3/4], around the weight that is nearest to both ends.

    Source: Madsen and Johansen 2020, "Neural Arithmetic Units".
    """

    _low = 0.0

    def _initial_range(self) -> tuple[float, float]:
        return 0.25, 0.75

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        w = self.weights
        return tf.reduce_prod(inputs[:, :, None] * w + (1 - w), axis=1)
