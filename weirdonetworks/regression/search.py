"""Candidates for a law: from one term to several, for each power, until no structure is left."""

import dataclasses
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from weirdonetworks.regression import fitting
from weirdonetworks.regression.diagnostics import polynomial_degree, products, structure
from weirdonetworks.regression.exponent_space import Space, factor
from weirdonetworks.regression.fitting import Data, Model, error, is_real
from weirdonetworks.regression.lattice import pursuit
from weirdonetworks.regression.polynomials import polynomials
from weirdonetworks.regression.simple_sums import simple_sums

# Rows on which starting points are tried.
_FEW = 1000
# Terms up to which they are added one at a time; polynomials may have more.
GROWN = 8
# From so many terms on, for the two powers that fit best; and from twice as many, for the best one.
_TWO_POWERS = 4
# Exchanges of terms that are tried in a row without one that lowers the error by this share.
_EXCHANGES = 3
_LOWER = 0.05
# Exchanges that are tried at each number of terms.
_TRIES = 8
# Features whose exponents are the same in all terms are free where that lowers the error so far.
_OTHER = 0.8
# Columns up to which fractions are pursued, in all pairs of two.
_PURSUED = 12
# The standard error, if it were free, up to which an exponent is taken to be a fraction.
_KNOWN = 0.5
# Denominators up to which fractions are pursued, in turn: the fewer, the fewer are local minima.
_DENOMINATORS = (1, 2, 4)
# Exponents that are looked at for a new term, and from how many of them a fit is started.
_POOL = 400
_STARTS = 8
_STEPS = np.array([-3, -2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2, 3])


def first_term(data: Data, space: Space) -> Model:
    """One monomial: log-linear least squares, weighted by y^2, and then least squares of y.

    The weights are those that errors of y have in log y. Rows with y <= 0 take no part at first.
    """
    weights = data.weights * (1 if data.relative else np.abs(data.y))
    model = log_linear(data, space, np.minimum(weights, np.quantile(weights, 0.95)))
    return fitting.fit(fitting.solve_coefficients(model, data), data)


def log_linear(data: Data, space: Space, weights: np.ndarray | None = None) -> Model:
    """The monomial of least squares of log y, in the rows with y > 0, with a weight for each.

    Where y is of both signs, |y| stands for it.
    """
    y = np.abs(data.y) if np.mean(data.y > 0) < 0.8 else data.y
    rows = y > 0
    w = np.ones(rows.sum()) if weights is None else weights[rows]
    log_y = np.log(y[rows]) - data.u[rows] @ space.offset
    design = np.column_stack([np.ones(rows.sum()), data.u[rows] @ space.basis])
    t = fitting.least_squares(design * w[:, None], log_y * w)
    return fitting.monomial(space.offset + space.basis @ t[1:], np.exp(t[0]), space.basis)


def with_power(model: Model, power: Fraction) -> Model:
    """A model of one term, written for y^p."""
    p = float(power)
    return dataclasses.replace(
        model, power=power, a=p * model.a, c=np.sign(model.c) * np.abs(model.c) ** p
    )


def explicit(model: Model) -> Model:
    """A model of one term, written for y: (c x^a)^(1/p) = c^(1/p) x^(a / p)."""
    if model.num_terms > 1 or model.power == 1 or model.c[0] <= 0:
        return model
    p = float(model.power)
    known = tuple(None if a is None else a / model.power for a in model.known[0])
    return dataclasses.replace(
        model, power=Fraction(1), a=model.a / p, c=model.c ** (1 / p), known=(known,)
    )


def add_term(model: Model, data: Data, space: Space, generator: np.random.Generator) -> Model:
    """The best fit with one more term, of several starts.

    Starts are the exponents, of some hundred near those that there are, whose monomials correlate
    most with the residuals, once what the model's own parameters explain is taken out of both. A
    model that a fit has left without terms stays as it is.
    """
    if not model.num_terms:
        return model
    residuals, jacobian = fitting.derivatives(model, data)
    z = model.terms(data.u) @ model.c
    _, slope = fitting.root(z, model.power)
    pool = space.nearest(_pool(model, space, generator), float(model.power))
    columns = np.exp(np.clip(data.u @ pool.T, -50, 50)) * slope[:, None]
    if data.relative:
        columns /= np.maximum(np.abs(model.predict(data.u)), 1e-300)[:, None]
    columns *= data.weights[:, None]
    columns /= np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    q, _ = np.linalg.qr(fitting.scaled(jacobian)[0])
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


