"""Finite sets of image transformations, as sparse linear maps on pixels."""

import re
from functools import cached_property

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.functional.sparse import SparseMap

# Sources that lie within this of the pixel grid lie on it: what is left of cos and sin's rounding.
_SNAP = 1e-9


class ImageAction:
    """A finite set of linear maps of the plane, acting on images about their centre.

    Element g with matrix M_g moves the content of an image: (g x)(p) = x(M_g^-1 p), with p = (x to
    the right, y upwards) from the centre of the image, so that positive angles turn
    counterclockwise. Between pixels, x is interpolated bilinearly (at most four taps a pixel);
    outside the frame it is 0.

    Where all elements map the pixel grid onto itself (`is_exact`), each is a permutation of the
    pixels and the set acts as a group. Otherwise it does so only approximately: corners leave the
    frame and pixels are resampled, so that g(hx) differs from (gh)x.

    Attributes:
      name: such as "cyclic4".
      image_shape: (height, width).
      matrices: float64 [size, 2, 2].
      table: int [size, size] with g_i g_j = g_table[i, j], or None if that leaves the set.
      inverses: int [size] with g_i g_inverses[i] = 1, or None.
      is_exact: whether every element is a permutation of the pixels.
    """

    def __init__(self, name: str, matrices, image_shape: tuple[int, int] = (28, 28)):
        """Raises ValueError for matrices that are not [n, 2, 2], finite and invertible."""
        self.name = name
        self.image_shape = _checks.image_shape("image_shape", image_shape)
        self.matrices = np.asarray(matrices, np.float64)
        shape = self.matrices.shape
        if len(shape) != 3 or shape[1:] != (2, 2) or not shape[0]:
            raise ValueError(f"matrices must be [n, 2, 2] with n >= 1, got shape {shape}")
        determinants = np.linalg.det(self.matrices)
        if not np.all(np.isfinite(determinants)) or np.any(np.abs(determinants) < 1e-12):
            raise ValueError(
                f"matrices must be finite and invertible, got determinants {determinants}"
            )
        self._taps = _bilinear_taps(self.matrices, self.image_shape)
        self.table = _composition_table(self.matrices)
        self.inverses = None if self.table is None else np.argmin(self.table, axis=1)
        element, target, source, weight = self._taps
        pixels = self.image_shape[0] * self.image_shape[1]
        ids = element * pixels
        self.is_exact = bool(
            np.all(weight == 1)
            and len(np.unique(ids + target)) == len(np.unique(ids + source)) == self.size * pixels
        )

    @property
    def size(self) -> int:
        """|G|, the number of elements."""
        return len(self.matrices)

    def __repr__(self) -> str:
        height, width = self.image_shape
        return f"<ImageAction {self.name}: {self.size} elements on {height} x {width} pixels>"

    @cached_property
    def _on_images(self) -> SparseMap:
        """[pixels, ...] -> [size * pixels, ...], the elements one after another."""
        element, target, source, weight = self._taps
        pixels = self.image_shape[0] * self.image_shape[1]
        return SparseMap(element * pixels + target, source, weight, (self.size * pixels, pixels))

    @cached_property
    def _on_weights(self) -> list[SparseMap]:
        """The transposed map of each element, [pixels, ...] -> [pixels, ...]."""
        element, target, source, weight = self._taps
        pixels = self.image_shape[0] * self.image_shape[1]
        masks = [element == g for g in range(self.size)]
        return [SparseMap(source[m], target[m], weight[m], (pixels, pixels)) for m in masks]

    def apply(self, images: tf.Tensor) -> tf.Tensor:
        """The orbits {gx}: [batch, H, W, C] or [batch, H, W] -> [batch, size, H, W, C].

        Raises:
          ValueError: images of another shape or of an integer type.
        """
        images = _checks.grid("images", images, self.image_shape)
        height, width = self.image_shape
        channels = images.shape[3]
        x = tf.transpose(images, [1, 2, 0, 3])
        x = tf.reshape(x, [height * width, -1])
        y = tf.reshape(self._on_images(x), [self.size, height, width, -1, channels])
        return tf.transpose(y, [3, 0, 1, 2, 4])

    def transport(self, weights: tf.Tensor) -> tf.Tensor:
        """The weights that see x as `weights` see gx: [H W C, out] -> [H W C, size, out].

        sum_p w_p (gx)_p = sum_q (g^T w)_q x_q with the transposed map g^T, so turning the weights
        of a first layer is the same as turning the images, at no cost per image.

        Raises:
          ValueError: a number of rows that is no multiple of H W.
        """
        weights = _checks.floating("weights", weights)
        height, width = self.image_shape
        pixels = height * width
        if weights.shape.rank != 2 or not weights.shape[0] or weights.shape[0] % pixels:
            raise ValueError(
                f"weights must be [{height} * {width} * channels, out], got shape {weights.shape}"
            )
        channels, out = weights.shape[0] // pixels, weights.shape[1]
        y = self._turn(tf.reshape(weights, [pixels, channels * out]))
        y = tf.reshape(y, [pixels, self.size, channels, out])
        return tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [pixels * channels, self.size, out])

    def _turn(self, weights: tf.Tensor) -> tf.Tensor:
        """[pixels, out] -> [pixels, size, out]: every transposed map of the weights."""

        # A map for each element, since XLA does not vectorise the indices of one map for all. The
        # gradient is summed by a product with ones: a sum would be fused into all who use it, the
        # two moments of Adam, say, which leaves each of its many gathers in memory.
        @tf.custom_gradient
        def turned(w):
            def gradient(dy):
                back = [f.transpose(dy[:, g]) for g, f in enumerate(self._on_weights)]
                return tf.tensordot(tf.ones([self.size], dy.dtype), tf.stack(back), axes=1)

            return tf.stack([f(w) for f in self._on_weights], axis=1), gradient

        return turned(weights)


