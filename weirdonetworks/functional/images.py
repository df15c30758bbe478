"""Images as features, and maps of images, each image by a map of its own."""

import math

import tensorflow as tf

from weirdonetworks import _tensor_checks


def warp(
    images: tf.Tensor, matrices: tf.Tensor, displacements: tf.Tensor | None = None
) -> tf.Tensor:
    """y_b(p) = x_b(g_b^-1 p + d_b(p)) for maps g_b: p -> M_b p + t_b, one an image.

    With p = (x to the right, y upwards) in pixels from the centre of the image, interpolated
    bilinearly, 0 outside the frame: as `groups.affine`, for maps that are tensors. There the maps
    are known beforehand and shared by all images, which is faster; here they may be drawn anew at
    each call.

    Args:
      images: [batch, H, W, C] or [batch, H, W], floating.
      matrices: [batch, 2, 3] or [1, 2, 3], M | t, of the same type, M invertible.
      displacements: d, [batch, H, W, 2] or [1, H, W, 2], in pixels, of the same type; 0 if None.

    Returns:
      [batch, H, W, C]; differentiable in the images and, where bilinear interpolation is, in the
      matrices and displacements.

    Raises:
      ValueError: other shapes or types, or another number of maps than one or one an image.
    """
    images = _tensor_checks.floating("images", images)
    matrices = _of_type("matrices", matrices, images)
    if matrices.shape.rank != 3 or matrices.shape[1:] != [2, 3]:
        raise ValueError(f"matrices must be [batch, 2, 3], got shape {matrices.shape}")
    if images.shape.rank not in (3, 4) or None in images.shape[1:]:
        raise ValueError(
            "images must be [batch, height, width, channels] or [batch, height, width] with "
            f"static sizes after the batch, got shape {images.shape}"
        )
    images = _tensor_checks.grid("images", images, images.shape[1:3])
    _check_number("matrices", matrices, images)
    height, width, channels = images.shape[1:]
    x, y = _sources(matrices, height, width)
    if displacements is not None:
        right, up = tf.unstack(_displacements(displacements, images), axis=-1)
        x, y = x + right, y - up
    flat = tf.reshape(images, [-1, channels])
    first = height * width * tf.range(tf.shape(images)[0])[:, None]
    total = 0
    for row in (tf.floor(y), tf.floor(y) + 1):
        for column in (tf.floor(x), tf.floor(x) + 1):
            weight = (1 - tf.abs(y - row)) * (1 - tf.abs(x - column))
            outside = (row < 0) | (row >= height) | (column < 0) | (column >= width)
            weight = tf.where(outside, tf.zeros_like(weight), weight)  # NaN stays NaN
            r, c = _within(row, height), _within(column, width)
            source = width * tf.cast(r, tf.int32) + tf.cast(c, tf.int32)
            total += weight[:, :, None] * tf.gather(flat, first + source)
    return tf.reshape(total, [-1, height, width, channels])


def _of_type(name: str, maps: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    maps = _tensor_checks.floating(name, maps)
    if maps.dtype != images.dtype:
        raise ValueError(
            f"{name} must be of the type of images, {images.dtype.name}, got {maps.dtype.name}"
        )
    return maps


def _within(places: tf.Tensor, size: int) -> tf.Tensor:
    """The nearest of 0, ..., size - 1; 0 for NaN, as a singular matrix makes it, which is none."""
    places = tf.where(tf.math.is_nan(places), tf.zeros_like(places), places)
    return tf.clip_by_value(places, 0, size - 1)


def _displacements(displacements: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Displacements as [batch, H W, 2]."""
    displacements = _of_type("displacements", displacements, images)
    height, width = images.shape[1:3]
    if displacements.shape.rank != 4 or displacements.shape[1:] != [height, width, 2]:
        raise ValueError(
            f"displacements must be [batch, {height}, {width}, 2], got shape {displacements.shape}"
        )
    _check_number("displacements", displacements, images)
    return tf.reshape(displacements, [-1, height * width, 2])


def _check_number(name: str, maps: tf.Tensor, images: tf.Tensor) -> None:
    """Where both are known, maps must be as many as images, or one for all."""
    batch = images.shape[0]
    if batch is not None and maps.shape[0] not in (None, 1, batch):
        raise ValueError(f"{name} must be for 1 or {batch} images, got {maps.shape[0]}")


def _sources(matrices: tf.Tensor, height: int, width: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Column and row, as real numbers, from which each pixel is taken: two [batch, H W]."""
    rows, columns = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
    x = tf.cast(tf.reshape(columns, [1, -1]), matrices.dtype) - (width - 1) / 2
    y = (height - 1) / 2 - tf.cast(tf.reshape(rows, [1, -1]), matrices.dtype)
    a, b, c, d = (matrices[:, i, j, None] for i in (0, 1) for j in (0, 1))
    x, y = x - matrices[:, 0, 2, None], y - matrices[:, 1, 2, None]
    determinant = a * d - b * c
    x, y = (d * x - b * y) / determinant, (a * y - c * x) / determinant
    return x + (width - 1) / 2, (height - 1) / 2 - y


def flatten(images: tf.Tensor) -> tf.Tensor:
    """[batch, H, W, C], [batch, H, W] or [batch, features] -> [batch, features]."""
    images = _tensor_checks.floating("images", images)
    if images.shape.rank not in (2, 3, 4) or None in images.shape[1:]:
        raise ValueError(
            "images must be [batch, height, width, channels], [batch, height, width] or "
            f"[batch, features] with static sizes after the batch, got shape {images.shape}"
        )
    return tf.reshape(images, [-1, math.prod(images.shape[1:])])