def further_term(
    model: Model, data: Data, space: Space, generator: np.random.Generator
) -> Model | None:
    """What one more term would make of a model, or None for too few rows; exponents are free."""
    few, free = data.rows(slice(0, _FEW)), freed(model, space)
    if len(few.y) <= free.num_parameters + 1 + space.basis.shape[1]:
        return None
    larger = fitting.fit(add_term(free, few, space, generator), data)
    return larger if is_real(larger, data) else None


def exchanged(model: Model, data: Data, space: Space, generator: np.random.Generator) -> Model:
    """The model after its terms have been replaced, one at a time, while that lowers the error.

    A term that was added first stands for several that were not there yet, and keeps those that
    come later from where they belong. The terms that are missed least are tried first.
    """
    before = error(model, data)
    fails: set[int] = set()
    for _ in range(_TRIES):
        if before <= fitting.PRECISION or len(fails) >= min(_EXCHANGES, model.num_terms):
            break
        loss = _losses(model, data)
        k = min((k for k in range(model.num_terms) if k not in fails), key=loss.__getitem__)
        rest = fitting.fit(fitting.without(model, k), data, 30, 1e-6)
        new = add_term(rest, data, space, generator)
        after = error(new, data)
        if after < (1 - _LOWER) * before:
            model, before, fails = new, after, set()
        else:
            fails.add(k)
    return model


def _losses(model: Model, data: Data) -> np.ndarray:
    """By how much the sum of squares grows without each term, to first order, [terms]."""
    _, jacobian = fitting.derivatives(dataclasses.replace(model, positive=False), data)
    columns, _ = fitting.scaled(jacobian)
    k, at = model.num_terms, model.num_terms
    terms = jacobian[:, :k] * model.c
    loss = np.empty(k)
    own = []
    for basis in model.bases:
        own.append(range(at, at + basis.shape[1]))
        at += basis.shape[1]
    for j in range(k):
        others = np.delete(columns, [j, *own[j]], axis=1)
        q, _ = np.linalg.qr(others)
        left = terms[:, j] - q @ (q.T @ terms[:, j])
        loss[j] = left @ left
    return loss


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
        row[moved] += _STEPS[generator.integers(len(_STEPS), size=size)]
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
    grown: int = GROWN,
) -> Iterator[Model]:
    """Models, from the simplest on: one term, polynomials, and then a term more up to `grown`.

    Beyond one term, features in which log y is linear keep their slopes in all terms while terms
    are added. Ends with the first that fits at numerical precision, and one term beyond the first
    that leaves no structure in the residuals; a power is left when others fit far better.
    """
    most = max(term_numbers)
    one = dataclasses.replace(first_term(data, space), positive=positive)
    finished = False
    if 1 in term_numbers:
        yield one
        if most == 1 or error(one, data) <= fitting.PRECISION:
            return
        finished = done(one, data)
    factored = factor(data, space)
    enough = finished
    for model in polynomials(data, space, factored, powers, term_numbers, positive):
        yield model
        if error(model, data) <= fitting.PRECISION:
            return
        enough = enough or done(model, data)
    if 2 in term_numbers:
        yield from simple_sums(data, space, powers, positive)
    if min(term_numbers) > grown:
        return
    few = data.rows(slice(0, _FEW))
    # Where y is large, the slopes of a sum are not those that it has in most rows.
    starts = [
        fitting.solve_coefficients(restricted(model, factored), few)
        for model in (one, dataclasses.replace(log_linear(data, space), positive=positive))
    ]
    # Beyond a law without structure, what a further term would explain is looked at for p = 1 only.
    models = {
        power: [with_power(start, power) for start in starts]
        for power in powers
        if not finished or power == 1
    }
    spaces = dict.fromkeys(models, factored)
    pursued = _Pursued(data, few, space, term_numbers, positive, grown)
    if not finished and Fraction(1) in models:
        yield from pursued.new(one)
        if pursued.exact:
            return
    for terms in range(2, min(most, grown) + 1):
        if terms > 2:
            least = min((error(model, few) for (model,) in models.values()), default=0)
            models = {p: own for p, own in models.items() if error(own[0], few) <= 2 * least}
        if terms >= _TWO_POWERS:
            number = 2 if terms < 2 * _TWO_POWERS else 1
            models = dict(sorted(models.items(), key=lambda it: error(it[1][0], few))[:number])
        leading = min(models, key=lambda p: error(models[p][0], few), default=None)
        for power, own in list(models.items()):
            parameters = own[0].num_parameters + 1 + spaces[power].basis.shape[1]
            if len(few.y) <= parameters:
                del models[power]
                continue
            larger = [add_term(model, few, spaces[power], generator) for model in own]
            model = min(larger, key=lambda model: error(model, few))
            if terms > 2 and power == leading and not done(model, few):
                model = exchanged(model, few, spaces[power], generator)
            models[power] = [model]
            if spaces[power] is not space:
                model = freed(model, space)
                if len(few.y) > model.num_parameters:
                    model = fitting.fit(model, few)
                if error(model, few) < _OTHER * error(models[power][0], few):
                    spaces[power], models[power] = space, [model]
            if power == 1 and not finished:
                yield from pursued.new(model)
                if pursued.exact:
                    return
                enough = enough or pursued.agreed
            if terms not in term_numbers or not is_real(model, few):
                continue
            if done(model, few):
                model = fitting.fit(model, data)
                enough = enough or done(model, data)
            yield model
            if error(model, data) <= fitting.PRECISION:
                return
        if finished or not models:
            return
        finished = enough


