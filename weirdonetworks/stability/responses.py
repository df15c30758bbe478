"""The outputs of a function on transformed images."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.groups import ImageAction
from weirdonetworks.stability.families import Family


def respond(
    function: Callable[[Any], Any],
    images,
    action: ImageAction | Family,
    batch_size: int = 1000,
) -> np.ndarray:
    """f(g_s x) of all images x and maps g_s: float64 [n, S, k].

    Args:
      function: whatever maps images [batch, ...] of the shape of those given to [batch, k]. It gets
        tensors if the images are a tensor or it is a tf.Module or a Keras layer, else numpy arrays,
        of the images' type. Compile it if it is to be quick.
      images: [n, H, W] or [n, H, W, C], floating.
      action: the maps.
      batch_size: how many transformed images the function gets at once, at most.

    Raises:
      ValueError: images of another shape than the action's, of an integer type, or none at all; or
        a function that returns anything else than finite real numbers [batch, k], k >= 1.
    """
    if not callable(function):
        raise ValueError(f"function must be callable on images, got {function!r}")
    if not isinstance(action, (ImageAction, Family)):
        raise ValueError(f"action must be an ImageAction or a Family, got {action!r}")
    action = action.action if isinstance(action, Family) else action
    batch_size = _checks.integer("batch_size", batch_size)
    layers = (tf.Module, tf.keras.layers.Layer)
    wants_tensors = tf.is_tensor(images) or isinstance(function, layers)
    images = images if tf.is_tensor(images) else np.asarray(images)
    pixels = _tensor_checks.grid("images", images, action.image_shape)
    if not len(pixels):
        raise ValueError(f"images must be at least one, got shape {images.shape}")
    parts = []
    count = max(1, batch_size // action.size)
    for first in range(0, len(pixels), count):
        orbit = action.apply(pixels[first : first + count])
        orbit = tf.reshape(orbit, [-1, *images.shape[1:]])
        for start in range(0, len(orbit), batch_size):
            batch = orbit[start : start + batch_size]
            values = _real(function(batch if wants_tensors else batch.numpy()))
            known = parts[0].shape[1:] if parts else values.shape[1:]
            if values.ndim != 2 or not values.size or values.shape != (len(batch), *known):
                raise ValueError(
                    "function must return [batch, k] with the same k >= 1 for each batch, "
                    f"got shape {values.shape} for {len(batch)} images"
                )
            parts.append(values)
    return np.concatenate(parts).reshape(len(pixels), action.size, -1)


def _real(values) -> np.ndarray:
    try:
        if np.iscomplexobj(values):
            raise TypeError
        array = np.asarray(values).astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"function must return real numbers [batch, k], got {type(values).__name__}"
        ) from None
    if not np.all(np.isfinite(array)):
        raise ValueError("function must return finite numbers, got NaN or infinity")
    return array
