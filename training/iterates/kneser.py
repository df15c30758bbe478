"""Kneser's superlogarithm to two dozen digits: what the coefficients of the op come from.

slog and sexp are inverse to one another, slog(e^x) = slog(x) + 1, slog(0) = -1, and
exp^[a](x) = sexp(slog(x) + a). That leaves slog free up to a periodic function of itself. Kneser's
solution is the one that near the fixed point L = e^L in the upper half plane is a perturbation of
the regular Abel function A there, A(e^z) = A(z) + 1, that dies out towards it:

    slog(z) = A(z) + sum_{j >= 0} c_j exp(2 pi i j A(z)),

with bounded powers of exp(2 pi i A), as Im A -> infinity at L. Both sides are linear in unknowns:
slog is a real polynomial on the left, and equal to the right at points of a line from iy to
exp(iy), a fundamental domain of exp. We solve for both by collocation.

Source: Kneser 1950, "Reelle analytische Loesungen der Gleichung phi(phi(x)) = e^x und verwandter
Funktionalgleichungen"; the linear collocation, in place of his conformal map, is ours.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import mpmath
import numpy as np
from mpmath import mp, mpc, mpf

# slog is off by 1e-24 with these on [0, 1], sixteen digits below the float64 it is rounded to.
DEGREE, HARMONICS, DIGITS = 60, 32, 60
_LOWEST = mpf("0.2")  # the y of the line's start
_CENTER, _SCALE = mpf("0.44"), mpf("0.62")  # the polynomial's variable is (z - center) / scale
_TERMS = 60  # of the series at the fixed point


class Abel(NamedTuple):
    """Kneser's slog on [0, 1] as a polynomial, sum_k coefficients[k] ((x - center) / scale)^k."""

    coefficients: tuple[mpf, ...]

    def __call__(self, x: mpf, derivative: int = 0) -> mpf:
        """slog or one of its derivatives at x in [0, 1]."""
        coefficients = list(self.coefficients)
        for _ in range(derivative):
            coefficients = [k * c / _SCALE for k, c in enumerate(coefficients)][1:]
        return mpmath.polyval(coefficients[::-1], (x - _CENTER) / _SCALE)


@functools.cache
def solve(degree: int = DEGREE, harmonics: int = HARMONICS, digits: int = DIGITS) -> Abel:
    """Kneser's slog by collocation: a polynomial of `degree`, and c_j for j <= harmonics."""
    with mp.workdps(digits):
        unknowns = degree + 1 + 2 * (harmonics + 1)
        points = (unknowns - 1) // 2
        if 2 * points + 1 != unknowns:
            raise ValueError(f"degree must be even, got {degree}")
        start = mpc(0, _LOWEST)
        end = mpmath.exp(start)
        shares = [(1 - mpmath.cos(mp.pi * (2 * i + 1) / (2 * points))) / 2 for i in range(points)]
        line = [start + (end - start) * share for share in shares]
        rows, right = [], []
        for z, a in zip(line, _regular_abel(line), strict=True):
            power = mpmath.exp(2j * mp.pi * a)
            waves = [-(power**j) for j in range(harmonics + 1)]
            row = _powers(z, degree) + [factor * wave for wave in waves for factor in (1, 1j)]
            rows += [[value.real for value in row], [value.imag for value in row]]
            right += [a.real, a.imag]
        rows.append(_powers(mpf(0), degree) + [mpf(0)] * (2 * harmonics + 2))
        right.append(mpf(-1))
        return Abel(tuple(_solve_linear(rows, right)[: degree + 1]))


def _powers(z: mpf, degree: int) -> list[mpf]:
    powers = [mpf(1)]
    for _ in range(degree):
        powers.append(powers[-1] * (z - _CENTER) / _SCALE)
    return powers


