"""Candidates for few rows: a power of y as the sum of two monomials of simple exponents."""

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from weirdonetworks.regression import fitting
from weirdonetworks.regression.exponent_space import Space
from weirdonetworks.regression.fitting import Data, Model, is_real

# More rows show such laws without being asked for them.
_MOST_ROWS = 100
# Fewer are no evidence for two terms.
_FEWEST_ROWS = 8
# The exponents of one feature, and of two.
_EXPONENTS = {
    1: (-3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3),
    2: (-2, -1, 0, 1, 2),
}
# The pairs, of each power, that are fitted to y itself.
_FITTED = 3


def simple_sums(
    data: Data, space: Space, powers: Sequence[Fraction], positive: bool
) -> Iterator[Model]:
    """y^p = c_1 x^a_1 + c_2 x^a_2 for each power: the pairs of the least residuals.

    Saturation, y = 1 / (c_1 / x + c_2), is one of them, and so are offsets. The pairs are compared
    by least squares of y^p, weighted by the derivative of y; the best are fitted to y. Nothing for
    fewer than 8 or more than 100 rows, or more than two features.
    """
    n = data.u.shape[1]
    if n not in _EXPONENTS or not _FEWEST_ROWS <= len(data.y) <= _MOST_ROWS:
        return
    lattice = np.array(list(itertools.product(_EXPONENTS[n], repeat=n)), float)
    rows = data.y > 0 if np.mean(data.y > 0) > 0.8 else np.ones(len(data.y), bool)
    some = data.rows(rows)
    for power in powers:
        p = float(power)
        if power != 1 and not np.all(some.y > 0):
            continue
        a = lattice[space.holds(lattice, p)]
        if len(a) < 2:
            continue
        for i, j in _best_pairs(some, p, a, positive):
            known = tuple(tuple(Fraction(e) for e in row) for row in a[[i, j]])
            model = Model(np.ones(2), a[[i, j]], power, (np.zeros((n, 0)),) * 2, known)
            model = fitting.solve_coefficients(_started(model, some, p), data)
            if positive and np.any(model.c <= 0):
                continue
            model = fitting.fit(model, data)
            if is_real(model, data) and not (positive and np.any(model.c <= 0)):
                yield model


def _weights(data: Data, p: float) -> np.ndarray:
    """What an error of y is in y^p, inverted."""
    return data.weights * np.abs(data.y) ** (1 - p) / (np.abs(data.y) if data.relative else 1)


def _started(model: Model, data: Data, p: float) -> Model:
    """The coefficients of weighted least squares of y^p."""
    w = _weights(data, p)
    columns = model.terms(data.u) * w[:, None]
    c = fitting.least_squares(columns, (data.y if p == 1 else data.y**p) * w)
    return Model(c, model.a, model.power, model.bases, model.known)


def _best_pairs(data: Data, p: float, a: np.ndarray, positive: bool) -> list[tuple[int, int]]:
    w = _weights(data, p)
    columns = np.exp(np.clip(data.u @ a.T, -300, 300)) * w[:, None]
    columns /= np.linalg.norm(columns, axis=0)
    target = (data.y if p == 1 else data.y**p) * w
    i, j = np.triu_indices(len(a), 1)
    cosine = np.einsum("rk,rk->k", columns[:, i], columns[:, j])
    first, second = target @ columns[:, i], target @ columns[:, j]
    sine = 1 - np.square(cosine)
    with np.errstate(divide="ignore", invalid="ignore"):
        c = np.stack([first - cosine * second, second - cosine * first]) / sine
        explained = np.sum(c * np.stack([first, second]), axis=0)
    usable = (sine > 1e-6) & np.isfinite(explained)
    if positive:
        usable &= np.all(c > 0, axis=0)
    order = np.argsort(-np.where(usable, explained, -np.inf), kind="stable")[:_FITTED]
    return [(int(i[k]), int(j[k])) for k in order if usable[k]]
