"""Which candidate is the law: the simplest that predicts rows it has not seen as well as any."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from weirdonetworks.regression import fitting, rounding
from weirdonetworks.regression.diagnostics import LEVEL, nested
from weirdonetworks.regression.fitting import Data, Model, error

# Standard errors of the mean difference of squared errors by which a candidate may be worse.
_ERRORS = 3.0
_OBVIOUS = 1e-4
# The standard error of an exponent that is not known.
_UNKNOWN = 2.0
# The p-value of the F-test at which a larger candidate shows that a smaller one lacks something.
# It has been chosen among thousands: the level is one for all of them together.
_LACKING = 1e-5
# The p-value above which a larger candidate does not show it, though it predicts better.
BY_CHANCE = 1e-3
# Bits that a number costs which is not a fraction, at least and at most.
_LEAST_BITS, _FLOAT_BITS = 6.0, 12.0
# Fewer rows are held out in turn, and what they say counts in bits.
FEW_ROWS = 60
# Denominators of the fractions that are looked at.
DENOMINATORS = 6
# Of an exact fit: exponents that differ by less are equal, and terms that are smaller are nothing.
_EQUAL = 1e-6
# Terms whose exponents differ by less may be one, and its derivatives by them.
_NEAR = 0.05
# Bits of the power: reciprocals are common, as of resistances, rates and times.
_POWER_BITS = {Fraction(1): 0.0, Fraction(-1): 2.0}
_OTHER_POWER_BITS = 6.0


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A fitted model, its residuals in rows that it was not fitted to, and the p-value of structure
    in those that it was fitted to, with their sum of squares and number; and the standard errors of
    its exponents, [terms, features]."""

    model: Model
    residuals: np.ndarray
    p_value: float = 1.0
    square: float = np.inf
    rows: int = 0
    errors: np.ndarray | None = None

    @property
    def mean_square(self) -> float:
        value = float(np.mean(np.square(self.residuals)))
        return value if np.isfinite(value) else np.inf


def complexity(model: Model, charged: bool = True, errors: np.ndarray | None = None) -> float:
    """Bits to write the law down: exponents, signs, terms and power; constants count alike.

    An exponent p/q costs log2((1 + |p|) q^2) + 1 bits, one that is 0 nothing, a float what it
    takes to tell it to its standard error among numbers up to 3, from 6 to 12; a term 4; the
    power -1 costs 2, others but 1 cost 6; a negative coefficient 1 where signs are `charged`.
    """
    bits = 4.0 * model.num_terms + _POWER_BITS.get(model.power, _OTHER_POWER_BITS)
    bits += charged * np.sum(model.c < 0)
    for k, row in enumerate(model.known):
        for i, exponent in enumerate(row):
            if exponent is None:
                bits += _FLOAT_BITS if errors is None else _float_bits(errors[k, i])
            elif exponent:
                bits += rounding.bits(exponent)
    return float(bits)


def _float_bits(error: float) -> float:
    # As the odds of fractions have it: 6 numbers of unit width, and a normal density.
    needed = np.log2(6 / np.sqrt(2 * np.pi) / max(error, 1e-300))
    return float(np.clip(needed, _LEAST_BITS, _FLOAT_BITS))


def select(candidates: Sequence[Candidate], floor: float, charged: bool = True) -> Candidate:
    """The least complex of those that do not predict significantly worse than the best.

    Those with obvious structure in their training residuals (p < 1e-4) count only if all have it;
    so do those of which an exponent has a standard error above 2, as of two terms that are nearly
    one, and those that lack what a larger one has: the F-test of their sums of squares in training
    gives p < 1e-5, and the larger one predicts better. A p-value of structure below 1 % adds
    log2(0.01 / p) bits to the complexity. With fewer than 60 rows, so do (n / 2) log2 of the mean
    squared error to that of the best.

    Significantly: the squared residuals on the validation rows are larger by more than three
    standard errors of their mean difference, row by row, and where the best one is larger, the
    F-test gives p < 1e-3. Below `floor`, an RMS of residuals at numerical precision, there are no
    differences.
    """
    best = min(candidates, key=lambda candidate: candidate.mean_square)
    good = [c for c in candidates if not worse(c, best, floor) or _by_chance(c, best)]
    good = [c for c in good if c.p_value >= _OBVIOUS] or good
    good = [c for c in good if c.errors is None or np.max(c.errors) <= _UNKNOWN] or good
    good = [c for c in good if not any(lacks(c, other, floor) for other in good)] or good

    def bits(candidate: Candidate) -> float:
        own = complexity(candidate.model, charged, candidate.errors) + surprise(candidate)
        rows = len(candidate.residuals)
        if rows < FEW_ROWS and best.mean_square > floor**2:
            own += rows / 2 * np.log2(candidate.mean_square / best.mean_square)
        return own

    return min(good, key=lambda c: (bits(c), c.mean_square))


def surprise(candidate: Candidate) -> float:
    """Bits by which the p-value of structure is below the level: what the law leaves unsaid."""
    return float(np.log2(LEVEL / np.clip(candidate.p_value, 1e-300, LEVEL)))


