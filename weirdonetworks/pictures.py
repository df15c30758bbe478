"""Pictures of digits, brought into the form in which MNIST has them."""

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks

FORMATS = (".png", ".jpg", ".jpeg", ".gif", ".bmp")
FRAME = 28
_BOX = 20
_FAINT = 0.05  # of the range of brightness: what differs by less is no ink
_LARGEST = 128  # pixels a side that are looked at; making a picture smaller takes its grain away
_CORE = 0.25  # of ink: strokes begin there


def read_picture(path: str | os.PathLike) -> np.ndarray:
    """The brightness of a picture in a file, float32 [height, width] in [0, 1].

    Of an animation the first picture; what is transparent is white.

    Raises:
      ValueError: no file, or none that TensorFlow can read.
    """
    try:
        content = Path(path).read_bytes()
        pixels = tf.io.decode_image(content, expand_animations=False).numpy()
    except OSError as error:
        raise ValueError(
            f"path must be a picture, got {_checks.received(str(path))} ({error.strerror})"
        ) from error
    except tf.errors.OpError as error:
        known = ", ".join(format[1:] for format in FORMATS)
        raise ValueError(
            f"path must be a picture ({known}), got {_checks.received(str(path))}"
        ) from error
    pixels = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    colours, channels = pixels[..., :3], pixels.shape[-1]
    grey = colours[..., 0] if channels < 3 else colours @ np.float32([0.299, 0.587, 0.114])
    if channels in (2, 4):
        grey = 1 + pixels[..., -1] * (grey - 1)
    return grey


def to_mnist(picture: np.ndarray) -> np.ndarray:
    """A picture of one digit as MNIST has its own: uint8 [28, 28], white ink on black.

    Ink is what differs from the brightness of the paper, a quadratic function of the place; its
    bounding box fits 20 x 20 pixels, with the same ratio of the sides, and its centre of mass is in
    the middle of 28 x 28 (LeCun et al. 1998, "Gradient-based learning applied to document
    recognition").

    Args:
      picture: brightness, [height, width], at least 8 x 8; integers from 0 to 255 or floats in
        [0, 1]; dark ink on light paper or light on dark, which the border decides.

    Raises:
      ValueError: another shape or other numbers, or a picture without ink.
    """
    grey = _brightness(picture)
    top, bottom, left, right = _extent(grey)
    margin = max(bottom - top, right - left) // 4 + 1
    grey = grey[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    ink = _ink(_smaller(grey))
    top, bottom, left, right = _box(ink)
    cut = ink[top:bottom, left:right]
    factor = _BOX / max(cut.shape)
    size = [max(1, round(side * factor)) for side in cut.shape]
    box = tf.image.resize(cut[..., None], size, "bilinear", antialias=True)[..., 0].numpy()
    mass = box.sum()
    centre = [float(np.arange(n) @ box.sum(axis=1 - k)) / mass for k, n in enumerate(box.shape)]
    # In MNIST the middle is the pixel 14; a box that is heavy on one side stays in the frame.
    corner = [
        int(np.clip(round(FRAME / 2 - c), 0, FRAME - n))
        for c, n in zip(centre, box.shape, strict=True)
    ]
    frame = np.zeros([FRAME, FRAME], np.float32)
    frame[corner[0] : corner[0] + box.shape[0], corner[1] : corner[1] + box.shape[1]] = box
    return np.rint(255 * np.clip(frame / frame.max(), 0, 1)).astype(np.uint8)


def _brightness(picture: np.ndarray) -> np.ndarray:
    grey = _checks.pixels("picture", picture)
    if grey.ndim == 3 and grey.shape[-1] == 1:
        grey = grey[..., 0]
    if grey.ndim != 2 or min(grey.shape) < 8:
        raise ValueError(
            f"picture must be [height, width], at least 8 x 8, got shape {list(grey.shape)}"
        )
    return grey


def _smaller(grey: np.ndarray) -> np.ndarray:
    factor = _LARGEST / max(grey.shape)
    if factor >= 1:
        return grey
    size = [max(8, round(side * factor)) for side in grey.shape]
    return tf.image.resize(grey[..., None], size, "area")[..., 0].numpy()


def _box(ink: np.ndarray) -> tuple[int, int, int, int]:
    """The rows and columns of ink: from, to, from, to."""
    rows, columns = (np.flatnonzero(np.any(ink > _CORE, axis=axis)) for axis in (1, 0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def _extent(grey: np.ndarray) -> tuple[int, int, int, int]:
    """The rows and columns of a picture that hold its ink."""
    small = _smaller(grey)
    box = _box(_ink(small))
    scales = np.repeat(np.array(grey.shape) / small.shape, 2)
    return tuple(int(round(place * scale)) for place, scale in zip(box, scales, strict=True))


def _ink(grey: np.ndarray) -> np.ndarray:
    """How much ink there is at each place, in [0, 1]; 0 on the paper."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if 2 * np.median(border) > grey.min() + grey.max():
        grey = 1 - grey
    paper, grain = _paper(grey)
    ink = grey - paper
    threshold = _otsu(ink)
    full = np.quantile(ink[ink > threshold], 0.9) if np.any(ink > threshold) else 0.0
    if full < _FAINT:
        raise ValueError(
            "picture must hold ink that differs from the paper, "
            f"got brightness from {grey.min():.2f} to {grey.max():.2f}"
        )
    low = min(threshold / 2, 4 * grain)  # strokes have soft edges, and paper has a grain
    return np.where(ink > low, np.clip((ink - low) / (full - low), 0, 1), 0)


def _paper(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """Dark paper as a quadratic function of the place, and the standard deviation of its grain.

    Fitted to what is darker than most, and then to what is not lighter than that.
    """
    y, x = (np.linspace(-1, 1, n) for n in grey.shape)
    y, x = (field.ravel() for field in np.meshgrid(y, x, indexing="ij"))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    values = grey.ravel()
    held = values <= np.quantile(values, 0.75)
    for _ in range(3):
        paper = terms @ np.linalg.lstsq(terms[held], values[held], rcond=None)[0]
        rest = values - paper
        grain = 1.4826 * float(np.median(np.abs(rest[held])))
        held = rest <= max(3 * grain, 0.01)
    return paper.reshape(grey.shape), grain


def _otsu(values: np.ndarray) -> float:
    """The threshold that separates two classes best (Otsu 1979)."""
    counts, edges = np.histogram(values, 256)
    middles = (edges[1:] + edges[:-1]) / 2
    sums, total = np.cumsum(counts * middles), counts.sum()
    # All are below the last bin, which separates nothing; equal values are all in one.
    below = np.cumsum(counts)[:-1]
    with np.errstate(invalid="ignore"):
        between = (sums[-1] * below / total - sums[:-1]) ** 2 / (below * (total - below))
    return float(middles[np.argmax(np.nan_to_num(between))])
