"""Random inclusions, what is measured of them, and the images that are to be found."""

from typing import NamedTuple

import numpy as np

from training.studies.impedance.disc import ORDERS, Inclusions, differences

RADII = (0.15, 0.4)
REACH = 0.9  # of the unit disc: |centre| + radius is at most that
CONTRASTS = (2.0, 10.0)  # s or 1 / s
# Root mean square of the voltages Re w^n / n, Im w^n / n of all currents, without an inclusion.
VOLTAGE = np.sqrt(np.mean([0.5 / n**2 for n in ORDERS]))
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
    """Inclusions, the voltages u - u_0 [count, patterns, electrodes], images [count, points]."""

    inclusions: Inclusions
    voltages: np.ndarray
    images: np.ndarray


def split(seed: int, stream: int, count: int, noise: float = 0.0) -> Split:
    """What a stream of a seed holds; its inclusions are the same with any noise.

    noise: standard deviation of the normal noise on each voltage, as a share of VOLTAGE.
    """
    inclusions = draw(np.random.default_rng([seed, stream]), count)
    voltages = differences(inclusions)
    voltages += (
        noise * VOLTAGE * np.random.default_rng([seed, stream, 1]).normal(size=voltages.shape)
    )
    return Split(inclusions, voltages.astype(np.float32), inclusions.contains(points()))
