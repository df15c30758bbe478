"""Images that have suffered: noise, blur, a covered part, a shift, at three strengths.

As in Mu and Gilmer 2019, "MNIST-C: a robustness benchmark for computer vision"; theirs are fifteen
others, in files.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from weirdonetworks import _checks


def noise(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Adds Gaussian noise of this standard deviation, of white, to each pixel."""
    return images + 255 * strength * rng.standard_normal(images.shape)


def blur(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Convolves with a Gaussian of this standard deviation in pixels; 0 outside the frame."""
    return ndimage.gaussian_filter(
        images.astype(np.float32), strength, mode="constant", axes=(1, 2)
    )


def occlusion(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Blackens a square of this side in pixels (or all), whole in the frame, at a random place."""
    height, width = images.shape[1:3]
    side = min(int(strength), height, width)
    rows = rng.integers(0, height - side, len(images), endpoint=True)[:, None, None]
    columns = rng.integers(0, width - side, len(images), endpoint=True)[:, None, None]
    y, x = np.arange(height)[:, None], np.arange(width)[None, :]
    covered = (rows <= y) & (y < rows + side) & (columns <= x) & (x < columns + side)
    return np.where(covered[..., None], 0, images)


def shift(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Moves by this many pixels to the left, right, top or bottom, at random; 0 comes in."""
    amount = int(strength)
    padded = np.pad(images, [(0, 0), (amount, amount), (amount, amount), (0, 0)])
    height, width = images.shape[1:3]
    starts = amount + amount * np.array([(0, -1), (0, 1), (-1, 0), (1, 0)])
    drawn = starts[rng.integers(0, 4, len(images))]
    return np.stack(
        [image[y : y + height, x : x + width] for image, (y, x) in zip(padded, drawn, strict=True)]
    )


Corruption = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]

CORRUPTIONS: dict[str, tuple[Corruption, tuple[float, float, float]]] = {
    "noise": (noise, (0.1, 0.2, 0.4)),
    "blur": (blur, (1.0, 1.5, 2.0)),
    "occlusion": (occlusion, (6, 10, 14)),
    "shift": (shift, (2, 4, 6)),
}


def corrupted(images: np.ndarray, name: str, strength: float, seed: int = 0) -> np.ndarray:
    """uint8 images [n, height, width, channels], each corrupted in its own way.

    Raises:
      ValueError: an unknown corruption.
    """
    function, _ = CORRUPTIONS[_checks.choice("name", name, CORRUPTIONS)]
    changed = function(images, strength, np.random.default_rng(seed))
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)
