"""What a network says of pictures."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks

_BATCH = 1000


class Prediction(NamedTuple):
    """What a network says of n pictures.

    Attributes:
      classes: int64 [n], the likeliest class of each.
      probabilities: float32 [n, classes], the softmax of the logits.
      energy: float32 [n], -log sum_k exp(logit_k): high where a picture is like none that the
        network was trained on (Liu et al. 2020, "Energy-based out-of-distribution detection").
    """

    classes: np.ndarray
    probabilities: np.ndarray
    energy: np.ndarray


def classify(network: Callable[[tf.Tensor], tf.Tensor], images: Any) -> Prediction:
    """Asks a network of images -> logits.

    Args:
      network: one of `create_network`, or any other function of float32 images
        [batch, height, width, channels] in [0, 1].
      images: integers from 0 to 255 or floats in [0, 1]: one picture [height, width] or
        [height, width, channels] (1, 3 or 4 of them), or n of them, [n, height, width] or
        [n, height, width, channels].

    Raises:
      ValueError: no pictures, or other shapes or numbers; or a size that the network refuses.

    >>> import numpy as np
    >>> import weirdonetworks as wn
    >>> network = wn.create_network("mlp", pretrained="mnist")
    >>> stroke = np.zeros((28, 28), np.uint8)
    >>> stroke[4:24, 13:16] = 255
    >>> wn.classify(network, stroke).classes
    array([1])
    """
    x = _scaled(images)
    parts = [network(tf.constant(x[i : i + _BATCH])) for i in range(0, len(x), _BATCH)]
    logits = tf.concat(parts, axis=0)
    return Prediction(
        classes=tf.argmax(logits, axis=1).numpy(),
        probabilities=tf.nn.softmax(logits).numpy(),
        energy=-tf.reduce_logsumexp(logits, axis=1).numpy(),
    )


def _scaled(images: Any) -> np.ndarray:
    """float32 [n, height, width, channels] in [0, 1]."""
    array = np.asarray(images)
    if array.dtype.kind not in "uif":
        raise ValueError(f"images must be numbers, got {_checks.received(array.dtype)}")
    if array.ndim not in (2, 3, 4) or 0 in array.shape:
        raise ValueError(
            "images must be [height, width], [height, width, channels], [n, height, width] or "
            f"[n, height, width, channels], none of them 0, got shape {list(array.shape)}"
        )
    white = 1 if array.dtype.kind == "f" else 255
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= white):  # NaN is neither
        raise ValueError(
            "images must be integers from 0 to 255 or floats in [0, 1], "
            f"got {array.dtype} from {low} to {high}"
        )
    one = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (1, 3, 4))
    array = array[None] if one else array
    array = array[..., None] if array.ndim == 3 else array
    return array.astype(np.float32) / np.float32(white)
