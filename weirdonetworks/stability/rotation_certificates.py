"""Certificates for all angles between those of a list."""

import math

import numpy as np
import tensorflow as tf

from weirdonetworks.groups import rotations
from weirdonetworks.stability.certificate import Certificate
from weirdonetworks.stability.certified_nets import ROWS, build, check, margin, parts_of, run, slack
from weirdonetworks.stability.chords import Cells, follow
from weirdonetworks.stability.lipschitz import ROUND_UP, Chain, spectral_norm


def certify_rotations(net: tf.Module, images, degrees) -> Certificate:
    """How far F(hx) can be from F(x), for *every* rotation h between the angles of a list.

    degrees: ascending angles, [S]; the bound of column i holds from degrees[i] to degrees[i + 1].
    Take them from `rotation_grid(low, high, step, image_shape)`; 0 to 90 are enough if the network
    is invariant to quarter turns. The bound exceeds what is measured by an amount that shrinks
    faster than the step (as its power 3/2). Networks trained on images of 28 x 28 pixels ask for
    steps of some hundredths of a degree.

    At the angles themselves |F(hx) - F(x)|_2 is measured. Between a and b, every value of the
    network, from the pixels to the outputs, is compared with the chord, (1 - t) times what it is
    at a plus t times what it is at b. Interpolated pixels stray from it by little, since within a
    cell of the pixel grid they are smooth functions of the angle (`chords.Cells`); so do the
    values behind each layer (`chords.follow`). With e, what this comes to for the outputs,

        |F(hx) - F(x)|_2 <= max(|F(ax) - F(x)|_2, |F(bx) - F(x)|_2) + e,

    and the class is proven not to change where its margin over the others exceeds sqrt(2) e at
    both ends.

    Images, slack and errors as for `certify`, and

    Raises:
      ValueError: degrees that are not ascending and finite, fewer than two, or in steps in which
        the corner of the image goes a pixel or more.
    """
    degrees = _check_degrees(degrees, images)
    whole = rotations(degrees[:1], _shape(images))
    images = check(net, images, whole)
    build(net, images)
    net, parts = parts_of(net, images)
    images = tf.cast(images, tf.float64)
    n, steps = images.shape[0], len(degrees) - 1
    norms, largest = _gains(parts, images.shape[1:])
    cells = Cells(images.numpy())
    y, outputs = parts.first(images).numpy(), run(net, images)
    rounding = slack(parts, y, outputs)[:, None]
    classes = np.argmax(outputs, axis=1)[:, None]
    measured, margins = np.zeros([2, n, steps + 1])
    strays = np.zeros([n, steps])
    chunk = max(1, ROWS // n)
    for start in range(0, steps, chunk):
        angles = degrees[start : start + chunk + 1]
        turned = rotations(angles, whole.image_shape).apply(images)
        y_turned = parts.first(tf.reshape(turned, [-1, *images.shape[1:]])).numpy()
        y_turned = y_turned.reshape(n, len(angles), *y.shape[1:])
        inner, here = slice(start, start + len(angles) - 1), slice(start, start + len(angles))
        off = [cells.strays(*angles[i : i + 2]) for i in range(len(angles) - 1)]
        off = np.stack(off, axis=1)
        off = np.minimum(off @ norms, largest * np.linalg.norm(off, axis=2))
        moved, strays[:, inner] = follow(parts, y_turned, off)
        measured[:, here] = np.linalg.norm(moved - outputs[:, None], axis=2)
        margins[:, here] = margin(moved, np.broadcast_to(classes, moved.shape[:2]))
    strays = strays * ROUND_UP + rounding
    safe = np.minimum(margins[:, 1:], margins[:, :-1]) > math.sqrt(2) * strays
    return Certificate(
        action=f"rotations from {degrees[0]:g} to {degrees[-1]:g} degrees",
        exact=False,
        measured=measured,
        bound=np.maximum(measured[:, 1:], measured[:, :-1]) + strays,
        lipschitz=parts.after,
        stable=np.all(safe, axis=1),
    )


def _gains(parts: Chain, image_shape: tuple[int, int, int]) -> tuple[np.ndarray, float]:
    """|first(x + e_p) - first(x)|_2 of each pixel p, and the spectral norm of the affine first."""
    pixels = math.prod(image_shape)
    zero = parts.first(tf.zeros([1, *image_shape], tf.float64))
    columns = []
    for start in range(0, pixels, ROWS):
        basis = tf.one_hot(tf.range(start, min(start + ROWS, pixels)), pixels, dtype=tf.float64)
        y = parts.first(tf.reshape(basis, [-1, *image_shape])) - zero
        columns.append(tf.reshape(y, [y.shape[0], -1]).numpy())
    matrix = np.concatenate(columns)
    return np.linalg.norm(matrix, axis=1), spectral_norm(matrix)


def _shape(images) -> tuple[int, int]:
    shape = np.shape(images)
    if len(shape) not in (3, 4):
        raise ValueError(f"images must be [n, H, W] or [n, H, W, C], got shape {shape}")
    return shape[1:3]


def _check_degrees(degrees, images) -> np.ndarray:
    degrees = np.asarray(degrees, np.float64)
    if degrees.ndim != 1 or len(degrees) < 2 or not np.all(np.isfinite(degrees)):
        raise ValueError(f"degrees must be two finite angles or more, got {degrees}")
    steps = np.diff(degrees)
    if np.min(steps) <= 0:
        raise ValueError(f"degrees must be ascending, got a step of {np.min(steps)}")
    corner = math.hypot(*(size - 1 for size in _shape(images))) / 2
    if corner * np.deg2rad(np.max(steps)) > 0.99:
        raise ValueError(
            "degrees must be in steps in which no corner moves by a pixel, at most "
            f"{np.rad2deg(0.99 / corner):.3g}, got {np.max(steps):.3g}"
        )
    return degrees
