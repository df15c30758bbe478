"""Candidates for a law: from one term to several, for each power, until no structure is left."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from weirdonetworks.regression import fitting
from weirdonetworks.regression.diagnostics import features, structure
from weirdonetworks.regression.fitting import Data, Model

# Rows on which starting points are tried.
_FEW = 1000
# Rows on which the monomials of a polynomial are selected.
_SOME = 3000
# Terms up to which they are added one at a time; polynomials may have more.
_GROWN = 4
# Exponents that are looked at for a new term, and from how many of them a fit is started.
_POOL = 400
_STARTS = 8
_STEPS = np.array([-3, -2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2, 3])


@dataclasses.dataclass(frozen=True)
class Space:
    """The exponents that a term may have: offset + basis t, for y^p: p offset + basis t.

    `directions`, [number, features], are those in which terms are likely to differ.
    """

    offset: np.ndarray
    basis: np.ndarray
    directions: np.ndarray | None = None

    def nearest(self, exponents: np.ndarray, power: float) -> np.ndarray:
        """The allowed exponents nearest to these [terms, features]."""
        start = power * self.offset
        inverse = np.linalg.pinv(self.basis)
        return start + (exponents - start) @ inverse.T @ self.basis.T

    def holds(self, exponents: np.ndarray, power: float) -> np.ndarray:
        """Whether they are allowed, [terms]."""
        return np.all(np.abs(self.nearest(exponents, power) - exponents) < 1e-9, axis=1)


def first_term(data: Data, space: Space) -> Model:
    """One monomial: log-linear least squares, weighted by y^2, and then least squares of y.

    The weights are those that errors of y have in log y. Rows with y <= 0 take no part at first.
    """
    model = log_linear(data, space, np.ones_like if data.relative else _capped)
    return fitting.fit(fitting.solve_coefficients(model, data), data)


def log_linear(
    data: Data, space: Space, weights: Callable[[np.ndarray], np.ndarray] = np.ones_like
) -> Model:
    """The monomial of least squares of log y, in the rows with y > 0, with weights(y) for each.

    Where y is of both signs, |y| stands for it.
    """
    y = np.abs(data.y) if np.mean(data.y > 0) < 0.8 else data.y
    rows = y > 0
    w = weights(y[rows])
    log_y = np.log(y[rows]) - data.u[rows] @ space.offset
    design = np.column_stack([np.ones(rows.sum()), data.u[rows] @ space.basis])
    t = np.linalg.lstsq(design * w[:, None], log_y * w, rcond=None)[0]
    return fitting.monomial(space.offset + space.basis @ t[1:], np.exp(t[0]), space.basis)


def _capped(y: np.ndarray) -> np.ndarray:
    return np.minimum(y, np.quantile(y, 0.95))


def with_power(model: Model, power: Fraction) -> Model:
    """A model of one term, written for y^p."""
    p = float(power)
    return dataclasses.replace(
        model, power=power, a=p * model.a, c=np.sign(model.c) * np.abs(model.c) ** p
    )


def add_term(model: Model, data: Data, space: Space, generator: np.random.Generator) -> Model:
    """The best fit with one more term, of several starts.

    Starts are the exponents, of some hundred near those that there are, whose monomials correlate
    most with the residuals, once what the model's own parameters explain is taken out of both.
    """
    residuals, jacobian = fitting.derivatives(model, data)
    z = model.terms(data.u) @ model.c
    _, slope = fitting.root(z, model.power)
    pool = space.nearest(_pool(model, space, generator), float(model.power))
    columns = np.exp(np.clip(data.u @ pool.T, -50, 50)) * slope[:, None]
    if data.relative:
        columns /= np.maximum(np.abs(model.predict(data.u)), 1e-300)[:, None]
    columns /= np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    size = np.linalg.norm(jacobian, axis=0)
    q, _ = np.linalg.qr(jacobian / np.where(size > 0, size, 1))
    columns -= q @ (q.T @ columns)
    residuals = residuals - q @ (q.T @ residuals)
    size = np.linalg.norm(columns, axis=0)
    columns /= np.where(size > 1e-6, size, np.inf)
    models = []
    for j in _different(columns, np.abs(columns.T @ residuals), _STARTS):
        new = dataclasses.replace(
            model,
            c=np.append(model.c, 0.0),
            a=np.vstack([model.a, pool[j]]),
            bases=(*model.bases, space.basis),
            known=(*model.known, (None,) * model.a.shape[1]),
        )
        models.append(fitting.solve_coefficients(new, data))
    # A few steps from all, more from the best of them, and the rest from the best one.
    if not models:
        return model
    for number, evaluations in ((_STARTS, 10), (3, 25), (1, 80)):
        models = [fitting.fit(new, data, evaluations, 1e-6) for new in models[:number]]
        models.sort(key=lambda new: error(new, data))
        if error(models[0], data) <= fitting.PRECISION:
            break
    return models[0]


def _different(columns: np.ndarray, score: np.ndarray, number: int) -> list[int]:
    """The columns of the highest scores, of which no two have a correlation above 0.98."""
    chosen: list[int] = []
    for j in np.argsort(-score):
        if len(chosen) == number or score[j] == 0:
            break
        if not chosen or np.abs(columns[:, j] @ columns[:, chosen]).max() < 0.98:
            chosen.append(int(j))
    return chosen


def _pool(model: Model, space: Space, generator: np.random.Generator) -> np.ndarray:
    terms = model.num_terms
    movable = np.flatnonzero(np.any(space.basis != 0, axis=1))
    pool = model.a[generator.integers(terms, size=_POOL)].copy()
    rounded = generator.random(_POOL) < 0.3
    pool[rounded] = np.round(2 * model.a.mean(axis=0)) / 2
    for row in pool:
        size = min(len(movable), generator.integers(1, 4))
        moved = generator.choice(movable, size=size, replace=False)
        row[moved] += generator.choice(_STEPS, size=len(moved))
    if space.directions is None:
        return pool
    moves = (_STEPS[:, None, None] * space.directions).reshape(-1, model.a.shape[1])
    return np.concatenate([pool, (model.a[:, None] + moves).reshape(-1, model.a.shape[1])])


def candidates(
    data: Data,
    space: Space,
    powers: Sequence[Fraction],
    term_numbers: Sequence[int],
    positive: bool,
    generator: np.random.Generator,
) -> Iterator[Model]:
    """Models, from the simplest on: one term, polynomials, and then a term more at a time.

    Beyond one term, features in which log y is linear keep their slopes in all terms while terms
    are added. Ends with the first that fits at numerical precision, and when some of as many terms
    leave no structure in the residuals; a power is left when others fit far better.
    """
    most = max(term_numbers)
    one = dataclasses.replace(first_term(data, space), positive=positive)
    if 1 in term_numbers:
        yield one
        if most == 1 or done(one, data):
            return
    factored = factor(data, space)
    finished = False
    for model in polynomials(data, space, factored, powers, term_numbers, positive):
        yield model
        if error(model, data) <= fitting.PRECISION:
            return
        finished = finished or done(model, data)
    few = data.rows(slice(0, _FEW))
    # Where y is large, the slopes of a sum are not those that it has in most rows.
    starts = [
        fitting.solve_coefficients(restricted(model, factored), few)
        for model in (one, dataclasses.replace(log_linear(data, space), positive=positive))
    ]
    models = {power: [with_power(start, power) for start in starts] for power in powers}
    for terms in range(2, min(most, _GROWN) + 1):
        if not models:
            break
        if terms > 2:
            least = min(error(model, few) for (model,) in models.values())
            models = {p: own for p, own in models.items() if error(own[0], few) <= 2 * least}
        if terms == _GROWN:
            models = dict(sorted(models.items(), key=lambda item: error(item[1][0], few))[:2])
        for power, own in list(models.items()):
            parameters = own[0].num_parameters + 1 + factored.basis.shape[1]
            if len(few.y) <= parameters:
                del models[power]
                continue
            larger = [add_term(model, few, factored, generator) for model in own]
            model = min(larger, key=lambda model: error(model, few))
            models[power] = [model]
            if terms not in term_numbers or not is_real(model, few):
                continue
            model = freed(model, space)
            if done(model, few):
                model = fitting.fit(model, data)
                finished = finished or done(model, data)
            yield model
            if error(model, data) <= fitting.PRECISION:
                return
        if finished:
            return


def restricted(model: Model, space: Space) -> Model:
    """The model with the exponents that a space allows, nearest to its own."""
    a = space.nearest(model.a, float(model.power))
    return dataclasses.replace(model, a=a, bases=(space.basis,) * model.num_terms)


def freed(model: Model, space: Space) -> Model:
    """The model with its exponents free in all directions of a space."""
    return dataclasses.replace(model, bases=(space.basis,) * model.num_terms)


def is_real(model: Model, data: Data) -> bool:
    """Whether the sum is positive where a root of it is taken.

    For p > 0, one row in a hundred may be other: near a zero of y, errors of the constants make it
    so, and y is 0 there.
    """
    if model.power == 1:
        return True
    share = float(np.mean(model.terms(data.u) @ model.c <= 0))
    return share <= (0.01 if model.power > 0 else 0)


def error(model: Model, data: Data) -> float:
    """The RMS of the residuals, relative to that of y."""
    return fitting.rms(model.residuals(data)) / data.scale


def done(model: Model, data: Data) -> bool:
    """Whether the model fits at numerical precision, or leaves no structure that a test finds."""
    if error(model, data) <= fitting.PRECISION:
        return True
    residuals, parameters = model.residuals(data), model.num_parameters
    return not (
        structure(data.u, residuals, parameters, neighbours=False).found
        or structure(data.u, residuals, parameters).found
    )


def factor(data: Data, space: Space) -> Space:
    """The space in which features that log y is linear in have their slopes for exponents.

    Slopes come from least squares of log |y| by polynomials of log x; a feature counts as linear if
    its products explain less than a fiftieth of what those of another one do. They are rounded to
    halves if they are within 0.05 of one. Spaces with constraints are returned as they are.

    For two terms, the second derivatives of log y are w (1 - w) d d' with d the difference of their
    exponents: the eigenvectors are the directions of the space.
    """
    n = data.u.shape[1]
    if space.basis.shape != (n, n):
        return space
    slopes, factors, directions = _expansion(data)
    if not factors or len(factors) == n:
        return dataclasses.replace(space, directions=directions)
    halves = np.round(2 * slopes) / 2
    slopes = np.where(np.abs(slopes - halves) < 0.05, halves, slopes)
    rest = [i for i in range(n) if i not in factors]
    offset = np.where(np.isin(np.arange(n), factors), slopes, 0)
    return Space(offset, np.eye(n)[:, rest], directions)


def polynomials(
    data: Data,
    space: Space,
    factored: Space,
    powers: Sequence[Fraction],
    term_numbers: Sequence[int],
    positive: bool,
) -> Iterator[Model]:
    """y^p = x^b (a polynomial of degree 2 of the other features), for each power.

    x^b are the features of fixed exponents in the factored space. From all monomials, the least
    significant are taken out one at a time, until all that are left are significant.
    """
    some = data.rows(slice(0, _SOME))
    n = data.u.shape[1]
    rest = np.flatnonzero(np.any(factored.basis != 0, axis=1))
    for power in powers:
        p = float(power)
        b = p * factored.offset
        if np.any(np.abs(12 * b - np.round(12 * b)) > 1e-9):
            continue
        exponents = np.array([b + e for e in _up_to_two(n, rest)])
        exponents = exponents[space.holds(exponents, p)]
        if len(exponents) < 2 or 3 * len(exponents) > len(some.y):
            continue
        model = _eliminated(some, power, exponents, max(term_numbers))
        if model is None or model.num_terms not in term_numbers:
            continue
        if positive and np.any(model.c <= 0):
            continue
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


def _expansion(data: Data) -> tuple[np.ndarray, list[int], np.ndarray | None]:
    """Of log |y| in u: the slopes, the features in which it is linear, main directions of bending.

    Each direction has a largest entry of 1; there are up to three.
    """
    rows = slice(None) if data.relative else np.abs(data.y) > 1e-3 * data.scale
    u, y = data.u[rows], np.abs(data.y[rows])
    weights = np.ones(len(y)) if data.relative else np.minimum(y, np.quantile(y, 0.95))
    n = u.shape[1]
    degree = 3 if len(y) > 10 * (n + 3) * (n + 2) * (n + 1) / 6 else 2
    spread = u.std(axis=0)
    design = np.column_stack([np.ones(len(u)), features(u, degree)]) * weights[:, None]
    if len(design) < 3 * design.shape[1]:
        return np.zeros(n), [], None
    names = [()]
    for d in range(1, degree + 1):
        names += list(itertools.combinations_with_replacement(range(n), d))
    q, r = np.linalg.qr(design)
    target = np.log(y) * weights
    t = np.linalg.lstsq(r, q.T @ target, rcond=1e-10)[0]
    inverse = np.linalg.pinv(r, rcond=1e-10)
    explained = np.zeros(n)
    for i in range(n):
        chosen = [j for j, name in enumerate(names) if i in name and len(name) > 1]
        block = inverse[chosen] @ inverse[chosen].T
        explained[i] = t[chosen] @ np.linalg.lstsq(block, t[chosen], rcond=1e-10)[0]
    factors = [int(i) for i in np.flatnonzero(explained < 0.02 * explained.max())]
    bending = np.zeros((n, n))
    for j, name in enumerate(names):
        if len(name) == 2:
            bending[name] += t[j] / spread[name[0]] / spread[name[1]]
            bending[name[::-1]] += t[j] / spread[name[0]] / spread[name[1]]
    values, vectors = np.linalg.eigh(bending)
    main = vectors[:, np.argsort(-np.abs(values))[:3]].T
    main = main / np.abs(main).max(axis=1, keepdims=True)
    if factors:
        # The factors' slopes, without their products.
        kept = [j for j, name in enumerate(names) if len(name) < 2 or not set(name) & set(factors)]
        t = np.linalg.lstsq(design[:, kept], target, rcond=None)[0]
    return t[1 : n + 1] / spread, factors, main


def _eliminated(data: Data, power: Fraction, exponents: np.ndarray, most: int) -> Model | None:
    """The model of those of the monomials that are significant, or None if they are too many."""
    model = _all_terms(data, power, exponents)
    residuals, terms = fitting.derivatives(model, data)
    response = residuals + terms @ model.c
    size = np.linalg.norm(terms, axis=0)
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
    columns = model.terms(some.u) * weights[:, None]
    size = np.linalg.norm(columns, axis=0)
    z = some.y**p if power != 1 else some.y
    c = np.linalg.lstsq(columns / size, z * weights, rcond=1e-13)[0] / size
    return fitting.solve_coefficients(dataclasses.replace(model, c=c), data)
