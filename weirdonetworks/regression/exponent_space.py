"""The exponents that terms may have, and what the data say of them beforehand."""

import dataclasses
import itertools

import numpy as np

from weirdonetworks.regression.diagnostics import features
from weirdonetworks.regression.fitting import Data


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


def _expansion(data: Data) -> tuple[np.ndarray, list[int], np.ndarray | None]:
    """Of log |y| in u: the slopes, the features in which it is linear, main directions of bending.

    Each direction has a largest entry of 1; there are up to three.
    """
    rms = float(np.sqrt(np.mean(np.square(data.y))))
    rows = slice(None) if data.relative else np.abs(data.y) > 1e-3 * rms
    if not data.relative and data.deviation is not None:
        rows = data.y != 0
    u, y = data.u[rows], np.abs(data.y[rows])
    weights = data.weights[rows] * (1 if data.relative else y)
    weights = np.minimum(weights, np.quantile(weights, 0.95))
    n = u.shape[1]
    degree = 3 if len(y) > 10 * (n + 3) * (n + 2) * (n + 1) / 6 else 2
    spread = u.std(axis=0)
    design = np.column_stack([np.ones(len(u)), features(u, degree)]) * weights[:, None]
    if len(design) < 3 * design.shape[1]:
        return np.zeros(n), [], None
    if not (np.all(np.isfinite(design)) and np.all(np.isfinite(weights * np.log(y)))):
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
