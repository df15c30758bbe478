"""Exponents to fractions: where the data support one, it is fixed, and the rest is fitted again."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
from scipy import stats

from weirdonetworks.regression import fitting
from weirdonetworks.regression.exponent_space import Space
from weirdonetworks.regression.fitting import Data, Model

# The odds at which a fraction is taken.
ODDS = 20.0
# The least standard error: what the fit leaves of an exponent that is exact.
_LEAST = 3e-7
# Real exponents are spread evenly over so many units.
_RANGE = 6.0
# Standard errors from which a fraction that is assumed is fitted instead.
_VAGUE = 0.1


def bits(fraction: Fraction) -> float:
    """log2((1 + |p|) q^2) + 1 of p/q: 1 for 0, 2 for 1, 4 for 1/2, 5.2 for 1/3."""
    return math.log2((1 + abs(fraction.numerator)) * fraction.denominator**2) + 1


def odds(fraction: Fraction, exponent: float, error: float, freedom: float = np.inf) -> float:
    """The odds of a fraction against any real number, for an estimate with its standard error.

    2^-bits(p/q) f((p/q - a) / s) / s * 6: the density of the estimate under the fraction, times the
    prior of a fraction of so few bits, over the density 1/6 of a real number. The priors of all
    fractions sum to 2: beforehand, one is twice as likely as a real number. f is Student's with the
    degrees of freedom of s.
    """
    s = max(error, _LEAST)
    if not np.isfinite(s):
        return 0.0
    density = _student((float(fraction) - exponent) / s, freedom) / s
    return _RANGE * density * 2.0 ** -bits(fraction)


def _student(z: float, freedom: float) -> float:
    """Student's density, as that of `scipy.stats.t`, which is slow for one number."""
    if not np.isfinite(freedom):
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    log_size = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    log_size -= math.log(freedom * math.pi) / 2
    return math.exp(log_size - (freedom + 1) / 2 * math.log1p(z * z / freedom))


def likeliest(
    exponent: float, error: float, max_denominator: int, freedom: float = np.inf
) -> tuple[Fraction, float]:
    """The fraction of the best odds, of denominators up to a largest, and its odds."""
    nearest = {Fraction(round(exponent * d), d) for d in range(1, max_denominator + 1)}
    return max(((f, odds(f, exponent, error, freedom)) for f in nearest), key=lambda pair: pair[1])


def together(number: int) -> float:
    """By how much the odds of a fraction are better if all of so many exponents are fractions.

    As at even odds all exponents of a law are fractions, and else each of them is at even odds.
    """
    return 1 + 2.0 ** min(number - 1, 40)


