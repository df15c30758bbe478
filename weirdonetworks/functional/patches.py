"""Images as sets of patches, and as their lowest frequencies."""

import math

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks


def patches(images: tf.Tensor, size: int, stride: int | None = None) -> tf.Tensor:
    """The square windows of images as vectors: [batch, windows, size * size * C].

    From left to right and from above, one every `stride` pixels; `size` by default, where no pixel
    is in two windows and the patches are the image, reshaped. Overlapping ones are gathered.

    Args:
      images: [batch, H, W, C] or [batch, H, W], floating, H, W and C static.
      size: of a window, at most H and W.
      stride: at most `size`, such that the last windows end where the image does.

    Raises:
      ValueError: other shapes, or sizes that do not fit; the message says which do.
    """
    images = _tensor_checks.images("images", images)
    height, width, channels = images.shape[1:]
    size = _checks.integer("size", size)
    stride = size if stride is None else _checks.integer("stride", stride)
    check_windows((height, width), size, stride)
    if stride == size:
        rows, columns = height // size, width // size
        split = tf.reshape(images, [-1, rows, size, columns, size, channels])
        split = tf.transpose(split, [0, 1, 3, 2, 4, 5])
        return tf.reshape(split, [-1, rows * columns, size * size * channels])
    pixels = tf.reshape(images, [-1, height * width, channels])
    places = window_places((height, width), size, stride)
    found = tf.gather(pixels, tf.constant(places.reshape(-1)), axis=1)
    return tf.reshape(found, [-1, len(places), size * size * channels])


def check_windows(image_shape: tuple[int, int], size: int, stride: int) -> None:
    """Raises ValueError for windows that do not cover the image, or that stand out of it."""
    height, width = image_shape
    both = math.gcd(height, width)
    if size == stride and both % size:
        fitting = [d for d in range(1, both + 1) if both % d == 0]
        raise ValueError(
            f"patch_size must divide the height and width of the images, {height} x {width}: one "
            f"of {fitting}, got {size}"
        )
    fitting = [s for s in range(1, size + 1) if not any((side - size) % s for side in image_shape)]
    if size > min(image_shape):
        raise ValueError(
            f"patch_size must be at most {min(image_shape)} for images of {height} x {width}, "
            f"got {size}"
        )
    if stride not in fitting:
        raise ValueError(
            f"stride must be at most patch_size={size} and divide what is left of the images, "
            f"{height} x {width}: one of {fitting}, got {stride}"
        )


def window_places(image_shape: tuple[int, int], size: int, stride: int) -> np.ndarray:
    """The pixels of each window by their places in the flat image, [windows, size * size]."""
    height, width = image_shape
    places = np.arange(height * width, dtype=np.int32).reshape(height, width)
    windows = np.lib.stride_tricks.sliding_window_view(places, (size, size))[::stride, ::stride]
    return windows.reshape(-1, size * size)


def cosine_basis(size: int, frequencies: int) -> np.ndarray:
    """The first rows of the orthonormal DCT-II, [frequencies, size].

        c_kn = s_k cos(pi k (2 n + 1) / (2 size)),   s_0 = sqrt(1 / size), else sqrt(2 / size).

    Raises:
      ValueError: more frequencies than the size, or integers < 1.
    """
    size = _checks.integer("size", size)
    frequencies = _checks.integer("frequencies", frequencies)
    if frequencies > size:
        raise ValueError(
            f"frequencies must be at most the height and width of the images, {size}, "
            f"got {frequencies}"
        )
    k, n = np.arange(frequencies)[:, None], np.arange(size)
    return np.cos(np.pi * k * (2 * n + 1) / (2 * size)) * np.sqrt((2 - (k == 0)) / size)


def lowest_frequencies(images: tf.Tensor, frequencies: int) -> tf.Tensor:
    """The lowest frequencies of the two-dimensional DCT, [batch, frequencies^2 C].

        y_kl = sum_ij c_ki c_lj x_ij,

    k along the height, l along the width, c the orthonormal DCT-II of `cosine_basis`: the sum of
    squares of all frequencies is that of the pixels.

    Args:
      images: [batch, H, W, C] or [batch, H, W], floating, H, W and C static.
      frequencies: of each direction, at most H and W.

    Raises:
      ValueError: other shapes, or more frequencies.
    """
    images = _tensor_checks.images("images", images)
    height, width, channels = images.shape[1:]
    vertical, horizontal = (
        tf.constant(cosine_basis(side, frequencies), images.dtype) for side in (height, width)
    )
    y = tf.einsum("ki,bijc,lj->bklc", vertical, images, horizontal)
    return tf.reshape(y, [-1, frequencies * frequencies * channels])
