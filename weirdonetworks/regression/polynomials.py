"""Candidates of many terms: polynomials of degree 2, to a power and times powers of features."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from weirdonetworks.regression import fitting
from weirdonetworks.regression.exponent_space import Space
from weirdonetworks.regression.fitting import Data, Model, is_real

# Rows on which the monomials are selected.
_SOME = 3000


def polynomials(
    data: Data,
    space: Space,
    factored: Space,
    powers: Sequence[Fraction],
    term_numbers: Sequence[int],
    positive: bool,
) -> Iterator[Model]:
    """y^p = x^b (a polynomial of degree 2 of the other features), for each power.

    For p = 1 then also with negative powers, of absolute degree 2. x^b are the features of fixed
    exponents in the factored space. From all monomials, the least significant are taken out one at
    a time, until all that are left are significant.
    """
    some = data.rows(slice(0, _SOME))
    n = data.u.shape[1]
    rest = np.flatnonzero(np.any(factored.basis != 0, axis=1))
    kinds = [(power, _up_to_two) for power in powers]
    seen = set()
    if 1 in powers:
        kinds.append((Fraction(1), _laurent))
    for power, monomials in kinds:
        p = float(power)
        b = p * factored.offset
        if np.any(np.abs(12 * b - np.round(12 * b)) > 1e-9):
            continue
        exponents = np.array([b + e for e in monomials(n, rest)])
        exponents = exponents[space.holds(exponents, p)]
        if len(exponents) < 2 or 3 * len(exponents) > len(some.y):
            continue
        model = _eliminated(some, power, exponents, max(term_numbers))
        if model is None or model.num_terms not in term_numbers:
            continue
        if (positive and np.any(model.c <= 0)) or (power, tuple(sorted(model.known))) in seen:
            continue
        seen.add((power, tuple(sorted(model.known))))
        model = fitting.fit(dataclasses.replace(model, positive=positive), data)
        if is_real(model, data):
            yield model


def _up_to_two(n: int, chosen: Sequence[int]) -> Iterator[np.ndarray]:
    unit = np.eye(n)
    yield np.zeros(n)
    for i, first in enumerate(chosen):
        yield unit[first]
        for second in chosen[i:]:
            yield unit[first] + unit[second]


def _laurent(n: int, chosen: Sequence[int]) -> Iterator[np.ndarray]:
    for e in _up_to_two(n, chosen):
        places = np.flatnonzero(e)
        for signs in itertools.product((1, -1), repeat=len(places)):
            signed = e.copy()
            signed[places] *= signs
            yield signed


def _eliminated(data: Data, power: Fraction, exponents: np.ndarray, most: int) -> Model | None:
    """The model of those of the monomials that are significant, or None if they are too many."""
    model = _all_terms(data, power, exponents)
    residuals, terms = fitting.derivatives(model, data)
    response = residuals + terms @ model.c
    size = np.linalg.norm(terms, axis=0)
    if not (np.all(np.isfinite(terms)) and np.all(np.isfinite(residuals)) and np.all(size > 0)):
        return None  # a monomial is beyond all numbers, or below them
    q, r = np.linalg.qr(terms / size)
    target = q.T @ response
    outside = float(np.sum(np.square(response))) - float(target @ target)
    floor = (1e-13 * data.scale) ** 2 * len(response)
    kept = np.arange(len(exponents))
    while True:
        upper = np.linalg.qr(np.column_stack([r[:, kept], target]), mode="r")
        k = len(kept)
        inverse = np.linalg.pinv(upper[:k, :k])
        t = inverse @ upper[:k, k]
        rest = max(outside, 0) + float(np.sum(np.square(upper[k:, k])))
        s2 = max(rest, floor) / max(1, len(response) - k)
        significance = np.abs(t) / np.sqrt(s2 * np.sum(np.square(inverse), axis=1))
        least = int(np.argmin(significance))
        if significance[least] > 4 or k == 1:
            break
        kept = np.delete(kept, least)
    if len(kept) > most:
        return None
    return dataclasses.replace(
        model,
        c=t / size[kept],
        a=model.a[kept],
        bases=tuple(model.bases[j] for j in kept),
        known=tuple(model.known[j] for j in kept),
    )


def _all_terms(data: Data, power: Fraction, exponents: np.ndarray) -> Model:
    """The least squares of y by all monomials.

    It starts from least squares of y^p, weighted by the derivative of y, without the rows of the
    smallest y: their y^p have the largest errors.
    """
    n = exponents.shape[1]
    known = tuple(tuple(Fraction(e).limit_denominator(24) for e in row) for row in exponents)
    model = Model(
        np.ones(len(exponents)), exponents, power, (np.zeros((n, 0)),) * len(exponents), known
    )
    rows = data.y > 0.1 * data.scale
    if np.sum(rows) < 3 * len(exponents):
        rows = data.y > 0
    some, p = data.rows(slice(None) if power == 1 else rows), float(power)
    weights = np.abs(some.y) ** (1 - p) / (np.abs(some.y) if data.relative else 1)
    weights = weights * some.weights
    columns = model.terms(some.u) * weights[:, None]
    z = some.y**p if power != 1 else some.y
    model = dataclasses.replace(model, c=fitting.least_squares(columns, z * weights))
    return fitting.solve_coefficients(model, data)
