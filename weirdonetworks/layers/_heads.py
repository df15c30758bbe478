"""Self-attention but for what a head does with its queries, keys and values."""

import abc
import math

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once


class Heads(Module):
    """Each head has queries, keys and values, linear in the tokens; one affine map joins them.

    [batch, tokens, in] -> [batch, tokens, output_size]. A subclass says what a head gives, `_mix`.
    """

    def __init__(self, output_size: int, size: int, heads: int, name: str | None = None):
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.size = _checks.integer("size", size)
        self.heads = _checks.integer("heads", heads)
        if self.size % self.heads:
            raise ValueError(
                f"size must be a multiple of heads={self.heads}, got {_checks.received(size)}"
            )
        w_init = snt.initializers.RandomNormal(stddev=1 / math.sqrt(self.size))
        self.output = Linear(self.output_size, w_init=w_init, name="output")

    @once
    def _initialize(self, inputs: tf.Tensor, tokens: int):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        spread = snt.initializers.RandomNormal(stddev=1 / math.sqrt(self.input_size))
        self.w = tf.Variable(spread([self.input_size, 3 * self.size], inputs.dtype), name="w")
        self._initialize_heads(tokens, inputs.dtype)

    def _initialize_heads(self, tokens: int, dtype: tf.DType) -> None:
        """Variables of the heads' own."""
        return  # AutoGraph fails on, and warns of, a body that is a docstring alone

    @abc.abstractmethod
    def _mix(self, queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """Of [batch, heads, tokens, size / heads] each, the same."""

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        label = f"{type(self).__name__} inputs"
        inputs = _tensor_checks.floating(label, inputs)
        if inputs.shape.rank != 3 or not all(inputs.shape[1:]):
            raise ValueError(
                f"{label} must be [batch, tokens, features] with static sizes >= 1 after the "
                f"batch, got shape {inputs.shape}"
            )
        tokens = inputs.shape[1]
        x = _tensor_checks.features(self, tf.reshape(inputs, [-1, inputs.shape[2]]))
        self._initialize(x, tokens)
        split = [-1, tokens, 3, self.heads, self.size // self.heads]
        q, k, v = tf.unstack(tf.reshape(tf.matmul(x, self.w), split), axis=2)
        q, k, v = (tf.transpose(each, [0, 2, 1, 3]) for each in (q, k, v))
        mixed = self._mix(q, k, v)  # [batch, heads, tokens, size / heads]
        merged = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [-1, self.size])
        return tf.reshape(self.output(merged), [-1, tokens, self.output_size])
