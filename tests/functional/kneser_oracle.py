"""Kneser's superlogarithm to 36 digits by mpmath and whole numbers: what the op is measured by.

It shares nothing with the op or with the generator of its coefficients. Where no tensors go, this
module is the shortest way to the function, and it takes a second to build.

Source: Kneser 1949, "Reelle analytische Loesungen der Gleichung phi(phi(x)) = e^x und verwandter
Funktionalgleichungen"; that its conditions are linear in the unknowns below, and solved by points
of an arc, is the form used here.
"""

import functools
import math
from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

import mpmath
from mpmath import mpf

_CENTRE, _SCALE = "0.44", "0.62"  # of the base interval [0, 1], for powers of the size of one
_BITS = 190  # of the values of polynomials


class Jet(NamedTuple):
    """exp^[alpha](x) and its derivatives."""

    value: mpf
    dx: mpf
    dalpha: mpf
    dxdx: mpf
    dxdalpha: mpf
    dalphadalpha: mpf


class Kneser:
    """slog and sexp with slog(e^x) = slog(x) + 1 and slog(0) = -1, in 50-digit arithmetic.

    Holds the real polynomial P of slog(u) + 1 = u P(u) on 0 <= u <= 1, in powers of
    (u - 0.44) / 0.62. In this form nothing is lost at x -> -inf, where u = e^x -> 0.
    """

    def __init__(self, degree: int = 100, harmonics: int = 52, digits: int = 72):
        """An even `degree`. With fewer terms (60, 32) the function is known to 24 digits."""
        self.mp = mpmath.MPContext()
        self.mp.dps = 50
        self.coefficients = [self.mp.mpf(c) for c in _solve(degree, harmonics, digits)]
        self._centre, self._scale = self.mp.mpf(_CENTRE), self.mp.mpf(_SCALE)
        whole = [int(self.mp.ldexp(c, _BITS)) for c in self.coefficients]
        while abs(whole[-1]) < 1 << (_BITS - 170):  # 1e-51
            whole.pop()
        self._horner = whole[::-1]
        self._short = [float(self.mp.ldexp(c, -_BITS)) for c in self._horner]

    def slog(self, x: mpf) -> mpf:
        """The superlogarithm of any real x; -2 at -inf."""
        u, n = self._reduce(self.mp.mpf(x))
        return self._base(u)[0] + (n - 1)

    def sexp(self, t: mpf) -> mpf:
        """The superexponential: -inf at -2, NaN below, inf where float64 would overflow."""
        t = self.mp.mpf(t)
        n = int(self.mp.floor(t))
        return self._expand(self._invert(t - n), n + 1)

    def slog_jet(self, x: mpf) -> tuple[mpf, mpf, mpf]:
        """slog(x) and its first two derivatives."""
        x = self.mp.mpf(x)
        u, n = self._reduce(x)
        s, s1, s2 = self._base(u)
        if n < 0:  # S(x) = s(e^x) - 2
            s1, s2 = s1 * u, s2 * u * u + s1 * u
        logs = [x]
        for _ in range(1, n):
            logs.append(self.mp.log(logs[-1]))
        for y in reversed(logs[:n]):  # S(y) = S(log y) + 1
            s1, s2 = s1 / y, (s2 - s1) / (y * y)
        return s + (n - 1), s1, s2

    def exp_iterate(self, x: mpf, alpha: mpf) -> mpf:
        """sexp(slog(x) + alpha), with neither e^x nor alpha lost beside the -2 of x -> -inf."""
        x, alpha = self.mp.mpf(x), self.mp.mpf(alpha)
        u, n = self._reduce(x)
        whole = int(self.mp.floor(alpha))
        r = (alpha - whole) + self._base(u)[0]
        carry = int(self.mp.floor(r))
        return self._expand(self._invert(r - carry), n + whole + carry)

    def jet(self, x: mpf, alpha: mpf) -> Jet:
        """exp^[alpha](x) and its derivatives, from those of S(f(x)) = S(x) + alpha, S = slog."""
        f = self.exp_iterate(x, alpha)
        if not self.mp.isfinite(f):
            return Jet(f, *[self.mp.nan] * 5)
        _, s1, s2 = self.slog_jet(x)
        _, t1, t2 = self.slog_jet(f)
        dx, dalpha = s1 / t1, 1 / t1
        dalphadalpha = -t2 * dalpha**3
        return Jet(f, dx, dalpha, (s2 - t2 * dx * dx) / t1, dalphadalpha * s1, dalphadalpha)

    def _reduce(self, x: mpf) -> tuple[mpf, int]:
        """u in [0, 1] and n with x = exp^[n](u): n = -1 below 0."""
        if x < 0:
            return self.mp.exp(x), -1
        n = 0
        while x > 1:
            x, n = self.mp.log(x), n + 1
        return x, n

    def _expand(self, v: mpf, n: int) -> mpf:
        """exp^[n](v), 0 <= v <= 1."""
        for _ in range(n):
            if v > 800:
                return self.mp.inf
            v = self.mp.exp(v)
        for _ in range(-n):
            if v <= 0:
                return -self.mp.inf if v == 0 and n == -1 else self.mp.nan
            v = self.mp.log(v)
        return v

    def _base(self, u: mpf) -> tuple[mpf, mpf, mpf]:
        """s(u) = u P(u) and its first two derivatives on [0, 1], by whole numbers."""
        t = int(self.mp.ldexp((u - self._centre) / self._scale, _BITS))
        p = p1 = p2 = 0
        for c in self._horner:
            p2 = (p2 * t >> _BITS) + p1
            p1 = (p1 * t >> _BITS) + p
            p = (p * t >> _BITS) + c
        p, p1, p2 = (self.mp.ldexp(self.mp.mpf(q), -_BITS) for q in (p, p1, p2))
        p1, p2 = p1 / self._scale, 2 * p2 / self._scale**2
        return u * p, p + u * p1, 2 * p1 + u * p2

    def _invert(self, r: mpf) -> mpf:
        """The v in [0, 1] with s(v) = r, relatively exact at r -> 0: s is almost linear.

        Newton's first steps are in float64, where they cost next to nothing.
        """
        near = target = float(r)
        for _ in range(4):
            t, p, p1 = (near - float(_CENTRE)) / float(_SCALE), 0.0, 0.0
            for c in self._short:
                p1 = p1 * t + p
                p = p * t + c
            near -= (near * p - target) / (p + near * p1 / float(_SCALE))
        v = self.mp.mpf(near)
        for _ in range(12):
            s, s1, _ = self._base(v)
            step = (s - r) / s1
            v -= step
            if abs(step) <= v * self.mp.mpf("1e-26"):  # its square is 1e-52
                break
        return v


