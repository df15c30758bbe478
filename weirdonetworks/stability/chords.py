"""How far the path of a network's values strays from the chord between its two ends.

As an image turns from one angle to the next, each value v(t) of a network moves from v(0) to v(1).
Here are bounds on its distance from the chord (1 - t) v(0) + t v(1). They shrink with the square
of the step where all is smooth, while |v(1) - v(0)| shrinks with the step only.
"""

import math

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.functional.group_activations import maxout, sort_groups
from weirdonetworks.functional.pooling import POOLINGS
from weirdonetworks.stability.lipschitz import Chain, Layer, Stage, slopes

# Image actions put a source on the pixel grid from 1e-9 away; so near, it crosses no line.
_SNAP = 1e-9


def follow(parts: Chain, y: np.ndarray, strays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Takes the paths of first(x) through the rest of a network.

    y: [n, S, |G|, m], first(x) at S points in order; strays: [n, S - 1], an upper bound on the l2
    distance of the path from the chord between one point and the next. Returns the same of the
    outputs: [n, S, k] and [n, S - 1].

    Through a layer of Lipschitz constant L, the distance grows to L times as much, plus what the
    layer makes of the chord itself: nothing, if it is affine, and otherwise at most

    * |v(1) - v(0)|^2 sup|phi''| / 8 for each value at a smooth activation phi,
    * |v(1) - v(0)| / 4 at the relu, if the sign changes.
    """
    y, strays = _through(parts.pointwise, y, strays, 3)
    y, strays = _through(parts.mixed, y, strays, 2)
    if parts.pooling is None:
        y = y[:, :, 0]
    else:
        strays = parts.pooling.constant * strays + _norm(_pooling_bend(parts.pooling.layer, y))
        y = _apply(parts.pooling.layer, y, 2)
    return _through(parts.head, y, strays, 2)


def _through(stages: list[Stage], y: np.ndarray, strays: np.ndarray, batch_axes: int):
    for layer, constant in stages:
        strays = constant * strays + _norm(_bend(layer, y))
        y = _apply(layer, y, batch_axes)
    return y, strays


def _apply(layer: Layer, y: np.ndarray, batch_axes: int) -> np.ndarray:
    flat = tf.constant(y.reshape(-1, *y.shape[batch_axes:]))
    outputs = layer(flat).numpy()
    return outputs.reshape(*y.shape[:batch_axes], *outputs.shape[1:])


def _norm(values: np.ndarray) -> np.ndarray:
    """[n, S - 1, ...] -> [n, S - 1], l2."""
    return np.sqrt(np.sum(np.square(values), axis=tuple(range(2, values.ndim))))


def _bend(layer: Layer, y: np.ndarray) -> np.ndarray:
    """How far the layer bends each chord, [n, S, ...] -> [n, S - 1, ...]."""
    if layer in (maxout, sort_groups):  # mean and half the distance of two units, which has a kink
        distance = y[..., 1::2] - y[..., ::2]
        step = np.abs(np.diff(distance, axis=1))
        bend = np.where(distance[:, 1:] * distance[:, :-1] < 0, step / 4, 0)
        return bend if layer is maxout else np.repeat(bend, 2, axis=-1)
    known = slopes(layer)
    if known is None:  # affine
        return np.zeros([len(y), y.shape[1] - 1, 1])
    step = np.diff(y, axis=1)
    if math.isfinite(known.second):
        return np.square(step) * known.second / 8
    return np.where(y[:, 1:] * y[:, :-1] < 0, np.abs(step) / 4, 0)


def _pooling_bend(pooling: Layer, y: np.ndarray) -> np.ndarray:
    """The same for a pooling, [n, S, |G|, k] -> [n, S - 1, k].

    Of functions of t that have slopes in [low, high], none is further from its chord than
    (high - low) / 4; the second derivative of logsumexp is a variance, at most (high - low)^2 / 4.
    """
    step = np.diff(y, axis=1)
    spread = np.max(step, axis=2) - np.min(step, axis=2)
    if pooling is POOLINGS["mean"]:
        return np.zeros_like(spread)
    if pooling is POOLINGS["logsumexp"]:
        return np.square(spread) / 32
    if pooling is POOLINGS["max"]:
        order, count = np.argmax(y, axis=2)[:, :, None], 1
    else:  # sorted
        order, count = np.argsort(y, axis=2), y.shape[2]
    same = np.all(order[:, 1:] == order[:, :-1], axis=2)
    return np.where(same, 0, math.sqrt(count) * spread / 4)


def rotation_grid(
    low: float, high: float, step: float, image_shape: tuple[int, int] = (28, 28)
) -> np.ndarray:
    """Angles from low to high degrees, at most a step apart, for `certify_rotations`.

    Besides even steps, those at which the sources of many pixels cross from one cell of the grid
    to the next at once (16 or more, such as at 36.87 degrees, whose tangent is 3 / 4). There the
    turned image has a kink, and between two angles around it the certificate is weak.

    Raises:
      ValueError: angles that are not finite, low >= high, or a step <= 0.
    """
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"high must be a finite angle above low, {low}, got {high}")
    step = _checks.positive("step", step)
    height, width = _checks.image_shape("image_shape", image_shape)
    row, column = np.divmod(np.arange(height * width), width)
    x, y = column - (width - 1) / 2, (height - 1) / 2 - row
    radius, angle = np.maximum(np.hypot(x, y), 1e-9), np.rad2deg(np.arctan2(y, x))
    kinks = []
    # r cos(angle - t) = line, and for the rows r cos(angle - 90 - t) = line.
    for size, turn in ((width, 0), (height, 90)):
        lines = np.arange(-1, size + 1)[:, None] - (size - 1) / 2
        p, cosine = np.broadcast_to(angle - turn, (len(lines), len(x))), lines / radius
        inside = np.abs(cosine) <= 1
        swing = np.rad2deg(np.arccos(cosine[inside]))
        kinks += [p[inside] - swing, p[inside] + swing]
    kinks = np.mod(np.concatenate(kinks), 360)
    kinks, counts = np.unique(np.round(kinks, 9) % 360, return_counts=True)
    kinks = kinks[counts >= 16]
    turns = 360 * np.arange(math.floor(low / 360), math.floor(high / 360) + 1)
    kinks = (kinks + turns[:, None]).ravel()
    even = np.linspace(low, high, 1 + math.ceil((high - low) / step - 1e-9))
    inner = kinks[(kinks > low) & (kinks < high)]
    near = np.min(np.abs(inner[:, None] - even), axis=1, initial=math.inf) < 1e-9
    return np.sort(np.concatenate([even, inner[~near]]))


class Cells:
    """The squares between four pixels, in which the interpolated images are bilinear."""

    def __init__(self, images: np.ndarray):
        """Takes [n, H, W, C]; 0 outside, as for image actions."""
        self.height, self.width = images.shape[1:3]
        x = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
        right, down = np.diff(x, axis=2), np.diff(x, axis=1)
        self.twist = np.abs(np.diff(right, axis=1))
        right, down = np.abs(right), np.abs(down)
        right = np.maximum(right[:, 1:], right[:, :-1])
        down = np.maximum(down[:, :, 1:], down[:, :, :-1])
        # The largest length of the gradient and the mixed difference, [n, H + 3, W + 3, C].
        self.slope = np.hypot(right, down)
        self.steepest = np.max(self.slope, axis=(1, 2))

    def strays(self, low: float, high: float) -> np.ndarray:
        """Of each pixel, while the images turn from low to high degrees: [n, H W C].

        With the angular step s and at a distance r from the centre, the chord is at most

        * (r |grad| + r^2 |twist|) s^2 / 8 away while the source of the pixel stays in one cell,
          with this gradient and mixed difference at most,
        * r |grad| s / 2, if it crosses into another, with the largest gradient of them.
        """
        low, high = np.deg2rad([low, high])
        row, column = np.divmod(np.arange(self.height * self.width), self.width)
        x, y = column - (self.width - 1) / 2, (self.height - 1) / 2 - row
        radius = np.hypot(x, y)
        # The source of (x, y), turned back by t: r (cos, sin) of the angle of (x, y) less t.
        columns = _cells(x, y, radius, low, high, self.width)
        rows = _cells(-y, x, radius, low, high, self.height)
        radius = radius[:, None]
        slope, twist = self.slope[:, rows[0], columns[0]], self.twist[:, rows[0], columns[0]]
        off = (radius * slope + radius**2 * twist) * (high - low) ** 2 / 8
        p = np.flatnonzero((rows[0] != rows[1]) | (columns[0] != columns[1]))
        steepest = np.max([self.slope[:, r[p], c[p]] for r in rows for c in columns], axis=0)
        off[:, p] = radius[p] * steepest * (high - low) / 2
        off += 8 * _SNAP * self.steepest[:, None]
        return off.reshape(len(off), -1)


def _cells(a, b, radius, low: float, high: float, size: int) -> list[np.ndarray]:
    """The first and last cell that a cos t + b sin t, from the centre, visits for low <= t <= high.

    Of pixels that lie at 0, 1 .. size - 1; shifted by two, and what is outside is as near as 1.
    """
    places = np.stack([a * np.cos(t) + b * np.sin(t) for t in (low, high)])
    speeds = np.stack([b * np.cos(t) - a * np.sin(t) for t in (low, high)])
    first, last = np.min(places, axis=0), np.max(places, axis=0)
    turns = speeds[0] * speeds[1] < 0  # at one of its extremes, r or -r
    first = np.where(turns & (speeds[0] < 0), -radius, first)
    last = np.where(turns & (speeds[0] > 0), radius, last)
    centre = (size - 1) / 2
    first, last = np.floor(centre + first + _SNAP), np.ceil(centre + last - _SNAP) - 1
    return [np.clip(c, -2, size).astype(int) + 2 for c in (first, np.maximum(first, last))]
