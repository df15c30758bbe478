"""How weights start, where Sonnet's own cannot."""

import sonnet as snt
import tensorflow as tf


class Orthogonal(snt.initializers.Orthogonal):
    """Sonnet's, in types for which TensorFlow has no QR decomposition as well."""

    def __call__(self, shape, dtype: tf.DType) -> tf.Tensor:
        made = super().__call__(shape, dtype if dtype == tf.float64 else tf.float32)
        return tf.cast(made, dtype)