@functools.cache
def kneser() -> Kneser:
    """The one that all tests share."""
    return Kneser()


def _solve(degree: int, harmonics: int, digits: int) -> list[mpf]:
    """P with u P(u) - 1 = A(u) + sum_j c_j exp(2 pi i j A(u)) on a line above the real axis.

    A is the Abel function of exp that is regular at its fixed point L, A(e^u) = A(u) + 1. A real
    function that differs from it by a periodic one, and by one that is bounded as A goes to +i inf,
    as it is here where j >= 0: by Kneser's theorem that is the superlogarithm, and no other is.
    The line goes from u = 0.2 i to exp(0.2 i), on which exp takes it on, and so A grows by 1.
    Unknown are `degree` real coefficients of P and c_0 .. c_harmonics; each point gives two
    equations, and there are as many points, as dense at both ends as Chebyshev's, as are needed.
    Twice as many, solved by least squares, give no digit more.
    """
    mp = mpmath.MPContext()
    mp.dps = digits
    unknowns = degree + 2 * (harmonics + 1)
    points = unknowns // 2
    places = [(1 - mp.cos(mp.pi * (2 * i + 1) / (2 * points))) / 2 for i in range(points)]
    first, last = mp.mpc(0, "0.2"), mp.exp(mp.mpc(0, "0.2"))
    line = [first + (last - first) * place for place in [0, *places, 1]]
    abel = _abel(mp, line)
    if abs(abel[-1] - abel[0] - 1) > mp.mpf(10) ** (4 - digits):
        raise ArithmeticError(f"Abel's equation is off by {abel[-1] - abel[0] - 1}")

    bits = mp.prec
    lowest = min(a.imag for a in abel)
    rows = []
    for z, a in zip(line[1:-1], abel[1:-1], strict=True):
        t = (z - mp.mpf(_CENTRE)) / mp.mpf(_SCALE)
        p = _powers(mp, z, t, degree, bits)
        # The shift of A scales the c_j alone, and keeps powers of the size of one.
        q = _powers(mp, mp.mpc(1), mp.exp(2j * mp.pi * (a - 1j * lowest)), harmonics + 1, bits)
        real, imaginary = (int(mp.ldexp(v, bits)) for v in (a.real + 1, a.imag))
        rows.append([x for x, _ in p] + [-x for x, _ in q] + [y for _, y in q] + [real])
        rows.append([y for _, y in p] + [-y for _, y in q] + [-x for x, _ in q] + [imaginary])
    return [mp.ldexp(mp.mpf(x), -bits) for x in _gauss(rows, bits)[:degree]]