class _Pursued:
    """The sums of usual fractions that `lattice.pursuit` reaches from models, if they are done.

    Attributes:
      exact: whether one fits at numerical precision.
      agreed: whether one without structure was reached from two models: it is hardly
        a local minimum.
    """

    def __init__(
        self,
        data: Data,
        few: Data,
        space: Space,
        term_numbers: Sequence[int],
        positive: bool,
        grown: int,
    ):
        self._data, self._few, self._space, self._grown = data, few, space, grown
        self._numbers, self._positive = term_numbers, positive
        self._found: dict[tuple, bool] = {}  # exponents, and whether they are supported
        self.exact = self.agreed = False

    def new(self, start: Model) -> Iterator[Model]:
        """What is reached from a model, if it has not been reached before."""
        n = self._data.u.shape[1]
        if n > _PURSUED or self._space.basis.shape != (n, n):
            return
        most = min(max(self._numbers), 2 * self._grown, GROWN)  # those too many are eliminated
        before = set(self._found)
        for denominator in _DENOMINATORS:
            model = pursuit(start.a, self._few, most, denominator)
            if model is None or model.num_terms not in self._numbers:
                continue
            if model.num_terms > self._grown:  # of a later stage
                continue
            if self._positive and np.any(model.c <= 0):
                continue
            model = fitting.fit(dataclasses.replace(model, positive=self._positive), self._data)
            known = tuple(sorted(model.known))
            if known in self._found:
                supported = self._found[known] and known in before
                self.agreed = self.agreed or (supported and done(model, self._data))
                continue
            self.exact = error(model, self._data) <= fitting.PRECISION
            self._found[known] = self.exact or self._supported(model)
            if self._found[known]:
                yield model
            if self.exact:
                return

    def _supported(self, model: Model) -> bool:
        """Whether fractions leave no structure, and the rows know each exponent to half a unit."""
        variances = fitting.covariance(freed(model, self._space), self._few)[1]
        return bool(np.all(variances < _KNOWN**2)) and done(model, self._few)


def restricted(model: Model, space: Space) -> Model:
    """The model with the exponents that a space allows, nearest to its own."""
    a = space.nearest(model.a, float(model.power))
    return dataclasses.replace(model, a=a, bases=(space.basis,) * model.num_terms)


def freed(model: Model, space: Space) -> Model:
    """The model with its exponents free in all directions of a space."""
    return dataclasses.replace(model, bases=(space.basis,) * model.num_terms)


def done(model: Model, data: Data) -> bool:
    """Whether the model fits at numerical precision, or leaves no structure that a test finds.

    Where rows are too few to fit all products of two columns, but twice as many as a further term
    would make parameters, each product is looked at by itself.
    """
    if error(model, data) <= fitting.PRECISION:
        return True
    residuals, parameters = model.residuals(data), model.num_parameters
    larger = parameters + 1 + data.u.shape[1]
    wide = polynomial_degree(data.u, parameters) < 2 and len(data.y) > 2 * larger
    return not (
        (wide and products(data.u, residuals).found)
        or structure(data.u, residuals, parameters, neighbours=False).found
        or structure(data.u, residuals, parameters).found
    )
