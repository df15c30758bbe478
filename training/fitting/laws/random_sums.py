"""Random sums of many terms, posynomials and signomials."""

import math
from typing import NamedTuple

import numpy as np

from training.fitting.laws.random_laws import FRACTIONS
from weirdonetworks import _checks

KINDS = ("posynomial", "signomial")
# Denominators of exponents: 1 as often as the others together, nearly.
_WEIGHTS = {1: 8, 2: 3, 3: 1.5, 4: 1}
# A term can be told that lowers the sum of squares, in units of the variance of the noise, by this;
# and by this, where the exponents are known: its coefficient has an error of 2 % then.
_FREE, _KNOWN = 60.0, 2500.0


class RandomSum(NamedTuple):
    """y = sum_k c_k prod_i x_i^a_ki + noise: x [rows, variables], y and `clean`, without noise,
    [rows]; exponents a [terms, variables], coefficients c [terms]."""

    x: np.ndarray
    y: np.ndarray
    clean: np.ndarray
    exponents: np.ndarray
    coefficients: np.ndarray

    def is_told(self, noise: float) -> bool:
        """Whether rows with noise of this share of the RMS of y can tell each of the terms.

        Without a term, the sum of squares is larger by 60 times the variance of the noise, if the
        exponents and coefficients of the others change a little, and by 2,500 times, if only their
        coefficients do: the standard error of each coefficient is at most 2 %.
        """
        log_x = np.log(self.x)
        size = noise * math.sqrt(np.mean(np.square(self.clean)))
        terms = np.exp(log_x @ self.exponents.T) * self.coefficients / size
        return _distance(terms) >= _KNOWN and _distance(terms, log_x) >= _FREE

    def is_found(
        self, exponents: np.ndarray, coefficients: np.ndarray, tolerance: float = 0.05
    ) -> bool:
        """Whether these are the exponents, and the coefficients within the tolerance, a share."""
        if np.shape(exponents) != self.exponents.shape:
            return False
        left = list(range(len(self.coefficients)))
        for row, c in zip(self.exponents, self.coefficients, strict=True):
            same = [k for k in left if np.abs(exponents[k] - row).max() < 1e-9]
            if not same or abs(coefficients[same[0]] / c - 1) > tolerance:
                return False
            left.remove(same[0])
        return True


def draw(
    terms: int,
    variables: int,
    kind: str,
    noise: float,
    generator: np.random.Generator,
    rows: int = 1000,
) -> RandomSum:
    """A random law of so many terms.

    * Variables are log-uniform over a decade, [0.3, 3] times 10^uniform(-1, 1).
    * An exponent is 0 at odds of 1/2, else one of `random_laws.FRACTIONS` of either sign. Every
      second law has a factor in common: half of the variables, rounded down, at the same exponents
      in all terms. No variable is in no term, and no two terms are alike.
    * Coefficients make the terms of like size in the middle of the data, within a factor 10. Those
      of a posynomial are > 0; those of a signomial are of either sign, and of both in each law.
    * Noise is Gaussian, `noise` times the RMS of y.

    Raises ValueError for arguments out of range.
    """
    _checks.integer("terms", terms, minimum=2)
    _checks.integer("variables", variables)
    _checks.choice("kind", kind, KINDS)
    exponents = _exponents(terms, variables, generator)
    while np.any(np.all(exponents == 0, axis=0)) or len(np.unique(exponents, axis=0)) < terms:
        exponents = _exponents(terms, variables, generator)
    signs = np.ones(terms)
    while kind == "signomial" and np.all(signs == signs[0]):
        signs = generator.choice([-1.0, 1.0], terms)
    middles = generator.uniform(-1, 1, variables)
    log_x = math.log(10) * (middles + generator.random((rows, variables)) - 0.5)
    log_size = math.log(10) * (generator.uniform(-0.5, 0.5, terms) - exponents @ middles)
    coefficients = signs * np.exp(log_size)
    clean = np.exp(log_x @ exponents.T) @ coefficients
    scale = math.sqrt(np.mean(np.square(clean)))
    y = clean + noise * scale * generator.normal(size=rows)
    return RandomSum(np.exp(log_x), y, clean, exponents, coefficients)


def _exponents(terms: int, variables: int, generator: np.random.Generator) -> np.ndarray:
    weights = np.array([_WEIGHTS[f.denominator] for f in FRACTIONS])
    shape = (terms, variables)
    values = generator.choice(np.array(FRACTIONS, float), shape, p=weights / weights.sum())
    values = values * generator.choice([-1, 1], shape)
    values[generator.random(shape) < 0.5] = 0.0
    if generator.random() < 0.5:
        common = generator.permutation(variables)[: variables // 2]
        values[:, common] = values[0, common]
    return values


def _distance(terms: np.ndarray, log_x: np.ndarray | None = None) -> float:
    """How far, squared, the nearest sum without one of the terms is.

    The others have free coefficients and, with log_x, free exponents.
    """
    least = np.inf
    for k in range(terms.shape[1]):
        rest = [j for j in range(terms.shape[1]) if j != k]
        design = [terms[:, rest]]
        if log_x is not None:
            design += [terms[:, [j]] * log_x for j in rest]
        design = np.concatenate(design, axis=1)
        q, _ = np.linalg.qr(design / np.linalg.norm(design, axis=0))
        left = terms[:, k] - q @ (q.T @ terms[:, k])
        least = min(least, float(left @ left))
    return least
