"""Least squares for sums of products of powers: the parameters, their errors, the residuals."""

import dataclasses
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from scipy import optimize

# Of the largest residual that rounding leaves, relative to the RMS of y: less is "numerical
# precision". Sums of cancelling terms lose digits, so it is far from the 2e-16 of a double.
PRECISION = 1e-11
# Of a row, what an exact law may leave.
_EXACT = 1e-9
# Rows that are looked at together.
_BLOCK = 50_000
# What is beyond all numbers counts as this.
_HUGE = 1e150


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """Rows to fit: u = log x, centred [rows, features], and y [rows], > 0 if it is of one sign.

    With `relative` noise, residuals are those of log y, and all y must be > 0. Residuals are
    divided by `deviation` [rows], the standard deviations of y or log y up to a common factor.
    """

    u: np.ndarray
    y: np.ndarray
    relative: bool
    deviation: np.ndarray | None = None

    def rows(self, chosen: np.ndarray | slice) -> "Data":
        """Some of the rows."""
        deviation = None if self.deviation is None else self.deviation[chosen]
        return Data(self.u[chosen], self.y[chosen], self.relative, deviation)

    @property
    def weights(self) -> np.ndarray:
        """1 / deviation, [rows]."""
        return np.ones(len(self.y)) if self.deviation is None else 1 / self.deviation

    @property
    def scale(self) -> float:
        """What residuals are measured in: the RMS of y / deviation, or 1 for logarithms."""
        if self.relative:
            return 1.0 if self.deviation is None else rms(1 / self.deviation)
        return rms(self.y if self.deviation is None else self.y / self.deviation)


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """f = (sum_k c_k exp(a_k u))^(1/p), a_k = offset_k + basis_k t for the free t.

    Attributes:
      c: coefficients [terms], for the centred u.
      a: exponents [terms, features].
      power: p.
      bases: for each term, [features, free]: the directions in which its exponents may move.
      known: for each exponent the Fraction at which it was fixed, or None; [terms][features].
      positive: whether all c are kept > 0.
    """

    c: np.ndarray
    a: np.ndarray
    power: Fraction
    bases: tuple[np.ndarray, ...]
    known: tuple[tuple[Fraction | None, ...], ...]
    positive: bool = False

    @property
    def num_terms(self) -> int:
        return len(self.c)

    @property
    def num_parameters(self) -> int:
        """Coefficients and free directions."""
        return len(self.c) + sum(basis.shape[1] for basis in self.bases)

    def terms(self, u: np.ndarray) -> np.ndarray:
        """The monomials, [rows, terms]."""
        logs = u @ self.a.T
        np.minimum(np.maximum(logs, -600, out=logs), 600, out=logs)
        return np.exp(logs, out=logs)

    def predict(self, u: np.ndarray) -> np.ndarray:
        """f, [rows]."""
        return root(self.terms(u) @ self.c, self.power)[0]

    def residuals(self, data: Data) -> np.ndarray:
        """(y - f) / deviation, or (log y - log f) / deviation for relative noise."""
        f = self.predict(data.u)
        left = data.y - f
        if data.relative:
            left = np.log(data.y) - np.log(np.maximum(f, np.finfo(float).tiny))
        return left if data.deviation is None else left / data.deviation


def monomial(u_exponents: np.ndarray, c: float, basis: np.ndarray) -> Model:
    """The model of one term with these exponents."""
    a = np.atleast_2d(u_exponents)
    return Model(np.array([c]), a, Fraction(1), (basis,), ((None,) * a.shape[1],))


def without(model: Model, term: int) -> Model:
    """The model without one of its terms, else as it is."""
    kept = [k for k in range(model.num_terms) if k != term]
    return dataclasses.replace(
        model,
        c=model.c[kept],
        a=model.a[kept],
        bases=tuple(model.bases[k] for k in kept),
        known=tuple(model.known[k] for k in kept),
    )