def lacks(small: Candidate, large: Candidate, floor: float) -> bool:
    """Whether a candidate of more parameters fits significantly better, and predicts better."""
    if large.mean_square >= small.mean_square or small.square <= small.rows * floor**2:
        return False
    return gain(small, large) < _LACKING


def gain(small: Candidate, large: Candidate) -> float:
    """The p-value of the F-test of what the larger of two explains beyond the smaller one."""
    first = large.model.num_parameters - small.model.num_parameters
    second = large.rows - large.model.num_parameters
    return nested(small.square, large.square, first, second)


def _by_chance(candidate: Candidate, best: Candidate) -> bool:
    """Whether a larger one that predicts better does not fit significantly better."""
    larger = best.model.num_parameters > candidate.model.num_parameters
    return larger and best.rows > 0 and gain(candidate, best) > BY_CHANCE


def worse(candidate: Candidate, best: Candidate, floor: float) -> bool:
    """Whether a candidate predicts significantly worse than the best one."""
    if candidate.mean_square <= floor**2:
        return False
    difference = np.square(candidate.residuals) - np.square(best.residuals)
    if not np.all(np.isfinite(difference)):
        return True
    mean = float(np.mean(difference))
    return mean > _ERRORS * float(np.std(difference)) / np.sqrt(len(difference)) and mean > 0


def variants(model: Model, data: Data, rounded: str | int | None, structured: bool) -> list[Model]:
    """The model with free exponents, and with those rounded.

    "auto": at the fractions that the data support; an integer d: all at multiples of 1/d; None: as
    they are.
    """
    if rounded is None:
        return [model]
    if rounded == "auto":
        result = [model, rounding.round_exponents(model, data, 2 if structured else DENOMINATORS)]
        if structured:
            return result
    else:
        result = [force(model, data, rounded)]
    return [pruned(each, data) for each in result]


def force(model: Model, data: Data, denominator: int) -> Model:
    """All exponents at multiples of 1/d, the most certain ones first, with refits in between."""
    while left := rounding.unknown(model):
        _, variances = fitting.covariance(model, data)
        distance = {
            (k, i): abs(model.a[k, i] - float(_nearest(model.a[k, i], denominator)))
            + np.sqrt(variances[k, i])
            for k, i in left
        }
        chosen = sorted(left, key=distance.get)[: max(1, len(left) // 3)]
        for k, i in chosen:
            model = rounding.fix(model, k, i, _nearest(model.a[k, i], denominator))
        model = fitting.fit(model, data)
    return model


def _nearest(value: float, denominator: int) -> Fraction:
    return Fraction(round(value * denominator), denominator)


def pruned(model: Model, data: Data) -> Model:
    """Without terms whose coefficient is insignificant, and with equal terms taken together."""
    while model.num_terms > 1:
        merged = _merged(model)
        if merged is not None:
            model = fitting.fit(merged, data)
            continue
        cov, _ = fitting.covariance(model, data)
        errors = np.sqrt(np.diag(cov))
        significance = np.abs(model.c) / np.maximum(errors, 1e-300)
        least = int(np.argmin(significance))
        if error(model, data) <= fitting.PRECISION:
            # Rounding errors are no noise: what is not needed for the precision goes.
            share = np.mean(np.abs(model.c * model.terms(data.u)), axis=0)
            without = fitting.fit(fitting.without(model, int(np.argmin(share))), data)
            if error(without, data) > fitting.PRECISION:
                break
            model = without
            continue
        if significance[least] > 3 or not np.isfinite(errors[least]):
            break
        without = fitting.fit(fitting.without(model, least), data)
        if error(without, data) ** 2 > error(model, data) ** 2 * (1 + 10 / len(data.y)):
            break
        model = without
    return model


def tidied(model: Model, data: Data) -> Model:
    """Of a fit at numerical precision, the terms that are more than its rounding errors.

    Terms of equal exponents, to 1e-6, are taken together; those whose mean size is below 1e-6 of
    that of y are left out, and those near another that need not be there: they cancel but for one.
    """
    distance = np.abs(model.a[:, None] - model.a).max(axis=2)
    first = np.argmax(distance <= _EQUAL, axis=1)  # of those that are equal to each
    c = np.bincount(first, model.c, model.num_terms)
    share = np.mean(np.abs(c * model.terms(data.u)), axis=0)
    model = dataclasses.replace(model, c=c)
    for k in np.flatnonzero(share <= _EQUAL * np.mean(np.abs(data.y)))[::-1]:
        model = fitting.without(model, int(k))
    if not model.num_terms:
        return model
    model = fitting.fit(model, data)
    for k in reversed(range(model.num_terms)):
        rest = fitting.without(model, k)
        if np.any(np.abs(rest.a - model.a[k]).max(axis=1) <= _NEAR):
            rest = fitting.fit(rest, data, 200)
            if error(rest, data) <= fitting.PRECISION:
                model = rest
    return model


def _merged(model: Model) -> Model | None:
    for first in range(model.num_terms):
        for second in range(first + 1, model.num_terms):
            same = model.known[first] == model.known[second] and None not in model.known[first]
            if same and model.c[first] + model.c[second] != 0:
                c = model.c.copy()
                c[first] += c[second]
                return fitting.without(dataclasses.replace(model, c=c), second)
    return None