def _abel(mp: mpmath.MPContext, line: Sequence) -> list:
    """A(z) = log(chi(log...log z - L)) / L + number of logs, followed along the line.

    chi(w) = w + b_2 w^2 + ... is Schroeder's function of exp at L: chi(L (e^w - 1)) = L chi(w).
    """
    L = mp.findroot(lambda z: mp.exp(z) - z, mp.mpc("0.3181315052", "1.3372357014"))
    terms = mp.dps // 2  # for |w| < 0.011
    # onto[n][k] = k! S(n, k), the number of maps of n things onto k: n! times [w^n] (e^w - 1)^k.
    onto = [[1] + [0] * terms]
    for _ in range(terms):
        last = onto[-1]
        onto.append([0] + [k * (last[k] + last[k - 1]) for k in range(1, terms + 1)])
    b = [mp.mpf(0), mp.mpf(1)]
    for n in range(2, terms + 1):
        total = mp.fsum(b[k] * L**k * onto[n][k] for k in range(1, n))
        b.append(total / (mp.factorial(n) * (L - L**n)))

    logs, values = 17, []
    for z in line:
        for _ in range(logs):
            z = mp.log(z)
        angle = mp.log(mp.polyval(b[::-1], z - L))
        if values:
            turns = mp.nint((values[-1] - angle).imag / (2 * mp.pi))
            angle += 2j * mp.pi * turns
        values.append(angle)
    return [angle / L + logs for angle in values]


def _powers(mp: mpmath.MPContext, first, ratio, count: int, bits: int) -> list[tuple[int, int]]:
    """first * ratio^k for k < count as pairs of whole numbers over 2^bits."""
    (x, y), (a, b) = ([int(mp.ldexp(v, bits)) for v in (z.real, z.imag)] for z in (first, ratio))
    powers = []
    for _ in range(count):
        powers.append((x, y))
        x, y = (x * a - y * b) >> bits, (x * b + y * a) >> bits
    return powers


def _gauss(rows: list[list[int]], bits: int) -> list[int]:
    """Solves [A b] by elimination with partial pivoting, in whole numbers over 2^bits."""
    n = len(rows)
    for k in range(n):
        best = max(range(k, n), key=lambda i: abs(rows[i][k]))
        rows[k], rows[best] = rows[best], rows[k]
        pivot, tail = rows[k][k], rows[k][k + 1 :]
        for row in rows[k + 1 :]:
            factor = (row[k] << bits) // pivot
            rest = zip(row[k + 1 :], tail, strict=True)
            row[k + 1 :] = [a - (factor * b >> bits) for a, b in rest]
    x = [0] * n
    for k in reversed(range(n)):
        rest = sum(map(mul, rows[k][k + 1 : n], x[k + 1 :]))
        x[k] = ((rows[k][n] << bits) - rest) // rows[k][k]
    return x


def split(numbers: Sequence[mpf]) -> tuple[list[float], list[float]]:
    """Each number as the nearest float64 and what that leaves, so that numpy can subtract them."""
    nearest = [float(number) for number in numbers]
    return nearest, [
        float(number - near) if math.isfinite(near) else 0.0
        for number, near in zip(numbers, nearest, strict=True)
    ]
