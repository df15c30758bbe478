"""Exponents to fractions: where the data support one, it is fixed, and the rest is fitted again."""

import dataclasses
from fractions import Fraction

import numpy as np

from weirdonetworks.regression import fitting
from weirdonetworks.regression.fitting import Data, Model

# Half the width of an exponent's interval, in standard errors.
WIDTH = 3.5
# The least half width: what the fit leaves of an exponent that is exact.
_LEAST = 1e-6


def simplest(low: float, high: float, max_denominator: int) -> Fraction | None:
    """The fraction of the smallest denominator (then nearest to the middle) in [low, high]."""
    middle = (low + high) / 2
    for denominator in range(1, max_denominator + 1):
        nearest = Fraction(round(middle * denominator), denominator)
        if low <= nearest <= high:
            return nearest
    return None


def supported(exponent: float, error: float, max_denominator: int) -> Fraction | None:
    """The fraction that the data support for an exponent of this standard error, or None.

    It is the simplest one within `WIDTH` errors of the exponent; and of such an interval around an
    arbitrary real number, a fraction of so small a denominator is expected at most every second
    time: 2 h (number of fractions in [0, 1) of at most this denominator) <= 1/2.
    """
    half = WIDTH * error + _LEAST
    if not np.isfinite(half):
        return None
    fraction = simplest(exponent - half, exponent + half, max_denominator)
    if fraction is None:
        return None
    number = sum(_totient(d) for d in range(1, fraction.denominator + 1))
    return fraction if 2 * half * number <= 0.5 else None


def all_near_halves(model: Model, data: Data) -> bool:
    """Whether each exponent that is not fixed lies within 6 standard errors of a multiple of 1/2,
    where an arbitrary number would so at most once in 20 times: 2 * 6 * error * 2 <= 1/20.

    Of many true fractions, one lies beyond `WIDTH` errors now and then.
    """
    _, variances = fitting.covariance(model, data)
    for k, i in unknown(model):
        error, exponent = float(np.sqrt(variances[k, i])), model.a[k, i]
        if 24 * error > 1 / 20 or abs(exponent - np.round(2 * exponent) / 2) > 6 * error + _LEAST:
            return False
    return True


def _totient(n: int) -> int:
    return sum(1 for k in range(1, n + 1) if np.gcd(k, n) == 1)


def fix(model: Model, term: int, feature: int, value: Fraction) -> Model:
    """The model with an exponent set to a fraction; the others move where constraints ask it."""
    basis, a = model.bases[term], model.a.copy()
    row = basis[feature]
    norm = float(row @ row)
    bases = list(model.bases)
    if norm > 1e-20:
        a[term] += basis @ row * ((float(value) - a[term, feature]) / norm)
        axis = np.flatnonzero(np.abs(row) > 1e-10)
        if len(axis) == 1:
            bases[term] = np.delete(basis, axis[0], axis=1)
        else:
            complement = np.linalg.svd(row[None])[2][1:]
            bases[term] = basis @ complement.T
        bases[term][feature] = 0
    a[term, feature] = float(value)
    known = [list(row) for row in model.known]
    known[term][feature] = value
    return dataclasses.replace(
        model, a=a, bases=tuple(bases), known=tuple(tuple(row) for row in known)
    )


def unknown(model: Model) -> list[tuple[int, int]]:
    """(term, feature) of the exponents that are not fixed."""
    return [
        (k, i) for k, row in enumerate(model.known) for i, value in enumerate(row) if value is None
    ]


def round_exponents(model: Model, data: Data, max_denominator: int) -> Model:
    """Fixes exponents at the fractions that the data support, and refits the rest in between.

    All that are supported are fixed at once; where that fits worse by more than chance would have
    it, only the most certain one is, and the others are looked at again with new errors.
    """
    while True:
        _, variances = fitting.covariance(model, data)
        proposals = []
        for k, i in unknown(model):
            error = float(np.sqrt(variances[k, i]))
            fraction = supported(model.a[k, i], error, max_denominator)
            if fraction is not None:
                certainty = (error + _LEAST) * fraction.denominator**2
                proposals.append((certainty, k, i, fraction))
        if not proposals:
            return model
        proposals.sort(key=lambda proposal: proposal[0])
        together = _fixed(model, proposals, data)
        if together is None:
            together = _fixed(model, proposals[:1], data)
        if together is None:
            return model
        model = together


def _fixed(model: Model, proposals: list, data: Data) -> Model | None:
    """The refitted model with these exponents fixed, or None if it fits significantly worse."""
    before = max(fitting.rms(model.residuals(data)), 0.01 * fitting.PRECISION * data.scale)
    new = model
    for _, k, i, fraction in proposals:
        new = fix(new, k, i, fraction)
    new = fitting.fit(new, data)
    after = fitting.rms(new.residuals(data))
    increase = len(data.y) * (after**2 - before**2) / before**2
    number = len(proposals)
    return new if increase <= number + 4 * np.sqrt(2 * number) else None