def sparsity(model: Model) -> float:
    """By how much the odds of an exponent 0 are better in a law that misses most of its columns.

    The number of exponents that are 0 over that of all others, plus one; at least 1.
    """
    absent = sum(value == 0 for row in model.known for value in row)
    return max(1.0, absent / (model.a.size - absent + 1))


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

    One is supported at odds of 20, or all of them at odds of 20 with those that they have together.
    All that are supported are fixed at once; where that fits worse by more than chance would have
    it, only the more certain half of them is, and so on, and the others are looked at again with
    new errors.
    """
    while True:
        _, variances = fitting.covariance(model, data)
        freedom = max(1, len(data.y) - model.num_parameters)
        proposals, sparse = [], sparsity(model)
        for k, i in (left := unknown(model)):
            error = float(np.sqrt(variances[k, i]))
            fraction, evidence = likeliest(model.a[k, i], error, max_denominator, freedom)
            evidence *= 1 if fraction else sparse
            proposals.append((evidence, k, i, fraction))
        proposals.sort(key=lambda proposal: -proposal[0])
        bonus = together(model.a.size)
        if any(evidence * bonus < ODDS for evidence, *_ in proposals):
            proposals = [proposal for proposal in proposals if proposal[0] >= ODDS]
        if not left or not proposals:
            return model
        while (new := _fixed(model, proposals, data)) is None:
            if len(proposals) == 1:
                return model
            proposals = proposals[: len(proposals) // 2]
        model = new


def _fixed(model: Model, proposals: list, data: Data) -> Model | None:
    """The refitted model with these exponents fixed, or None if it fits significantly worse."""
    before = max(fitting.rms(model.residuals(data)), 0.01 * fitting.PRECISION * data.scale)
    new = model
    for _, k, i, fraction in proposals:
        new = fix(new, k, i, fraction)
    new = fitting.fit(new, data)
    after = fitting.rms(new.residuals(data))
    freedom = max(1, len(data.y) - model.num_parameters)
    increase = freedom * (after**2 - before**2) / before**2
    number = len(proposals)
    return new if increase <= number + 4 * np.sqrt(2 * number) else None


@dataclasses.dataclass(frozen=True, eq=False)
class Freed:
    """What the fit would be with all exponents free, to first order, beside the one that there is.

    Attributes:
      exponents, errors: the free exponents and their standard errors, [terms, features].
      odds: of each told fraction by itself, [terms, features]; infinite for no fractions.
      c_errors: standard errors of log |c|, [terms], for u = log x (not centred): those of the fit
        as it is, and those of the free one in proportion to the doubts.
    """

    exponents: np.ndarray
    errors: np.ndarray
    odds: np.ndarray
    c_errors: np.ndarray


def freed(
    model: Model, data: Data, space: Space, center: np.ndarray, noise: float | None = None
) -> Freed:
    """One Gauss-Newton step from a fit to the one with all exponents free.

    `noise` is the standard deviation of the residuals, if it is known.
    """
    k, n = model.a.shape
    plain = dataclasses.replace(model, positive=False)
    free = dataclasses.replace(plain, bases=(space.basis,) * k)
    residuals, jacobian = fitting.condensed(free, data)
    columns, size = fitting.scaled(jacobian)
    inverse, determined = fitting.inverse(columns)
    step = inverse @ (columns.T @ residuals)
    freedom = len(data.y) - jacobian.shape[1]
    left = residuals - columns @ step
    s = noise or float(np.sqrt(left @ left / max(freedom, 1)))
    if freedom < 1:
        determined[:] = False
    basis = np.zeros((k * n, jacobian.shape[1]))  # exponents by parameters
    for j in range(k):
        at = k + j * space.basis.shape[1]
        basis[j * n : (j + 1) * n, at : at + space.basis.shape[1]] = space.basis
    basis = basis / size
    vague = np.abs(basis) @ ~determined > 0
    moved = basis @ np.where(determined, step, 0)
    spread = s * np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", basis, inverse, basis), 0))
    exponents = model.a + moved.reshape(k, n)
    errors = np.where(vague, np.inf, spread).reshape(k, n)
    all_odds = _odds(model, data, space, s, max(freedom, 1), exponents, errors)
    # log |c| for uncentred u is log |c| - a center.
    to_log = np.zeros((k, jacobian.shape[1]))
    to_log[np.arange(k), np.arange(k)] = 1 / (model.c * size[:k])
    to_log -= np.stack([center @ basis[j * n : (j + 1) * n] for j in range(k)])
    undetermined = np.abs(to_log) @ ~determined > 0
    variance = s**2 * np.einsum("ij,jk,ik->i", to_log, inverse, to_log)
    variance = np.where(undetermined, np.inf, variance + np.square(to_log @ step))
    own = _log_variances(plain, data, center, noise)
    doubt = min(1.0, float(doubts(model, all_odds).sum()))
    with np.errstate(invalid="ignore"):
        total = own + np.where(doubt > 0, doubt * variance, 0)
    # Of few rows, twice the errors would hold the truth less often than 95.4 % of the time.
    widening = stats.t.ppf(stats.norm.cdf(2), max(freedom, 1)) / 2 if noise is None else 1.0
    return Freed(exponents, widening * errors, all_odds, widening * np.sqrt(total))


def _log_variances(model: Model, data: Data, center: np.ndarray, noise: float | None) -> np.ndarray:
    """The variances of log |c|, [terms], of the fit; log c = log c(centred) - a center."""
    k = model.num_terms
    residuals, jacobian = fitting.condensed(model, data)
    freedom = max(1, len(data.y) - jacobian.shape[1])
    s2 = float(residuals @ residuals) / freedom if noise is None else noise**2
    columns, size = fitting.scaled(jacobian)
    inverted, determined = fitting.inverse(columns)
    to_log, at = np.zeros((k, jacobian.shape[1])), k
    to_log[np.arange(k), np.arange(k)] = 1 / model.c
    for i, basis in enumerate(model.bases):
        to_log[i, at : at + basis.shape[1]] = -center @ basis
        at += basis.shape[1]
    to_log = to_log / size
    variances = s2 * np.einsum("ij,jk,ik->i", to_log, inverted, to_log)
    return np.where(np.abs(to_log) @ ~determined > 0, np.inf, variances)


def _odds(
    model: Model,
    data: Data,
    space: Space,
    noise: float,
    freedom: int,
    exponents: np.ndarray,
    errors: np.ndarray,
) -> np.ndarray:
    """The odds of each told fraction, with the others where they are; infinite for no fractions.

    In a constrained space, where an exponent does not move alone, by the free fit's errors.
    """
    result, sparse = np.full(model.a.shape, np.inf), sparsity(model)
    plain = space.basis.shape == (model.a.shape[1],) * 2
    if plain:
        fitted = dataclasses.replace(model, positive=False)
        free = dataclasses.replace(fitted, bases=(space.basis,) * model.num_terms)
        residuals, columns = fitting.condensed(free, data)
        terms, columns = columns[:, : model.num_terms], columns[:, model.num_terms :]
        each = np.split(columns, model.num_terms, axis=1)
        moved = [own @ basis for own, basis in zip(each, model.bases, strict=True)]
        jacobian = np.concatenate([terms, *moved], axis=1)
        q, _ = np.linalg.qr(fitting.scaled(jacobian)[0])
        sizes = np.square(model.c) * np.sum(np.square(terms), axis=0)
    for k, i in np.ndindex(*model.a.shape):
        fraction = model.known[k][i]
        if fraction is None:
            continue
        value, error = exponents[k, i], errors[k, i]
        if plain:
            column = columns[:, k * model.a.shape[1] + i]
            column = column - q @ (q.T @ column)
            square = float(column @ column)
            if not square > 1e-20 * sizes[k]:
                value, error = model.a[k, i], np.inf
            else:
                value = model.a[k, i] + float(column @ residuals) / square
                error = noise / np.sqrt(square)
        result[k, i] = odds(fraction, value, error, freedom) * (1 if fraction else sparse)
    return result


def doubts(model: Model, odds: np.ndarray, most: int | None = None) -> np.ndarray:
    """The probability of each told fraction that the exponent is none, [terms, features].

    By its odds, and where all exponents are fractions, by those that they have together, at most as
    those of `most` exponents.
    """
    number = model.a.size if most is None else min(model.a.size, most)
    bonus = 1.0 if unknown(model) else together(number)
    return 1 / (1 + bonus * odds)


def unsupported(model: Model, freed: Freed) -> list[tuple[int, int]]:
    """(term, feature) of the told fractions that the data do not support.

    In a sum, only of those that they determine well: others are assumed, as those of polynomials.
    """
    limit = 1 / (1 + ODDS)
    doubt = doubts(model, freed.odds)
    return [
        (k, i)
        for k, i in np.ndindex(*model.a.shape)
        if doubt[k, i] > limit and (freed.errors[k, i] < _VAGUE or model.num_terms == 1)
    ]


def release(model: Model, places: list[tuple[int, int]], space: Space) -> Model:
    """The model with these exponents free again; in a constrained space, those of their terms."""
    known, bases = [list(row) for row in model.known], list(model.bases)
    plain = space.basis.shape == (model.a.shape[1],) * 2
    for k, i in places:
        if plain:
            bases[k] = np.column_stack([bases[k], np.eye(model.a.shape[1])[i]])
            known[k][i] = None
        else:
            bases[k], known[k] = space.basis, [None] * model.a.shape[1]
    return dataclasses.replace(model, bases=tuple(bases), known=tuple(map(tuple, known)))
