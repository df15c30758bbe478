"""Random inclusions, what is measured of them, and the images that are to be found."""

from typing import NamedTuple

import numpy as np

from training.studies.impedance.disc import Inclusions, differences

RADII = (0.15, 0.4)
REACH = 0.9  # of the unit disc: |centre| + radius is at most that
CONTRASTS = (2.0, 10.0)  # s or 1 / s
GRID = 24  # of the square around the disc
TRAINING, VALIDATION, TEST = range(1, 4)  # streams of a seed


def points() -> np.ndarray:
    """The middles of the grid's squares that are in the disc, complex [points]."""
    line = (np.arange(GRID) + 0.5) * 2 / GRID - 1
    grid = (line[None, :] + 1j * line[:, None]).ravel()
    return grid[np.abs(grid) < 1]


def draw(generator: np.random.Generator, count: int) -> Inclusions:
    """Radii are uniform, centres so over what is left of the disc, log s over both intervals."""
    radius = generator.uniform(*RADII, count)
    distance = (REACH - radius) * np.sqrt(generator.uniform(size=count))
    centre = distance * np.exp(2j * np.pi * generator.uniform(size=count))
    contrast = np.exp(generator.uniform(*np.log(CONTRASTS), count))
    return Inclusions(centre, radius, contrast ** generator.choice([-1, 1], count))


class Split(NamedTuple):
    """Inclusions, voltages [count, patterns, electrodes] of their own, images [count, points]."""

    inclusions: Inclusions
    voltages: np.ndarray
    images: np.ndarray


def split(seed: int, stream: int, count: int, noise: float = 0.0) -> Split:
    """What a stream of a seed holds; its inclusions are the same with any noise.

    noise: standard deviation of the normal noise on each difference of voltages, as a share of the
      root mean square of all of the same inclusion.
    """
    inclusions = draw(np.random.default_rng([seed, stream]), count)
    voltages = differences(inclusions)
    scale = noise * np.sqrt(np.mean(voltages**2, axis=(1, 2), keepdims=True))
    # Of its own, so that training, which draws other noise at each step, may leave it out.
    normal = np.random.default_rng([seed, stream, 1]).normal(size=voltages.shape)
    voltages = (voltages + scale * normal).astype(np.float32)
    return Split(inclusions, voltages, inclusions.contains(points()))
