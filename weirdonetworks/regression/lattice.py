"""Sums of many terms whose exponents are usual fractions: matching pursuit with exchanges."""

import itertools
from fractions import Fraction

import numpy as np

from weirdonetworks.regression import fitting, rounding
from weirdonetworks.regression.diagnostics import nested
from weirdonetworks.regression.fitting import Data, Model

# The exponents that a term may have.
_FRACTIONS = sorted(
    {
        Fraction(sign * n, d)
        for d, largest in ((1, 4), (2, 5), (3, 4), (4, 3))
        for n in range(largest + 1)
        for sign in (-1, 1)
    }
)
# Of a further term, which is the best of thousands.
_LEVEL = 1e-6
# A column of which the others leave less than this share of its sum of squares is none of its own.
_ALIKE = 1e-5
_SWEEPS = 20
# Terms of which each is tried to be left out.
_MISSED_LEAST = 3


def pursuit(exponents: np.ndarray, data: Data, most: int, denominator: int = 4) -> Model | None:
    """y = sum_k c_k prod_i x_i^a_ki with usual fractions a, grown from these [terms, features].

    The fractions have denominators up to the given one. None if there are fewer than two terms.

    Orthogonal matching pursuit (Pati, Rezaiifar and Krishnaprasad 1993): the term is added that
    lowers the sum of squares S most. The monomials looked at differ from one of the terms, or from
    a constant, in two exponents at most; all pairs of their values are scored by matrix products.
    Then each term is exchanged, in the same way, while that lowers S / s^2 + 2 ln 2 bits: what is
    missing has moved the terms that came first. s^2 is the variance of the residuals, bits are
    those of the exponents (`rounding.bits`).

    Ends at numerical precision, at `most` terms, or where no further term is significant.
    """
    search = _Pursuit(data, denominator)
    nearest = np.abs(exponents[:, :, None] - search.values).argmin(axis=2)
    terms = search.exchanged(np.unique(nearest, axis=0))
    while len(terms) < most and not search.exact(terms):
        larger = search.added(terms)
        if larger is None:
            break
        larger = search.exchanged(larger)
        if not search.better(larger, terms):
            break
        terms = larger
    terms = search.eliminated(terms)
    if len(terms) < 2:
        return None
    return search.model(terms)


