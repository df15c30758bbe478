"""Laws to find, on which ways of fitting are compared."""

import dataclasses
from collections.abc import Callable

import numpy as np

from training.fitting.cooking.tables import Data

ROWS = {"train": 200, "validation": 100, "test": 1000}


@dataclasses.dataclass(frozen=True)
class Problem:
    """y = sum_k c_k prod_i x_i^a_ki, or `function` where that is not the form; x ~ U[1, 3].

    Noise N(0, (noise rms(y))^2) is added to the rows for fitting and choosing, not to the test's.
    """

    formula: str
    inputs: int
    coefficients: tuple[float, ...] = ()
    exponents: tuple[tuple[float, ...], ...] = ()
    function: Callable[[np.ndarray], np.ndarray] | None = None
    noise: float = 0.0

    @property
    def num_terms(self) -> int:
        """Of the posynomials that are fitted."""
        return len(self.exponents) or 3

    def __call__(self, x: np.ndarray) -> np.ndarray:
        if self.function:
            return self.function(x)
        monomials = np.exp(np.log(x) @ np.array(self.exponents).T)
        return monomials @ np.array(self.coefficients)

    def sample(self, seed: int) -> tuple[Data, tuple[np.ndarray, np.ndarray]]:
        """Rows for fitting and choosing, and the test's."""
        generator, splits = np.random.default_rng([seed, 1]), []
        for name, rows in ROWS.items():
            x = generator.uniform(1, 3, size=(rows, self.inputs))
            y = self(x)
            if name != "test":
                y = y + self.noise * np.sqrt(np.mean(y**2)) * generator.normal(size=rows)
            splits += [x, y[:, None]]
        return Data(*splits[:4]), (splits[4], splits[5])


def _damped(x: np.ndarray) -> np.ndarray:
    return x[:, 0] * np.exp(-x[:, 1]) + x[:, 2]


_ENERGY = {"coefficients": (0.5, 1.0), "exponents": ((1, 2, 0, 0), (1, 0, 1, 1)), "inputs": 4}
PROBLEMS = {
    "monomial": Problem("2.5 x0 x1^-2 x2^(1/2) x3^(3/2)", 4, (2.5,), ((1.0, -2.0, 0.5, 1.5),)),
    "two_terms": Problem("x0 x1^2 / 2 + x0 x2 x3", **_ENERGY),
    "three_terms": Problem(
        "x0 x3 + x1 x4 + x2 x5",
        6,
        (1.0, 1.0, 1.0),
        ((1, 0, 0, 1, 0, 0), (0, 1, 0, 0, 1, 0), (0, 0, 1, 0, 0, 1)),
    ),
    "noisy": Problem("x0 x1^2 / 2 + x0 x2 x3, noise 0.01", **_ENERGY, noise=0.01),
    "outside": Problem("x0 exp(-x1) + x2", 3, function=_damped),
}
