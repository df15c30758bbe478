"""Random pictures that can be told apart."""

import numpy as np


def picture_classes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of two to four classes, uint8 with labels: a pattern each, in noise."""
    classes, side, channels = rng.integers(2, 5), rng.integers(4, 9), rng.choice([1, 3])
    labels = rng.permutation(np.arange(rng.integers(60, 200)) % classes)
    patterns = rng.uniform(0, 255, [classes, side, side, channels])
    noise = rng.uniform(0, 255, [len(labels), side, side, channels])
    return np.round(0.4 * patterns[labels] + 0.6 * noise).astype(np.uint8), labels
