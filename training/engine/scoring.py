"""How well a network classifies."""

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.data import Split
from training.engine.loop import scale
from weirdonetworks.groups import rotations

_BATCH = 500

# 5, 20, ..., 350 degrees: 15 apart, and none a multiple of 360 / 16 = 22.5, so that no element of
# cyclic16 (or of a subgroup) turns an image back to where it was.
ANGLES = tuple(range(5, 360, 15))


class Scorer:
    """Counts what a network classifies correctly, compiled, on whole splits."""

    def __init__(self, network: snt.Module):
        self.network = network
        self._count = tf.function(self._count_correct, jit_compile=True, autograph=False)
        self._probabilities = tf.function(
            lambda images: tf.nn.softmax(network(scale(images), is_training=False)),
            jit_compile=True,
            autograph=False,
        )

    def _count_correct(self, images, labels):
        logits = self.network(scale(images), is_training=False)
        hits = tf.argmax(logits, axis=1, output_type=labels.dtype) == labels
        return tf.reduce_sum(tf.cast(hits, tf.int32))

    def accuracy(self, split: Split) -> float:
        """The share of a split's images, all of them, that are classified correctly."""
        parts = range(0, len(split.images), _BATCH)
        correct = sum(
            int(self._count(split.images[i : i + _BATCH], split.labels[i : i + _BATCH]))
            for i in parts
        )
        return correct / len(split.images)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """The softmax of the logits of uint8 images, [n, classes]."""
        parts = range(0, len(images), _BATCH)
        found = [self._probabilities(images[i : i + _BATCH]).numpy() for i in parts]
        return np.concatenate(found) if found else np.zeros([0, 0], np.float32)

    def accuracy_by_angle(self, split: Split, degrees=ANGLES) -> np.ndarray:
        """The accuracy on images turned by each angle (bilinear, 0 outside), [len(degrees)]."""
        action = rotations(degrees, split.images.shape[1:3])

        @tf.function(jit_compile=True, autograph=False)
        def count(images, labels):
            orbit = action.apply(scale(images))
            logits = self.network(tf.reshape(orbit, [-1, *orbit.shape[2:]]), is_training=False)
            predictions = tf.argmax(logits, axis=1, output_type=labels.dtype)
            hits = tf.reshape(predictions, [-1, action.size]) == labels[:, None]
            return tf.reduce_sum(tf.cast(hits, tf.int32), axis=0)

        batch = max(1, _BATCH // 10)
        parts = range(0, len(split.images), batch)
        correct = sum(
            count(split.images[i : i + batch], split.labels[i : i + batch]).numpy() for i in parts
        )
        return correct / len(split.images)
