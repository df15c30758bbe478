"""Random laws with noise of known kind, each of whose terms the rows can tell."""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from weirdonetworks import _checks

# The fractions that exponents take, each as often as the others of its denominator.
FRACTIONS = tuple(
    Fraction(n, d)
    for d, numerators in {1: (1, 2, 3, 4), 2: (1, 3, 5), 3: (1, 2, 4), 4: (1, 3)}.items()
    for n in numerators
)
_WEIGHTS = {1: 8, 2: 3, 3: 1.5, 4: 1}
NOISES = ("absolute", "proportional", "log-normal", "mixed")
LARGEST_REAL = 3.0
# A term counts that lowers the sum of the squared residuals, in units of the noise, by this.
_INFORMATION = 60.0
_TRIES = 2000


class RandomLaw(NamedTuple):
    """y = sum_k c_k prod_i x_i^a_ki + noise.

    Attributes:
      x, y: the rows; `clean` is y without noise.
      exponents: a, [terms, columns]; those of `fractions` are fractions, the others real numbers.
      coefficients: c > 0, [terms].
      fractions: which exponents are fractions (zeros are), [terms, columns].
      noise, level: as they were drawn.
    """

    x: np.ndarray
    y: np.ndarray
    clean: np.ndarray
    exponents: np.ndarray
    coefficients: np.ndarray
    fractions: np.ndarray
    noise: str
    level: float


def draw(terms: int, rows: int, noise: str, generator: np.random.Generator) -> RandomLaw:
    """A random law of so many terms, in rows that hold each of them.

    * 1 to 5 columns, as many as leave 3 rows to a parameter (6 of one term), log-uniform over half
      a decade to eight.
    * Each exponent but zeros (a column is missing in every third term) is at even odds a fraction
      of `FRACTIONS`, of either sign, or a real number, uniform in [-3, 3].
    * Noise of a level, 0.1 to 20 %, log-uniform. absolute: level times the RMS of y, Gaussian;
      proportional: level times each y, Gaussian; log-normal: the same of log y; mixed: both
      absolute with the median of y for a scale, and proportional.

    A law is drawn again if a term hides: where the rows cannot tell it from a change of the other
    terms' parameters, by less than 60 times the variance of the noise.

    Raises ValueError for arguments that are no integers >= 1, or an unknown noise.
    """
    _checks.integer("terms", terms)
    _checks.integer("rows", rows)
    _checks.choice("noise", noise, NOISES)
    for _ in range(_TRIES):
        law = _draw(terms, rows, noise, generator)
        if law is not None and _information(law) >= _INFORMATION:
            return law
    raise ValueError(f"rows must be enough to tell {terms} terms, got {rows}")


def _draw(terms: int, rows: int, noise: str, generator: np.random.Generator) -> RandomLaw | None:
    # Of so many rows that residuals can be looked at.
    most = min(5, rows // 6 - 1 if terms == 1 else (rows // 3 - terms) // terms)
    if most < 1:
        return None
    columns = int(generator.integers(1, most + 1))
    decades = 0.5 * 16 ** generator.random(columns)
    middles = generator.uniform(-1, 1, columns)
    log_x = np.log(10) * (middles + decades * (generator.random((rows, columns)) - 0.5))
    exponents, fractions = np.empty((terms, columns)), generator.random((terms, columns)) < 0.5
    weights = np.array([_WEIGHTS[f.denominator] for f in FRACTIONS])
    for at in np.ndindex(exponents.shape):
        if fractions[at]:
            value = float(generator.choice(FRACTIONS, p=weights / weights.sum()))
            exponents[at] = generator.choice([-1, 1]) * value
        else:
            exponents[at] = generator.uniform(-LARGEST_REAL, LARGEST_REAL)
    missing = generator.random((terms, columns)) < 1 / 3
    exponents[missing], fractions[missing] = 0.0, True
    if np.any(np.all(exponents == 0, axis=0)):
        return None
    middle = log_x.mean(axis=0)
    c = np.exp(generator.uniform(-1, 1, terms) * math.log(10) - exponents @ middle)
    clean = np.exp(log_x @ exponents.T) @ c
    level = 1e-3 * 200 ** generator.random()
    e, other = generator.normal(size=(2, rows))
    if noise == "absolute":
        y = clean + level * math.sqrt(np.mean(clean**2)) * e
    elif noise == "proportional":
        y = clean * (1 + level * e)
    elif noise == "log-normal":
        y = clean * np.exp(level * e)
    else:
        y = clean * (1 + level * e) + level * np.median(clean) * other
    return RandomLaw(np.exp(log_x), y, clean, exponents, c, fractions, noise, level)


def deviations(law: RandomLaw) -> np.ndarray:
    """The standard deviation of each y."""
    if law.noise == "absolute":
        return np.full(len(law.y), law.level * math.sqrt(np.mean(law.clean**2)))
    if law.noise == "mixed":
        return law.level * np.hypot(law.clean, np.median(law.clean))
    return law.level * law.clean


def _information(law: RandomLaw) -> float:
    """How far, in squared standard deviations, the nearest law without one of the terms is."""
    log_x = np.log(law.x)
    terms = np.exp(log_x @ law.exponents.T) * law.coefficients / deviations(law)[:, None]
    least = np.inf
    for k in range(len(law.coefficients)):
        design = [np.delete(terms, k, axis=1)]
        design += [terms[:, [j]] * log_x for j in range(terms.shape[1]) if j != k]
        design = np.concatenate(design, axis=1)
        if not design.shape[1]:
            # One term is told from a constant.
            design = 1 / deviations(law)[:, None]
        size = np.linalg.norm(design, axis=0)
        if np.any(size == 0) or not np.all(np.isfinite(size)):
            return 0.0
        q, _ = np.linalg.qr(design / size)
        left = terms[:, k] - q @ (q.T @ terms[:, k])
        least = min(least, float(left @ left))
    return least