def _bilinear_taps(matrices: np.ndarray, image_shape: tuple[int, int]):
    """The maps' entries as (element, target pixel, source pixel, weight), zeros left out."""
    height, width = image_shape
    row, column = np.divmod(np.arange(height * width), width)
    points = np.stack([column - (width - 1) / 2, (height - 1) / 2 - row])
    x, y = np.moveaxis(np.linalg.inv(matrices) @ points, 1, 0)
    x, y = x + (width - 1) / 2, (height - 1) / 2 - y
    x = np.where(np.abs(x - np.round(x)) < _SNAP, np.round(x), x)
    y = np.where(np.abs(y - np.round(y)) < _SNAP, np.round(y), y)
    entries = []
    for dy in (0, 1):
        for dx in (0, 1):
            r, c = np.floor(y) + dy, np.floor(x) + dx
            weight = (1 - np.abs(y - r)) * (1 - np.abs(x - c))
            inside = (r >= 0) & (r < height) & (c >= 0) & (c < width) & (weight > 0)
            element, target = np.nonzero(inside)
            source = (r * width + c)[inside].astype(np.int64)
            entries.append((element, target, source, weight[inside]))
    return [np.concatenate(part) for part in zip(*entries, strict=True)]


def _composition_table(matrices: np.ndarray) -> np.ndarray | None:
    """The index of each product, or None if a product or the identity is missing."""
    products = matrices[:, None] @ matrices[None]
    distance = np.abs(products[:, :, None] - matrices).max(axis=(-2, -1))
    table = np.argmin(distance, axis=-1)
    closed = np.all(np.min(distance, axis=-1) < _SNAP)
    return table if closed and np.allclose(matrices[0], np.eye(2), rtol=0, atol=_SNAP) else None


def rotation_matrices(degrees) -> np.ndarray:
    """Rotations by angles in degrees, counterclockwise, [n, 2, 2]; exact at multiples of 90."""
    degrees = np.asarray(degrees, np.float64)
    if degrees.ndim != 1 or not degrees.size or not np.all(np.isfinite(degrees)):
        raise ValueError(f"degrees must be a non-empty list of finite angles, got {degrees}")
    quarter = np.round(degrees / 90)
    rest = np.deg2rad(degrees - 90 * quarter)
    turn = np.array([[0, -1], [1, 0]], np.float64)
    turns = np.stack([np.linalg.matrix_power(turn, k) for k in range(4)])[quarter.astype(int) % 4]
    cos, sin = np.cos(rest), np.sin(rest)
    return turns @ np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)


def rotations(degrees, image_shape: tuple[int, int] = (28, 28)) -> ImageAction:
    """Rotations by any list of angles in degrees, counterclockwise; in general not a group."""
    return ImageAction("rotations", rotation_matrices(degrees), image_shape)


def cyclic(n: int, image_shape: tuple[int, int] = (28, 28)) -> ImageAction:
    """The n rotations by multiples of 360 / n degrees.

    Exact for n = 1, 2, and on square images for n = 4. For other n, the rotations that are
    multiples of 90 degrees (180 on images that are not square) are exact all the same.

    Raises:
      ValueError: n < 1.
    """
    n = _checks.integer("n", n)
    return ImageAction(f"cyclic{n}", rotation_matrices(np.arange(n) * 360 / n), image_shape)


def dihedral(n: int, image_shape: tuple[int, int] = (28, 28)) -> ImageAction:
    """The n rotations of `cyclic(n)`, then each of them after a left-right flip: 2 n elements.

    Exact where `cyclic(n)` is.

    Raises:
      ValueError: n < 1.
    """
    n = _checks.integer("n", n)
    turns = rotation_matrices(np.arange(n) * 360 / n)
    matrices = np.concatenate([turns, turns @ np.diag([-1.0, 1.0])])
    return ImageAction(f"dihedral{n}", matrices, image_shape)


_CONSTRUCTORS = {"cyclic": cyclic, "dihedral": dihedral}


def get_group(group: str | ImageAction, image_shape: tuple[int, int] | None = None) -> ImageAction:
    """The group of a name such as "cyclic16" or "dihedral4"; an ImageAction is returned as it is.

    Images are 28 x 28 where neither the ImageAction nor `image_shape` says otherwise.

    Raises:
      ValueError: a name of another form, or an ImageAction for images of another shape.
    """
    if image_shape is not None:
        image_shape = _checks.image_shape("image_shape", image_shape)
    if isinstance(group, ImageAction):
        if image_shape not in (None, group.image_shape):
            raise ValueError(
                f"image_shape must be that of the group, {group.image_shape}, got {image_shape}"
            )
        return group
    match = re.fullmatch(r"(cyclic|dihedral)([1-9]\d*)", group) if isinstance(group, str) else None
    if match is None:
        raise ValueError(
            f"group must be an ImageAction or a name such as 'cyclic16' or 'dihedral4', "
            f"got {group!r}"
        )
    return _CONSTRUCTORS[match[1]](int(match[2]), image_shape or (28, 28))