def _regular_abel(line: Sequence[mpc]) -> list[mpc]:
    """A(z) = log(chi(log^k z - L)) / L + k for k logarithms, along the line without jumps.

    chi is Schroeder's function at L, chi(L (e^u - 1)) = L chi(u), as a series about 0: logarithms
    lead to L, as far as its first terms suffice.
    """
    fixed = mpmath.findroot(lambda z: mpmath.exp(z) - z, mpc("0.318", "1.337"))
    # L (e^u - 1) to the k-th power is L^k k! sum_m S(m, k) u^m / m!, S of the second kind.
    stirling = [[1] + [0] * _TERMS]
    for _ in range(_TERMS):
        last = stirling[-1]
        stirling.append([0] + [k * last[k] + last[k - 1] for k in range(1, _TERMS + 1)])
    chi = [mpc(0), mpc(1)]
    for m in range(2, _TERMS + 1):
        terms = (chi[k] * fixed**k * mp.factorial(k) * stirling[m][k] for k in range(1, m))
        chi.append(sum(terms, mpc(0)) / mp.factorial(m) / (fixed - fixed**m))
    near = mpf(10) ** (-mpf(mp.dps) / _TERMS)
    period = 2j * mp.pi / fixed
    values = []
    for z in line:
        logarithms = 0
        while abs(z - fixed) > near:
            z = mpmath.log(z)
            logarithms += 1
        a = mpmath.log(mpmath.polyval(chi[::-1], z - fixed)) / fixed + logarithms
        if values:
            a += period * mpmath.nint(((values[-1] - a) / period).real)
        values.append(a)
    return values


def _solve_linear(rows: Sequence[Sequence[mpf]], right: Sequence[mpf]) -> list[mpf]:
    """Gaussian elimination with partial pivoting (mpmath's own is several times slower)."""
    matrix = np.column_stack([np.array(rows, object), np.array(right, object)])
    scale = np.array([1 / max(map(abs, column)) for column in matrix.T[:-1]], object)
    matrix[:, :-1] *= scale
    size = len(matrix)
    for k in range(size):
        pivot = k + int(np.argmax(np.abs(matrix[k:, k])))
        matrix[[k, pivot]] = matrix[[pivot, k]]
        factors = matrix[k + 1 :, k] / matrix[k, k]
        matrix[k + 1 :, k + 1 :] -= np.outer(factors, matrix[k, k + 1 :])
    solution = np.full(size, mpf(0), object)
    for k in reversed(range(size)):
        known = matrix[k, k + 1 : -1] @ solution[k + 1 :] if k + 1 < size else mpf(0)
        solution[k] = (matrix[k, -1] - known) / matrix[k, k]
    return list(solution * scale)


def superlog(x: mpf) -> mpf:
    """slog(x) for any real x."""
    x, steps = mpf(x), 0
    while x < 0:
        x, steps = mpmath.exp(x), steps - 1
    while x > 1:
        x, steps = mpmath.log(x), steps + 1
    return solve()(x) + steps


def superlog_slope(x: mpf) -> mpf:
    """slog'(x) for any real x."""
    x, factor = mpf(x), mpf(1)
    while x < 0:
        x = mpmath.exp(x)
        factor *= x
    while x > 1:
        factor /= x
        x = mpmath.log(x)
    return solve()(x, derivative=1) * factor


def superexp(t: mpf) -> mpf:
    """sexp(t) for t > -2, by Newton's method."""
    steps = int(mpmath.ceil(t))
    target = t - steps  # in (-1, 0]
    abel = solve()
    x = target + 1
    for _ in range(50):
        change = (abel(x) - target) / abel(x, derivative=1)
        x -= change
        if abs(change) < mpf(10) ** (-mp.dps // 2 - 2):  # the next would be below a digit
            break
    for _ in range(steps):
        x = mpmath.exp(x)
    for _ in range(-steps):
        x = mpmath.log(x)
    return x


def exp_iterate(x: mpf, alpha: mpf) -> mpf:
    """exp^[alpha](x) = sexp(slog(x) + alpha)."""
    return superexp(superlog(x) + alpha)


def exp_iterate_slope(x: mpf, alpha: mpf) -> mpf:
    """The derivative of exp^[alpha] at x: slog'(x) / slog'(exp^[alpha](x))."""
    return superlog_slope(x) / superlog_slope(exp_iterate(x, alpha))