def root(z: np.ndarray, power: Fraction) -> tuple[np.ndarray, np.ndarray]:
    """z^(1/p) and its derivative; for p != 1, z is held above a small share of its mean."""
    if power == 1:
        return z, np.ones_like(z)
    q = power.denominator / power.numerator
    # Near z = 0, noise makes of a root of it what it likes; of a reciprocal, it is the largest y.
    share = 1e-6 if power > 0 else 1e-12
    z = np.maximum(z, max(share * np.mean(np.abs(z)), 1e-300))
    f = z**q
    return f, q * f / z


def derivatives(model: Model, data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Residuals [rows] and minus their Jacobian [rows, parameters].

    Parameters are all c (log c, where they are to be positive), then each term's t.
    """
    residuals, jacobian = _slopes(model, data, _moves(model, data))
    return _finite(residuals), _finite(jacobian)


def _moves(model: Model, data: Data) -> tuple[np.ndarray, np.ndarray]:
    """By how much log of its term each t moves, [rows, all t], and the term of each, [all t]."""
    free = [basis.shape[1] for basis in model.bases]
    moves = [data.u @ basis for basis in model.bases]
    return np.concatenate(moves, axis=1), np.repeat(np.arange(model.num_terms), free)


def _slopes(
    model: Model, data: Data, moves: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """`derivatives` that need not be finite; the moves stay while a fit changes c and a."""
    m = model.terms(data.u)
    z = m @ model.c
    f, slope = root(z, model.power)
    if data.relative:
        tiny = np.finfo(float).tiny
        residuals = np.log(data.y) - np.log(np.maximum(f, tiny))
        # Where f has no logarithm, a slope that leads out.
        slope = slope / np.where(f > 0, f, 1e-12 * np.mean(np.abs(f)) + tiny)
    else:
        residuals = data.y - f
    if data.deviation is not None:
        residuals, slope = residuals / data.deviation, slope / data.deviation
    m = m * slope[:, None]
    by_log = m * model.c
    directions, term = moves
    exponents = by_log[:, term] * directions
    return residuals, np.concatenate([by_log if model.positive else m, exponents], axis=1)


def _finite(values: np.ndarray) -> np.ndarray:
    if values.size and values.min() >= -_HUGE and values.max() <= _HUGE:  # and none is NaN
        return values
    return np.clip(np.nan_to_num(values, nan=_HUGE, posinf=_HUGE, neginf=-_HUGE), -_HUGE, _HUGE)


def scaled(jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns with length 1, and their lengths; columns of zeros stay, with a length of 1."""
    size = np.linalg.norm(jacobian, axis=0)
    size[size == 0] = 1
    return jacobian / size, size


def least_squares(columns: np.ndarray, target: np.ndarray, rcond: float = 1e-13) -> np.ndarray:
    """The t of least |columns t - target|, with columns scaled to length 1; all of it finite."""
    columns, size = scaled(_finite(columns))
    return np.linalg.lstsq(columns, _finite(target), rcond=rcond)[0] / size


def triangle(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """The R of the QR decomposition of blocks of rows on top of one another."""
    upper = None
    for block in blocks:
        stacked = block if upper is None else np.vstack([upper, block])
        upper = np.linalg.qr(stacked, mode="r")
    return upper


def blocks(rows: int) -> Iterator[slice]:
    """Slices of at most 50,000 rows."""
    return (slice(i, i + _BLOCK) for i in range(0, rows, _BLOCK))


def condensed(model: Model, data: Data) -> tuple[np.ndarray, np.ndarray]:
    """`derivatives`, of many rows as few that have the same products with one another.

    All of J' J, J' r and r' r, on which least squares and its errors rest.
    """
    if len(data.y) <= _BLOCK:
        return derivatives(model, data)
    upper = triangle(
        np.column_stack(derivatives(model, data.rows(rows))[::-1]) for rows in blocks(len(data.y))
    )
    return upper[:, -1], upper[:, :-1]


def _moved(model: Model, start: Model, parameters: np.ndarray) -> Model:
    """`start` with new coefficients and its exponents moved by t."""
    k = model.num_terms
    a, at = start.a.copy(), k
    for i, basis in enumerate(model.bases):
        if free := basis.shape[1]:
            a[i] += basis @ parameters[at : at + free]
            at += free
    c = np.exp(np.clip(parameters[:k], -600, 600)) if model.positive else parameters[:k]
    return Model(c, a, model.power, model.bases, model.known, model.positive)


def solve_coefficients(model: Model, data: Data) -> Model:
    """The model with the best c for its exponents: linear least squares, linearised for p != 1.

    Where c are to be positive, those that would not be are set to a small share of the largest.
    """
    positive, model = model.positive, dataclasses.replace(model, positive=False)
    for _ in range(1 if model.power == 1 and not data.relative else 4):
        residuals, jacobian = derivatives(dataclasses.replace(model, bases=_none(model)), data)
        model = dataclasses.replace(model, c=model.c + least_squares(jacobian, residuals))
    if positive:
        model = dataclasses.replace(model, c=np.maximum(model.c, 1e-3 * np.abs(model.c).max()))
    return dataclasses.replace(model, positive=positive)


def _none(model: Model) -> tuple[np.ndarray, ...]:
    return tuple(np.zeros((model.a.shape[1], 0)) for _ in model.bases)


def fit(model: Model, data: Data, evaluations: int = 60, tolerance: float = 1e-12) -> Model:
    """The model at the least squares that Levenberg and Marquardt reach from its parameters.

    They stop where a step lowers the sum of squares by less than a share `tolerance` of it, which
    it never does on the way to a sum of 0.
    """
    start = model
    if len(data.y) < model.num_parameters:
        raise ValueError(
            f"X must have at least as many rows as the law has parameters, "
            f"{model.num_parameters}, got {len(data.y)}"
        )
    if len(data.y) > _BLOCK:
        return _fit_many(model, data, evaluations, tolerance)

    def unpack(parameters: np.ndarray) -> Model:
        return _moved(model, start, parameters)

    scale = float(np.clip(data.scale, 1e-300, 1e300))
    moves = _moves(model, data)
    last: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    def both(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        key = parameters.tobytes()
        if key not in last:
            last.clear()
            residuals, jacobian = _slopes(unpack(parameters), data, moves)
            last[key] = _finite(residuals / scale), _finite(jacobian / -scale)
        return last[key]

    parameters = _parameters(model)
    if not np.all(np.isfinite(parameters)):
        return model
    # As by optimize.least_squares, to the bit, without what that spends around each evaluation.
    with np.errstate(over="ignore", invalid="ignore"):
        result = optimize.leastsq(
            lambda p: both(p)[0],
            parameters,
            Dfun=lambda p: both(p)[1],
            full_output=True,  # else where it ends without success is a warning
            ftol=tolerance,
            xtol=1e-15,
            gtol=1e-15,
            maxfev=evaluations,
        )
        return unpack(result[0])


def _parameters(model: Model) -> np.ndarray:
    c = np.log(model.c) if model.positive else model.c
    return np.concatenate([c, np.zeros(model.num_parameters - model.num_terms)])


def _fit_many(model: Model, data: Data, evaluations: int, tolerance: float) -> Model:
    """`fit` by blocks of rows: steps of Gauss and Newton, damped where they do not help.

    They stop, too, where a step lowers the sum of squares by less than a thousandth of the variance
    of the residuals: parameters are within a thirtieth of their standard errors.
    """
    tolerance = max(tolerance, 1e-3 / len(data.y))
    start, parameters, damping = model, _parameters(model), 0.0
    residuals, jacobian = condensed(model, data)
    square = float(residuals @ residuals)
    for _ in range(evaluations):
        columns, size = scaled(jacobian)
        columns = np.vstack([columns, damping * np.eye(len(size))])
        target = np.concatenate([residuals, np.zeros(len(size))])
        step = np.linalg.lstsq(columns, target, rcond=1e-14)[0] / size
        left = residuals - jacobian @ step
        if square - float(left @ left) <= tolerance * square:
            break
        new = _moved(start, start, parameters + step)
        new_residuals, new_jacobian = condensed(new, data)
        new_square = float(new_residuals @ new_residuals)
        if new_square >= square:
            if damping > 1e6 or np.all(np.abs(step) <= 1e-15 * (1 + np.abs(parameters))):
                break
            damping = max(10 * damping, 1e-6)
            continue
        gained = square - new_square
        parameters, model, square = parameters + step, new, new_square
        residuals, jacobian, damping = new_residuals, new_jacobian, damping / 10
        if gained <= tolerance * square:
            break
    return model


def rms(residuals: np.ndarray) -> float:
    """Root mean square; infinite if a residual is not finite."""
    value = float(np.sqrt(np.mean(np.square(residuals))))
    return value if np.isfinite(value) else np.inf


def error(model: Model, data: Data) -> float:
    """The RMS of the residuals, relative to that of y; infinite beyond all numbers."""
    with np.errstate(over="ignore", invalid="ignore"):
        return rms(model.residuals(data)) / data.scale


def inexact_rows(model: Model, data: Data) -> int:
    """The number of rows whose y - f is more than 1e-9 of what the terms add up to, in units of f.

    Where y is large, it may be at numerical precision, and far from it where y is small.
    """
    terms = model.terms(data.u) * model.c
    size = np.abs(root(terms.sum(axis=1), model.power)[1]) * np.abs(terms).sum(axis=1)
    return int(np.sum(np.abs(data.y - model.predict(data.u)) > _EXACT * size))


def is_real(model: Model, data: Data) -> bool:
    """Whether the sum is positive where a root of it is taken.

    For p > 0, one row in a hundred may be other: near a zero of y, errors of the constants make it
    so, and y is 0 there.
    """
    if model.power == 1:
        return True
    other = sum(
        int(np.sum(model.terms(data.u[block]) @ model.c <= 0)) for block in blocks(len(data.y))
    )
    return other <= (0.01 * len(data.y) if model.power > 0 else 0)


def covariance(
    model: Model, data: Data, noise: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Covariances of c, [terms, terms], and variances of the exponents, [terms, features].

    s^2 (J' J)^-1 with s the `noise`, or s^2 = |r|^2 / (rows - parameters). Directions that the data
    do not determine have infinite variance.
    """
    residuals, jacobian = condensed(dataclasses.replace(model, positive=False), data)
    freedom = max(1, len(data.y) - jacobian.shape[1])
    s2 = float(residuals @ residuals) / freedom if noise is None else noise**2
    columns, size = scaled(jacobian)
    inverted, determined = inverse(columns)
    cov = s2 * inverted / np.outer(size, size)
    cov[~determined, :] = 0
    cov[:, ~determined] = 0
    cov[~determined, ~determined] = np.inf
    k = model.num_terms
    variances, at = np.zeros(model.a.shape), k
    for i, basis in enumerate(model.bases):
        block = slice(at, at + basis.shape[1])
        if basis.shape[1]:
            with np.errstate(invalid="ignore"):
                spread = np.einsum("ij,jk,ik->i", basis, cov[block, block], basis)
            variances[i] = np.where(np.isnan(spread), np.inf, spread)
        at += basis.shape[1]
    return cov[:k, :k], variances


def inverse(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M' M)^-1 for columns of length 1, and which of them are determined."""
    _, values, right = np.linalg.svd(matrix, full_matrices=False)
    good = values > 1e-10 * values[0]
    inverted = (right[good].T / values[good] ** 2) @ right[good]
    determined = np.sum(np.square(right[~good]), axis=0) < 1e-6
    return inverted, determined
