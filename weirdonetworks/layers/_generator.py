"""Small networks that make the weights of another layer."""

import math

import tensorflow as tf

from weirdonetworks._initializers import VarianceScaling
from weirdonetworks._module import Module
from weirdonetworks._once import Linear
from weirdonetworks.functional.activations import gelu

_GELU_SECOND_MOMENT = 0.425161  # of gelu(z), z ~ N(0, 1)


class Generator(Module):
    """An MLP that starts with outputs of this standard deviation, for inputs ~ N(0, I)."""

    def __init__(self, sizes: tuple[int, ...], output_size: int, stddev: float):
        super().__init__(name="generator")
        self.layers = []
        for i, size in enumerate([*sizes, output_size]):
            last = i == len(sizes)
            scale = (stddev**2 if last else 1.0) / (_GELU_SECOND_MOMENT if i else 1.0)
            w_init = VarianceScaling(scale, "normal")
            self.layers.append(Linear(size, w_init=w_init, name=f"linear_{i}"))

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(inputs, [-1, math.prod(inputs.shape[1:])])
        for layer in self.layers[:-1]:
            x = gelu(layer(x))
        return self.layers[-1](x)
