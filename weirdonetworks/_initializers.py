"""How weights start, where Sonnet's own cannot."""

import math

import sonnet as snt
import tensorflow as tf

_STDDEV_WITHIN_TWO = 0.87962566103423978  # of the normal distribution between -2 and 2


class Orthogonal(snt.initializers.Orthogonal):
    """Sonnet's, in types for which TensorFlow has no QR decomposition as well."""

    def __call__(self, shape, dtype: tf.DType) -> tf.Tensor:
        made = super().__call__(shape, dtype if dtype == tf.float64 else tf.float32)
        return tf.cast(made, dtype)


class VarianceScaling(snt.initializers.VarianceScaling):
    """Sonnet's over "fan_in", in graphs of any type, where Sonnet's takes float32 alone."""

    def __init__(self, scale: float, distribution: str = "truncated_normal"):
        super().__init__(scale=scale, mode="fan_in", distribution=distribution)

    def __call__(self, shape, dtype: tf.DType) -> tf.Tensor:
        if dtype == tf.float32:
            return super().__call__(shape, dtype)
        fan_in = max(1, math.prod(shape[:-1]))
        if self.distribution == "normal":
            normal = snt.initializers.RandomNormal(stddev=math.sqrt(self.scale / fan_in))
        else:
            normal = snt.initializers.TruncatedNormal(
                stddev=math.sqrt(self.scale / fan_in) / _STDDEV_WITHIN_TWO
            )
        return normal(shape, dtype)
