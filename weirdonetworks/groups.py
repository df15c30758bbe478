"""Finite sets of image transformations, as sparse linear maps on pixels."""

import functools
import re
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional.sparse import SparseMap

# Sources that lie within this of the pixel grid lie on it: what is left of cos and sin's rounding.
_SNAP = 1e-9
_MOST_ELEMENTS, _MOST_SHIFT = 4096, 127  # both of tens of thousands of maps at most


class ImageAction:
    """A finite set of affine maps of the plane, acting on images about their centre.

    Element g is p -> M_g p + t_g and moves the content of an image: (g x)(p) = x(g^-1 p), with
    p = (x to the right, y upwards) in pixels from the centre of the image, so that positive angles
    turn counterclockwise and positive shifts go right and up. Between pixels, x is interpolated
    bilinearly (at most four taps a pixel), or with `order=0` taken from the nearest one. Outside
    the frame it is 0, or with `wrap` it goes on periodically, as on a torus.

    The maps of the plane may form a group (`table` is not None). What they do to images is a group
    action only where each of them is a permutation of the pixels (`is_exact`). Otherwise corners
    leave the frame and pixels are resampled, so that g(h x) differs from (g h) x: by how much on
    given images, `composition_defect` measures.

    Attributes:
      name: such as "cyclic4".
      image_shape: (height, width).
      matrices: M, float64 [size, 2, 2].
      shifts: t, float64 [size, 2], in pixels.
      wrap: whether images are periodic.
      order: of the interpolation, 1 (bilinear) or 0 (nearest).
      taps: the maps' entries, zeros left out.
      table: int [size, size] with g_i g_j = g_table[i, j], or None if that leaves the set, if an
        element occurs twice, or if the first is not the identity.
      inverses: int [size] with g_i g_inverses[i] = 1, or None.
      is_exact: whether every element is a permutation of the pixels.
    """

    def __init__(
        self,
        name: str,
        matrices,
        image_shape: tuple[int, int] = (28, 28),
        shifts=None,
        wrap: bool = False,
        order: int = 1,
    ):
        """Raises ValueError for matrices that are not [n, 2, 2], finite and invertible, shifts that
        are not [n, 2] and finite, or another order than 0 and 1."""
        self.name = name
        self.image_shape = _checks.image_shape("image_shape", image_shape)
        self.matrices = np.array(matrices, np.float64)
        shape = self.matrices.shape
        if len(shape) != 3 or shape[1:] != (2, 2) or not shape[0]:
            raise ValueError(f"matrices must be [n, 2, 2] with n >= 1, got shape {shape}")
        with np.errstate(invalid="ignore"):
            determinants = np.linalg.det(self.matrices)
        if not np.all(np.isfinite(determinants)) or np.any(np.abs(determinants) < 1e-12):
            raise ValueError(
                f"matrices must be finite and invertible, got determinants {determinants}"
            )
        self.shifts = np.zeros([self.size, 2]) if shifts is None else np.array(shifts, np.float64)
        if self.shifts.shape != (self.size, 2) or not np.all(np.isfinite(self.shifts)):
            raise ValueError(
                f"shifts must be finite and [{self.size}, 2], got {_checks.received(shifts)}"
            )
        self.wrap = _checks.flag("wrap", wrap)
        self.order = _checks.choice("order", order, (0, 1))
        self.taps = _taps(self.matrices, self.shifts, self.image_shape, self.wrap, self.order)
        self.table = self._composition_table()
        self.inverses = None if self.table is None else np.argmin(self.table, axis=1)
        ids = self.taps.element * self.num_pixels
        self.is_exact = bool(
            np.all(self.taps.weight == 1)
            and len(np.unique(ids + self.taps.target)) == self.size * self.num_pixels
            and len(np.unique(ids + self.taps.source)) == self.size * self.num_pixels
        )

    def _elements(self, matrices: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        """Six numbers an element, the same for the same map: [..., 6]."""
        if self.wrap:
            period = np.array(self.image_shape[::-1], np.float64)
            shifts = shifts - period * np.floor(shifts / period + _SNAP)
        return np.concatenate([matrices.reshape(*matrices.shape[:-2], 4), shifts], axis=-1)

    def _keeps_the_torus(self) -> bool:
        """Whether the matrices map the periods, (width, 0) and (0, height), to periods."""
        period = np.array(self.image_shape[::-1], np.float64)
        periods = self.matrices * period / period[:, None]
        return bool(np.all(np.abs(periods - np.round(periods)) < _SNAP))

    def _composition_table(self) -> np.ndarray | None:
        elements = self._elements(self.matrices, self.shifts)
        rows = []
        # From the last on: all products at once are gigabytes, of sets that are not closed as well.
        for g in reversed(range(self.size)):
            maps = _compose(self.matrices[g], self.shifts[g], self.matrices, self.shifts)
            rows.append(_find(elements, self._elements(*maps)))
            if np.any(rows[-1] < 0):
                return None
        table = np.stack(rows[::-1])
        # Products with the first are what they were: it is the identity, and none is there twice.
        is_group = np.array_equal(table[0], np.arange(self.size)) and (
            not self.wrap or self._keeps_the_torus()
        )
        return table if is_group else None

    @property
    def size(self) -> int:
        """|G|, the number of elements."""
        return len(self.matrices)

    @property
    def num_pixels(self) -> int:
        """height * width."""
        return self.image_shape[0] * self.image_shape[1]

    @property
    def num_weights(self) -> int:
        """How many numbers interpolate between pixels, of all elements; 0 for permutations."""
        return 0 if self.is_exact else len(self.taps.weight)

    @property
    def is_group(self) -> bool:
        """Whether the set is a group that acts exactly: closed, and permutations of the pixels."""
        return self.table is not None and self.is_exact

    @cached_property
    def permutations(self) -> np.ndarray:
        """(g x)_p = x_permutations[g, p] on flattened images, int [size, num_pixels].

        Raises:
          ValueError: an element is not a permutation of the pixels.
        """
        if not self.is_exact:
            raise ValueError(f"every element must be a permutation of the pixels, got {self!r}")
        sources = np.empty([self.size, self.num_pixels], np.int64)
        sources[self.taps.element, self.taps.target] = self.taps.source
        return sources

    def __repr__(self) -> str:
        height, width = self.image_shape
        return f"<ImageAction {self.name}: {self.size} elements on {height} x {width} pixels>"

    @cached_property
    def _on_images(self) -> SparseMap:
        """[pixels, ...] -> [size * pixels, ...], the elements one after another."""
        element, target, source, weight = self.taps
        n = self.num_pixels
        return SparseMap(element * n + target, source, weight, (self.size * n, n))

    @cached_property
    def _on_weights(self) -> list[SparseMap]:
        """The transposed map of each element, [pixels, ...] -> [pixels, ...]."""
        element, target, source, weight = self.taps
        shape = (self.num_pixels, self.num_pixels)
        masks = [element == g for g in range(self.size)]
        return [SparseMap(source[m], target[m], weight[m], shape) for m in masks]

    def apply(self, images: tf.Tensor) -> tf.Tensor:
        """The orbits {gx}: [batch, H, W, C] or [batch, H, W] -> [batch, size, H, W, C].

        Raises:
          ValueError: images of another shape or of an integer type.
        """
        images = _tensor_checks.grid("images", images, self.image_shape)
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
        weights = _tensor_checks.floating("weights", weights)
        height, width = self.image_shape
        pixels = self.num_pixels
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

    def canonical(self, images: tf.Tensor) -> tf.Tensor:
        """The lexicographically smallest image of each orbit: the same bits for x and all g x.

        [batch, H, W, C] or [batch, H, W] -> [batch, H, W, C], for finite images; -0.0 becomes 0.0.

        Raises:
          ValueError: the set is no group of permutations of the pixels.
        """
        orbit = check_is_group(self).apply(images)
        orbit = tf.where(orbit == 0, tf.zeros_like(orbit), orbit)
        shape = tf.shape(orbit)
        candidates = tf.unstack(tf.reshape(orbit, [shape[0], self.size, -1]), axis=1)
        smallest = candidates[0]
        for candidate in candidates[1:]:
            first = tf.argmax(tf.cast(candidate != smallest, tf.int32), axis=1)[:, None]
            less = tf.gather(candidate < smallest, first, batch_dims=1)
            smallest = tf.where(less, candidate, smallest)
        return tf.reshape(smallest, tf.concat([shape[:1], orbit.shape[2:]], axis=0))


def check_is_group(group: ImageAction) -> ImageAction:
    """Returns `group`, which must be a group of permutations of the pixels."""
    if not group.is_group:
        raise ValueError(
            "group must be closed and act by permutations of the pixels (cyclic4 and dihedral4 do "
            f"on square images), got {_checks.received(group)}"
        )
    return group


def compose(a: ImageAction, b: ImageAction) -> tuple[np.ndarray, np.ndarray]:
    """The maps p -> g(h(p)) of all g in a and h in b: matrices [|a|, |b|, 2, 2] and shifts."""
    return _compose(a.matrices[:, None], a.shifts[:, None], b.matrices, b.shifts)


def _compose(
    matrices: np.ndarray, shifts: np.ndarray, first: np.ndarray, first_shifts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The maps after the first ones: matrices [..., 2, 2] and shifts [..., 2]."""
    return matrices @ first, (matrices @ first_shifts[..., None])[..., 0] + shifts


def composition_defect(action: ImageAction, images) -> np.ndarray:
    """|g(h x) - (g h) x|_2 for each image and all g, h: float64 [batch, size, size].

    By this much the maps fail to act as their products say. (g h) x is interpolated once, whether
    or not g h is in the set. Zero for permutations of the pixels, and for translations with zero
    fill only where nothing leaves the frame in between.

    Raises:
      ValueError: images of another shape or of an integer type.
    """
    images = tf.cast(_tensor_checks.grid("images", images, action.image_shape), tf.float64)
    matrices, shifts = compose(action, action)
    defects = []
    for h in range(action.size):
        one = ImageAction("h", action.matrices[h : h + 1], **_frame(action, action.shifts[h][None]))
        twice = action.apply(one.apply(images)[:, 0])
        products = ImageAction("gh", matrices[:, h], **_frame(action, shifts[:, h]))
        squares = tf.square(twice - products.apply(images))
        defects.append(tf.sqrt(tf.reduce_sum(squares, axis=[2, 3, 4])))
    return tf.stack(defects, axis=2).numpy()


def _frame(action: ImageAction, shifts: np.ndarray) -> dict[str, Any]:
    return {
        "image_shape": action.image_shape,
        "shifts": shifts,
        "wrap": action.wrap,
        "order": action.order,
    }


class Taps(NamedTuple):
    """Sparse maps of pixels: y_target = sum of weight * x_source over the taps of an element."""

    element: np.ndarray
    target: np.ndarray
    source: np.ndarray
    weight: np.ndarray


def _taps(matrices, shifts, image_shape, wrap: bool, order: int) -> Taps:
    height, width = image_shape
    row, column = np.divmod(np.arange(height * width), width)
    points = np.stack([column - (width - 1) / 2, (height - 1) / 2 - row])
    x, y = np.moveaxis(np.linalg.inv(matrices) @ (points - shifts[:, :, None]), 1, 0)
    x, y = x + (width - 1) / 2, (height - 1) / 2 - y
    x = np.where(np.abs(x - np.round(x)) < _SNAP, np.round(x), x)
    y = np.where(np.abs(y - np.round(y)) < _SNAP, np.round(y), y)
    entries = []
    if order == 0:
        corners = [(np.floor(y + 0.5), np.floor(x + 0.5), np.ones_like(x))]
    else:
        rows, columns = ((np.floor(v), np.floor(v) + 1) for v in (y, x))
        corners = [(r, c, (1 - np.abs(y - r)) * (1 - np.abs(x - c))) for r in rows for c in columns]
    for r, c, weight in corners:
        if wrap:
            r, c = r % height, c % width
        inside = (r >= 0) & (r < height) & (c >= 0) & (c < width) & (weight > 0)
        element, target = np.nonzero(inside)
        source = (r * width + c)[inside].astype(np.int64)
        entries.append((element, target, source, weight[inside]))
    return Taps(*(np.concatenate(part) for part in zip(*entries, strict=True)))


def _find(elements: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The index among `elements` [n, 6] of each row of `wanted` [..., 6], or -1."""
    # On a line in general position, equal rows are neighbours and others are hardly ever.
    direction = np.sqrt([2, 3, 5, 7, 11, 13])
    places = elements @ direction
    order = np.argsort(places, kind="stable")
    tolerance = _SNAP * np.sum(direction)
    start = np.searchsorted(places[order], wanted @ direction - tolerance)
    found = np.full(wanted.shape[:-1], -1)
    for step in range(4):
        index = order[np.minimum(start + step, len(order) - 1)]
        near = np.all(np.abs(elements[index] - wanted) < _SNAP, axis=-1)
        found = np.where((found < 0) & near, index, found)
    return found


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


def affine_matrices(degrees=0.0, scale=1.0, shear=0.0, shift=(0.0, 0.0)) -> np.ndarray:
    """Turn(degrees) @ [[1, shear], [0, 1]] * scale, and the shift beside it: [n, 2, 3].

    First sheared and scaled, then turned, then shifted (x to the right, y upwards, in pixels).
    Each argument is one value or n of them; a scale above 1 enlarges the content.

    Raises:
      ValueError: values that are not finite, not equally many, or a scale of 0.
    """
    parts = {"degrees": degrees, "scale": scale, "shear": shear, "shift": shift}
    for name, value in parts.items():
        try:
            parts[name] = np.atleast_1d(np.asarray(value, np.float64))
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be numbers, got {_checks.received(value)}") from None
    shift = np.atleast_2d(parts.pop("shift"))
    for name, value in parts.items():
        if value.ndim != 1 or not value.size or not np.all(np.isfinite(value)):
            raise ValueError(
                f"{name} must be a finite number or a list of them, got {_checks.received(value)}"
            )
    if not np.all(parts["scale"]):
        raise ValueError(f"scale must not be 0, got {_checks.received(scale)}")
    if shift.ndim != 2 or shift.shape[1] != 2 or not np.all(np.isfinite(shift)):
        raise ValueError(
            f"shift must be finite and (x, y) or [n, 2], got {_checks.received(shift)}"
        )
    lengths = {*(len(v) for v in parts.values()), len(shift)} - {1}
    if len(lengths) > 1:
        raise ValueError(
            f"degrees, scale, shear and shift must be one or equally many, got {sorted(lengths)}"
        )
    n = max(lengths, default=1)
    shears = np.tile(np.eye(2), (n, 1, 1))
    shears[:, 0, 1] = parts["shear"]
    matrices = rotation_matrices(parts["degrees"]) @ (shears * parts["scale"][:, None, None])
    return np.concatenate([matrices, np.broadcast_to(shift, [n, 2])[:, :, None]], axis=2)


def affine(
    matrices, image_shape: tuple[int, int] = (28, 28), wrap: bool = False, order: int = 1
) -> ImageAction:
    """Any affine maps p -> M p + t, given as [n, 2, 3], M | t (see `affine_matrices`).

    Raises:
      ValueError: another shape, values that are not finite, an M that is not invertible.
    """
    matrices = np.asarray(matrices, np.float64)
    if matrices.ndim != 3 or matrices.shape[1:] != (2, 3) or not len(matrices):
        raise ValueError(f"matrices must be [n, 2, 3] with n >= 1, got shape {matrices.shape}")
    return ImageAction(
        "affine", matrices[:, :, :2], image_shape, matrices[:, :, 2], wrap=wrap, order=order
    )


def rotations(degrees, image_shape: tuple[int, int] = (28, 28), order: int = 1) -> ImageAction:
    """Rotations by any list of angles in degrees, counterclockwise; in general not a group."""
    return ImageAction("rotations", rotation_matrices(degrees), image_shape, order=order)


def cyclic(n: int, image_shape: tuple[int, int] = (28, 28), order: int = 1) -> ImageAction:
    """The n rotations by multiples of 360 / n degrees.

    Exact for n = 1, 2, and on square images for n = 4. For other n, the rotations that are
    multiples of 90 degrees (180 on images that are not square) are exact all the same; the others
    lose what leaves the frame at the corners and resample the rest.

    Raises:
      ValueError: n < 1.

    >>> image = tf.reshape([1.0, 2.0, 3.0, 4.0], [1, 2, 2, 1])  # 1 2 above 3 4
    >>> cyclic(4, (2, 2)).apply(image)[0, 1, :, :, 0].numpy().tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    n = _checks.integer("n", n, maximum=_MOST_ELEMENTS)
    matrices = rotation_matrices(np.arange(n) * 360 / n)
    return ImageAction(f"cyclic{n}", matrices, image_shape, order=order)


def dihedral(n: int, image_shape: tuple[int, int] = (28, 28), order: int = 1) -> ImageAction:
    """The n rotations of `cyclic(n)`, then each of them after a left-right flip: 2 n elements.

    Exact where `cyclic(n)` is.

    Raises:
      ValueError: n < 1.
    """
    n = _checks.integer("n", n, maximum=_MOST_ELEMENTS)
    turns = rotation_matrices(np.arange(n) * 360 / n)
    matrices = np.concatenate([turns, turns @ np.diag([-1.0, 1.0])])
    return ImageAction(f"dihedral{n}", matrices, image_shape, order=order)


def translations(
    max_shift: int, image_shape: tuple[int, int] = (28, 28), wrap: bool = False
) -> ImageAction:
    """The shifts by -max_shift .. max_shift pixels in x and in y, the identity first.

    With zero fill they are no group of images: what leaves the frame is lost, and two shifts may
    make one that is not in the set. With `wrap` each of them is a permutation of the pixels, and
    together they are a group once they reach around the image, 2 max_shift + 1 >= height, width.

    Raises:
      ValueError: max_shift < 0.
    """
    max_shift = _checks.integer("max_shift", max_shift, minimum=0, maximum=_MOST_SHIFT)
    height, width = _checks.image_shape("image_shape", image_shape)
    wrap = _checks.flag("wrap", wrap)
    steps = [
        sorted(range(-max_shift, max_shift + 1), key=abs)[: size if wrap else None]
        for size in (height, width)
    ]
    shifts = [(x, y) for y in steps[0] for x in steps[1]]
    matrices = np.tile(np.eye(2), (len(shifts), 1, 1))
    name = f"{'torus' if wrap else 'translations'}{max_shift}"
    return ImageAction(name, matrices, image_shape, shifts, wrap)


def product(a: ImageAction, b: ImageAction) -> ImageAction:
    """The maps g h for g in a and h in b (first h, then g), each once; interpolated once.

    Where an element of one set commutes with the other set as a whole, such as rotations with all
    translations of a torus that they keep, the product of groups is a group.

    Raises:
      ValueError: actions on images of different shapes, of different orders of interpolation, or
        one that wraps beside one that does not and is not exact.
    """
    for name, action in (("a", a), ("b", b)):
        if not isinstance(action, ImageAction):
            raise ValueError(f"{name} must be an ImageAction, got {_checks.received(action)}")
    if a.image_shape != b.image_shape:
        raise ValueError(
            f"b must act on images of the shape of a's, {a.image_shape}, got {b.image_shape}"
        )
    if a.order != b.order:
        raise ValueError(f"b must interpolate with the order of a, {a.order}, got {b.order}")
    # A permutation of the pixels looks at nothing outside the frame.
    if a.wrap != b.wrap and not (b if a.wrap else a).is_exact:
        raise ValueError(
            f"b must wrap as a does ({a.wrap}) unless one is exact, got {_checks.received(b)}"
        )
    matrices, shifts = compose(a, b)
    frame = {"image_shape": a.image_shape, "wrap": a.wrap or b.wrap, "order": a.order}
    name = f"{a.name}*{b.name}"
    every = ImageAction(name, matrices.reshape(-1, 2, 2), shifts=shifts.reshape(-1, 2), **frame)
    elements = every._elements(every.matrices, every.shifts)
    first = np.flatnonzero(_find(elements, elements) == np.arange(every.size))
    if len(first) == every.size:
        return every
    return ImageAction(name, every.matrices[first], shifts=every.shifts[first], **frame)


_CONSTRUCTORS = {
    "cyclic": cyclic,
    "dihedral": dihedral,
    "translations": translations,
    "torus": functools.partial(translations, wrap=True),
}


def get_group(group: str | ImageAction, image_shape: tuple[int, int] | None = None) -> ImageAction:
    """The action of a name; an ImageAction is returned as it is.

    Names are those of the constructors with a number, "cyclic16", "dihedral4", "translations1",
    "torus14" (translations that wrap), and products of them, "cyclic4*translations1". Images are
    28 x 28 where neither the ImageAction nor `image_shape` says otherwise.

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
    words = group.split("*") if isinstance(group, str) else [""]
    matches = [re.fullmatch(rf"({'|'.join(_CONSTRUCTORS)})([1-9]\d*)", word) for word in words]
    if not all(matches):
        raise ValueError(
            f"group must be an ImageAction or a name such as 'cyclic16' or 'dihedral4', "
            f"got {_checks.received(group)}"
        )
    actions = [_CONSTRUCTORS[match[1]](int(match[2]), image_shape or (28, 28)) for match in matches]
    return functools.reduce(product, actions)
