"""The product of two sums: arithmetic to be learned on [1, 2] and tested on [2, 6].

Madsen and Johansen 2020, "Neural Arithmetic Units" (ICLR), whose settings these are. Rows are drawn
as float64; theirs are float32.
"""

from typing import NamedTuple

import numpy as np

INPUT_SIZE = 100
SUBSET_SIZE = 25  # a quarter of the inputs
OVERLAP = 12  # half a subset, rounded down
TRAINING_RANGE = (1.0, 2.0)
TEST_RANGE = (2.0, 6.0)
EPSILON = 1e-5


class Task(NamedTuple):
    """t(x) = sum(x[a : a + 25]) sum(x[b : b + 25]), b = a + 13, for rows x of 100 numbers."""

    a: int
    b: int

    @classmethod
    def draw(cls, seed: int) -> "Task":
        """The task of a seed: a is uniform on 0 .. 62, where both subsets are inside the row."""
        step = SUBSET_SIZE - OVERLAP
        a = int(np.random.default_rng([seed, 0]).integers(INPUT_SIZE - step - SUBSET_SIZE + 1))
        return cls(a, a + step)

    @property
    def weights(self) -> np.ndarray:
        """The perfect first layer, [100, 2], of zeros and ones: t(x) is the product of x W."""
        weights = np.zeros([INPUT_SIZE, 2])
        weights[self.a : self.a + SUBSET_SIZE, 0] = 1
        weights[self.b : self.b + SUBSET_SIZE, 1] = 1
        return weights

    def targets(self, inputs: np.ndarray) -> np.ndarray:
        """t of the rows, [rows]."""
        return np.prod(inputs @ self.weights, axis=1)

    def threshold(self, inputs: np.ndarray, epsilon: float = EPSILON) -> float:
        """The mean squared error that a success stays below: that of a nearly perfect solution.

        Its first layer has 1 - epsilon where the perfect one has 1, and epsilon where it has 0; its
        second layer is perfect. The source simulates this error for one placement of the subsets,
        with a million rows; here it is that of the same rows and subsets as the network's error.

        Raises:
          ValueError: an epsilon outside (0, 1/2).
        """
        if not 0 < epsilon < 0.5:
            raise ValueError(f"epsilon must be in (0, 1/2), got {epsilon!r}")
        nearly = epsilon + (1 - 2 * epsilon) * self.weights
        return mean_squared_error(np.prod(inputs @ nearly, axis=1), self.targets(inputs))


def draw_rows(seed: int, stream: int, rows: int, interval: tuple[float, float]) -> np.ndarray:
    """Rows with independent uniform entries, [rows, 100]; each stream >= 1 of a seed is another."""
    return np.random.default_rng([seed, stream]).uniform(*interval, [rows, INPUT_SIZE])


def mean_squared_error(outputs: np.ndarray, targets: np.ndarray) -> float:
    """mean (y - t)^2; not finite if an output is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.mean((outputs - targets) ** 2))
