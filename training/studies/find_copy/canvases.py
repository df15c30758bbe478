"""Canvases of digits, and cues: which of them is of the cue's class?"""

from typing import NamedTuple

import numpy as np

from training.data import Split
from weirdonetworks import _checks

DIGIT = 8  # pixels of a side
CANVAS = 28
GRID = 2  # digits begin at every second row and column
_PLACES = (CANVAS - DIGIT) // GRID + 1  # of a digit's first row, or column


class Canvases(NamedTuple):
    """n tasks; the first place of each is that of the digit of the cue's class.

    canvases: float32 [n, CANVAS, CANVAS], in [0, 1].
    cues: float32 [n, DIGIT, DIGIT], images that are not on the canvas.
    centres: float32 [n, 1 + distractors, 2], rows and columns in pixels.
    """

    canvases: np.ndarray
    cues: np.ndarray
    centres: np.ndarray


def draw(split: Split, size: int, distractors: int, place: list[int]) -> Canvases:
    """`size` tasks from the images of a split, by the random numbers of [*place].

    Each has a cue, another image of its class, and distractors of other classes, all different;
    digits lie anywhere on the grid, each layout without overlaps being as likely as any other.

    Raises:
      ValueError: images that are not 28 x 28, more distractors than there are other classes, or a
        class of which there is one image.
    """
    images = small(split.images)
    members = [np.flatnonzero(split.labels == label) for label in range(split.labels.max() + 1)]
    distractors = _checks.integer("distractors", distractors, 1, len(members) - 1)
    if min(map(len, members)) < 2:
        raise ValueError("split must hold two images of each class at least, got one of some")
    rng = np.random.default_rng(place)
    cues = np.empty((size, DIGIT, DIGIT), np.float32)
    canvases = np.zeros((size, CANVAS, CANVAS), np.float32)
    corners = layouts(size, 1 + distractors, rng)
    for i in range(size):
        classes = rng.choice(len(members), 1 + distractors, replace=False)
        cue, copy = rng.choice(members[classes[0]], 2, replace=False)
        others = [rng.choice(members[label]) for label in classes[1:]]
        cues[i] = images[cue]
        for image, (row, column) in zip([copy, *others], corners[i], strict=True):
            canvases[i, row : row + DIGIT, column : column + DIGIT] = images[image]
    return Canvases(canvases, cues, (corners + (DIGIT - 1) / 2).astype(np.float32))


def small(images: np.ndarray) -> np.ndarray:
    """The inner 24 x 24 pixels by means of 3 x 3, float32 [n, DIGIT, DIGIT] in [0, 1]."""
    if images.shape[1:] != (28, 28, 1):
        raise ValueError(f"images must be 28 x 28 x 1, got {images.shape[1:]}")
    inner = images[:, 2:-2, 2:-2, 0].astype(np.float32) / 255
    return inner.reshape(-1, DIGIT, 3, DIGIT, 3).mean(axis=(2, 4))


def layouts(size: int, digits: int, rng: np.random.Generator) -> np.ndarray:
    """First rows and columns of digits that do not overlap, [size, digits, 2]."""
    corners = GRID * rng.integers(_PLACES, size=(size, digits, 2))
    while True:
        apart = np.abs(corners[:, :, None] - corners[:, None]).max(axis=3) >= DIGIT
        again = np.flatnonzero(~(apart | np.eye(digits, dtype=bool)).all(axis=(1, 2)))
        if not again.size:
            return corners
        corners[again] = GRID * rng.integers(_PLACES, size=(len(again), digits, 2))