class _Pursuit:
    """Terms are indices into `values`, [terms, features]."""

    def __init__(self, data: Data, denominator: int):
        self._fractions = [f for f in _FRACTIONS if f.denominator <= denominator]
        self.values = np.array(self._fractions, float)
        self._bits = np.array([rounding.bits(f) if f else 0.0 for f in self._fractions])
        self._u = data.u
        self._weights = data.weights / (np.abs(data.y) if data.relative else 1)
        self._y = data.y * self._weights
        self._n = data.u.shape[1]
        self._floor = (fitting.PRECISION * data.scale) ** 2 * len(data.y)
        # x_i^v, [feature][rows, values], each column of a mean square of 1.
        powers = np.exp(np.clip(data.u.T[:, :, None] * self.values, -100, 100))
        self._powers = powers / np.sqrt(np.mean(np.square(powers), axis=1, keepdims=True))

    def model(self, terms: np.ndarray) -> Model:
        """Least squares of y by these terms."""
        a = self.values[terms]
        columns = np.exp(np.clip(self._u @ a.T, -600, 600)) * self._weights[:, None]
        c = fitting.least_squares(columns, self._y)
        known = tuple(tuple(self._fractions[i] for i in row) for row in terms)
        return Model(c, a, Fraction(1), (np.zeros((a.shape[1], 0)),) * len(a), known)

    def _columns(self, terms: np.ndarray) -> np.ndarray:
        columns = np.repeat(self._weights[:, None], len(terms), axis=1)
        for i in range(self._n):
            columns = columns * self._powers[i][:, terms[:, i]]
        return columns / np.linalg.norm(columns, axis=0)

    def _rest(self, terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """An orthonormal basis of the terms, and what they leave of y."""
        if not len(terms):
            return np.zeros((len(self._y), 0)), self._y
        q, _ = np.linalg.qr(self._columns(terms))
        left = self._y - q @ (q.T @ self._y)
        return q, left - q @ (q.T @ left)

    def square(self, terms: np.ndarray) -> float:
        """The sum of squares that these terms leave."""
        left = self._rest(terms)[1]
        return float(left @ left)

    def exact(self, terms: np.ndarray) -> bool:
        """Whether these terms fit at numerical precision."""
        return self.square(terms) <= self._floor

    def better(self, larger: np.ndarray, smaller: np.ndarray) -> bool:
        """Whether the larger of two fits significantly better, by what its exponents cost too."""
        first = (len(larger) - len(smaller)) * (1 + self._n)
        second = len(self._y) - len(larger) * (1 + self._n)
        return nested(self.square(smaller), self.square(larger), first, second) < _LEVEL

    def _best(
        self, term: np.ndarray, q: np.ndarray, left: np.ndarray, s2: float
    ) -> tuple[float, np.ndarray]:
        """The term of the lowest -(what it explains) / s^2 + 2 ln 2 bits, near a term."""
        best, chosen = np.inf, term
        pairs = list(itertools.combinations(range(self._n), 2)) or [(0, 0)]
        for i, j in pairs:
            base = self._weights.copy()
            others = [k for k in range(self._n) if k not in (i, j)]
            for k in others:
                base = base * self._powers[k][:, term[k]]
            first = self._powers[i] * base[:, None]
            second = self._powers[j] if i != j else np.ones((len(base), 1))
            own = np.square(first).T @ np.square(second)
            free = own.copy()
            for column in q.T:
                free -= np.square(first.T @ (second * column[:, None]))
            explained = np.square(first.T @ (second * left[:, None]))
            with np.errstate(divide="ignore", invalid="ignore"):
                explained = np.where(free > _ALIKE * own, explained / free, 0)
            bits = (
                self._bits[:, None] + (self._bits if i != j else 0) + self._bits[term[others]].sum()
            )
            cost = np.nan_to_num(2 * np.log(2) * bits - explained / s2, nan=np.inf)
            a, b = np.unravel_index(np.argmin(cost), cost.shape)
            if cost[a, b] < best:
                best, chosen = float(cost[a, b]), term.copy()
                chosen[i] = a
                if i != j:
                    chosen[j] = b
        return best, chosen

    def _variance(self, square: float, number: int) -> float:
        return max(square, 1e-4 * self._floor) / max(1, len(self._y) - number)

    def added(self, terms: np.ndarray) -> np.ndarray | None:
        """With the term that explains most for its bits; None if none is worth them."""
        q, left = self._rest(terms)
        s2 = self._variance(float(left @ left), len(terms))
        constant = np.full(self._n, self._fractions.index(Fraction(0)))
        near = np.unique(np.vstack([terms, constant]), axis=0)
        cost, new = min(
            (self._best(term, q, left, s2) for term in near), key=lambda found: found[0]
        )
        if cost >= 0 or any(np.array_equal(new, term) for term in terms):
            return None
        return np.vstack([terms, new])

    def exchanged(self, terms: np.ndarray) -> np.ndarray:
        """With each term in turn in the place where the others need it, until all are."""
        square, fails, k = self.square(terms), 0, 0
        for _ in range(_SWEEPS * len(terms)):
            if fails >= len(terms) or square <= self._floor:
                break
            rest = np.delete(terms, k, axis=0)
            q, left = self._rest(rest)
            s2 = self._variance(square, len(terms))
            cost, new = self._best(terms[k], q, left, s2)
            now = 2 * np.log(2) * self._bits[terms[k]].sum() - (float(left @ left) - square) / s2
            fails += 1
            if cost < now - 0.1 and not np.any(np.all(rest == new, axis=1)):
                terms = terms.copy()
                terms[k], fails = new, 0
                square = self.square(terms)
            k = (k + 1) % len(terms)
        return terms

    def eliminated(self, terms: np.ndarray) -> np.ndarray:
        """Without the terms that the others, once exchanged, do not need.

        At numerical precision these are those without which it is kept; else those without which
        S / s^2 + 2 ln 2 bits is lower, with 4 bits for each term. The ones missed least go first.
        """
        while len(terms) > 1:
            square = self.square(terms)
            s2 = self._variance(square, len(terms))
            limit = self._cost(terms, square, s2)
            without = [np.delete(terms, k, axis=0) for k in range(len(terms))]
            for rest in sorted(without, key=self.square)[:_MISSED_LEAST]:
                if square > self._floor:
                    rest = self.exchanged(rest)
                    if self._cost(rest, self.square(rest), s2) < limit:
                        break
                elif self.exact(rest):
                    break
            else:
                return terms
            terms = rest
        return terms

    def _cost(self, terms: np.ndarray, square: float, s2: float) -> float:
        return square / s2 + 2 * np.log(2) * float(self._bits[terms].sum() + 4 * len(terms))
