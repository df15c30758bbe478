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
      ValueError: no pictures, or other shapes or numbers; a size that the network refuses; or no
        network, one that returns anything but floating logits [n, classes], or none that are
        numbers.

    >>> import numpy as np
    >>> import weirdonetworks as wn
    >>> network = wn.create_network("mlp", pretrained="mnist")
    >>> stroke = np.zeros((28, 28), np.uint8)
    >>> stroke[4:24, 13:16] = 255
    >>> wn.classify(network, stroke).classes
    array([1])
    """
    if not callable(network):
        raise ValueError(f"network must be a function, got {_checks.received(network)}")
    x = _scaled(images)
    parts = [_logits(network, x[i : i + _BATCH]) for i in range(0, len(x), _BATCH)]
    logits = tf.concat(parts, axis=0)
    probabilities = tf.nn.softmax(logits).numpy()
    if np.isnan(probabilities).any():
        place = int(np.argmax(np.isnan(probabilities).any(axis=1)))
        raise ValueError(
            f"network must return logits with a softmax, got {logits[place].numpy()} of image "
            f"{place}"
        )
    return Prediction(
        classes=tf.argmax(logits, axis=1).numpy(),
        probabilities=probabilities,
        energy=-tf.reduce_logsumexp(logits, axis=1).numpy(),
    )


def _logits(network: Callable[[tf.Tensor], tf.Tensor], x: np.ndarray) -> tf.Tensor:
    """float32 [n, classes]."""
    logits = network(tf.constant(x))
    known = isinstance(logits, tf.Tensor)
    if (
        not known
        or tf.is_symbolic_tensor(logits)
        or not logits.dtype.is_floating
        or logits.shape.rank != 2
        or logits.shape[0] != len(x)
        or logits.shape[1] < 1
    ):
        shape = f"{logits.dtype.name} {logits.shape}" if known else _checks.received(logits)
        raise ValueError(
            f"network must return floating logits [n, classes] of n images, got {shape} of {len(x)}"
        )
    return tf.cast(logits, tf.float32)


def _scaled(images: Any) -> np.ndarray:
    """float32 [n, height, width, channels] in [0, 1]."""
    array = _checks.pixels("images", images)
    if array.ndim not in (2, 3, 4) or 0 in array.shape:
        raise ValueError(
            "images must be [height, width], [height, width, channels], [n, height, width] or "
            f"[n, height, width, channels], none of them 0, got shape {list(array.shape)}"
        )
    one = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (1, 3, 4))
    array = array[None] if one else array
    return array[..., None] if array.ndim == 3 else array
