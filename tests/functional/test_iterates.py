"""Fractional iterates of exp: digits, identities, limits, and two impostors that must be caught.

The truth is `kneser_oracle`, which shares nothing with the op. Each check takes an implementation,
so that what it accepts of the op it can be seen to refuse of others that look as good.
"""

import functools
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tests.functional import kneser_oracle
from weirdonetworks.functional import exp_iterate, half_exp, superexp, superlog

ZERO = "-0.69602474088608417173296092502920405"  # of exp^[1/2]; its limit at -inf

# (alpha, x, exp^[alpha](x))
ITERATES = [
    (0.5, 0.0, "0.498563287941114434679619092493133294"),
    (0.5, 1.0, "1.64635423375119458097192403159211452"),
    (0.5, 2.0, "3.43129811745375817618045849399876952"),
    (0.5, 10.0, "61.4861743673149141004383272996249755"),
    (0.25, 0.0, "0.257388979678387349602355111653879965"),
    (0.25, 1.0, "1.29354819287180505738451251410731200"),
    (0.75, 0.0, "0.740937774890232311267875579539887759"),
    (-0.5, 10.0, "4.11881234250405296876771056584652270"),
]
SUPERLOGS = [
    (0.5, "-0.4984983751311689971273212151103788569715"),
    (2.0, "0.7015456018318703657518903980808909493854"),
]
SLOPE = "0.915946056499533393949672638910324562425109969"  # slog'(0)

# exp^[a] after exp^[b]; all sums are exact in float32.
PAIRS = [
    *[(0.5, 0.5), (0.25, 0.5), (0.3125, 0.3125), (0.125, 0.125), (0.75, 0.25), (-0.3125, 0.6875)],
    *[(0.5, -0.5), (1.0, -1.0), (-1.0, 1.0), (-0.25, -0.25), (-0.5, 0.5)],
]
# Where the implementation may change its formula: whole superlogs less or plus a quarter or a half,
# ends of the domain and where exp overflows.
THRESHOLDS = [
    *[-745.2, -708.4, -103.98, -88.73, -87.34, -1.37117, -0.69602474, -0.29983788, -0.5, 0.0],
    *[0.25738898, 0.49856329, 0.74093777, 1.0, 1.29354819, 1.64635423, 2.09792],  # exp^[k/4](0)
    *[np.e, 3.6456, 5.18788, 8.14897, 15.1543, 38.31, 85.0, 88.72284, 178.0, 340.0, 3459.7, 3.8e6],
]


HALVES = 1500  # points, of which alpha is 1/2
CHUNK = 4096  # points that XLA is compiled for, once for all tests


class Arrays(NamedTuple):
    """exp^[alpha](x) and derivatives, in numpy."""

    value: np.ndarray
    dx: np.ndarray
    dalpha: np.ndarray
    dxdx: np.ndarray | None = None


_COMPILED = {}  # by the ways to call it


class Op:
    """The op as a function of arrays: `value` and `jet`, both of (x, alpha)."""

    def __init__(self, dtype="float64", half=False, number=None, jit=False, second=True, **kwargs):
        self.dtype, self._second = np.dtype(dtype), second
        if half:
            self._function = lambda x, alpha: half_exp(x, **kwargs)
        elif number is not None:
            self._function = lambda x, alpha: exp_iterate(x, number, **kwargs)
        else:
            self._function = lambda x, alpha: exp_iterate(x, alpha, **kwargs)
        self._ways = (half, number, second, *sorted(kwargs.items())) if jit else None

    def value(self, x, alpha):
        return np.array(self._function(*self._tensors(x, alpha)))

    def jet(self, x, alpha) -> Arrays:
        if self._ways is not None:
            return self._compiled_jet(x, alpha)
        jet = self._tapes(*self._tensors(x, alpha))
        return Arrays(*[y if y is None else y.numpy() for y in jet])

    def _compiled_jet(self, x, alpha) -> Arrays:
        """By chunks of one size, the last one filled up, so that all points share a compilation."""
        compiled = _COMPILED.setdefault(
            self._ways, tf.function(self._tapes, jit_compile=True, autograph=False)
        )
        x, alpha = np.broadcast_arrays(x, alpha)
        parts = []
        for start in range(0, x.size, CHUNK):
            some = [np.ravel(a)[start : start + CHUNK] for a in (x, alpha)]
            jet = compiled(*self._tensors(*[np.resize(a, CHUNK) for a in some]))
            parts.append([y if y is None else y.numpy()[: some[0].size] for y in jet])
        joined = [None if y[0] is None else np.concatenate(y) for y in zip(*parts, strict=True)]
        return Arrays(*[y if y is None else y.reshape(x.shape) for y in joined])

    def _tensors(self, x, alpha):
        x, alpha = np.broadcast_arrays(x, alpha)
        return tf.constant(x, self.dtype), tf.constant(alpha, self.dtype)

    def _tapes(self, x, alpha):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch([x, alpha])
                y = self._function(x, alpha)
            dx, dalpha = tape.gradient(y, [x, alpha], unconnected_gradients="zero")
        return y, dx, dalpha, outer.gradient(dx, x) if self._second else None

    def slog(self, x):
        return superlog(tf.constant(x, self.dtype)).numpy()

    def slog_slope(self, x):
        x = tf.constant(x, self.dtype)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = superlog(x)
        return tape.gradient(y, x).numpy()


class StandIn:
    """exp^[alpha] in long double from u P(u) = slog(u) + 1 on [0, 1], by none of the op's code.

    `warp` adds warp * sin(2 pi slog) to the superlogarithm, which solves slog(e^x) = slog(x) + 1 as
    well. P = 1 is the piecewise linear superlogarithm (Hooshmand 2006), another solution.
    """

    dtype = np.dtype("float64")

    def __init__(self, coefficients, warp=0.0):
        self._p = np.array(coefficients, np.longdouble)[::-1]
        self._warp = np.longdouble(warp)
        self._pi = np.longdouble("3.14159265358979323846")

    def value(self, x, alpha):
        return self.iterate(x, alpha).astype(np.float64)

    def jet(self, x, alpha) -> Arrays:
        y = self.iterate(x, alpha)
        x, _ = np.broadcast_arrays(np.longdouble(x), y)
        with np.errstate(all="ignore"):
            slope = 1 / self._slope(y)
            dx = self._slope(x) * slope
        return Arrays(*[np.asarray(z, np.float64) for z in (y, dx, slope)])

    def slog(self, x):
        u, n = self._reduce(np.longdouble(x))
        return (self._base(u)[0] + n - 1).astype(np.float64)

    def slog_slope(self, x):
        return self._slope(np.longdouble(x)).astype(np.float64)

    def iterate(self, x, alpha):
        x, alpha = np.broadcast_arrays(np.longdouble(x), np.longdouble(alpha))
        whole = np.floor(alpha)
        with np.errstate(all="ignore"):
            u, n = self._reduce(x)
            r = alpha - whole + self._base(u)[0]
            carry = np.floor(r)
            r = r - carry
            v = r.astype(np.float64)  # Newton's steps double the digits: most of them are short
            for _ in range(4):
                s, slope = self._base(v)
                v = v - (s - r.astype(np.float64)) / slope
            v = v.astype(np.longdouble)
            for _ in range(2):
                s, slope = self._base(v)
                v = v - (s - r) / slope
            n = n + whole + carry
            for k in range(5):
                v = np.exp(v, out=np.array(v), where=n > k)
            for k in range(2):
                v = np.log(v, out=np.array(v), where=n < -k)
        return v

    def _reduce(self, x):
        u, n = np.where(x < 0, np.exp(np.minimum(x, 0)), x), np.where(x < 0, -1, 0)
        for _ in range(5):
            above = u > 1
            n = n + above
            u = np.log(u, out=np.array(u), where=above)
        return u, n

    def _slope(self, x):
        """slog'(x)."""
        u, n = self._reduce(x)
        slope = self._base(u)[1] * np.where(x < 0, np.exp(np.minimum(x, 0)), 1)
        for k in range(5):
            slope = np.where(n > k, slope / x, slope)
            x = np.where(n > k, np.log(np.maximum(x, 1)), x)
        return slope

    def _base(self, u):
        """slog(u) + 1 and its derivative on [0, 1], in u's type."""
        real = u.dtype.type
        t = (u - real("0.44")) / real("0.62")
        p, p1 = np.zeros_like(t), np.zeros_like(t)
        for c in self._p.astype(u.dtype):  # Horner's scheme, in place
            p1 *= t
            p1 += p
            p *= t
            p += c
        s, slope = u * p, p + u * p1 / real("0.62")
        if not self._warp:
            return s, slope
        angle = 2 * self._pi.astype(u.dtype) * s
        warp = self._warp.astype(u.dtype)
        return s + warp * np.sin(angle), slope * (
            1 + 2 * self._pi.astype(u.dtype) * warp * np.cos(angle)
        )


@pytest.fixture(scope="session")
def oracle() -> kneser_oracle.Kneser:
    return kneser_oracle.kneser()


@pytest.fixture(scope="session")
def honest(oracle) -> StandIn:
    return StandIn([str(c) for c in oracle.coefficients[:80]])


@pytest.fixture(scope="session")
def warped(oracle) -> StandIn:
    return StandIn([str(c) for c in oracle.coefficients[:80]], warp=1e-6)


@pytest.fixture(scope="session")
def linear() -> StandIn:
    return StandIn([1.0])


class Truth:
    """The oracle's jets at points; differences from them, free of float64's own rounding."""

    def __init__(self, oracle, x, alpha):
        self.x, self.alpha = (np.asarray(a, np.float64) for a in (x, alpha))
        points = zip(self.x.tolist(), self.alpha.tolist(), strict=True)
        jets = [oracle.jet(*point) for point in points]
        self._parts = {
            name: tuple(map(np.array, kneser_oracle.split([getattr(jet, name) for jet in jets])))
            for name in kneser_oracle.Jet._fields
        }

    def __getattr__(self, name):
        if name in kneser_oracle.Jet._fields:
            return self._parts[name][0]
        raise AttributeError(name)

    def __getitem__(self, where) -> "Truth":
        some = object.__new__(Truth)
        some.x, some.alpha = self.x[where], self.alpha[where]
        some._parts = {name: (a[where], b[where]) for name, (a, b) in self._parts.items()}
        return some

    def error(self, name, y):
        nearest, rest = self._parts[name]
        return (np.asarray(y, np.float64) - nearest) - rest

    def ulps(self, y):
        return np.abs(self.error("value", y)) / ulp(self.value, y.dtype)

    def relative(self, name, y):
        return np.abs(self.error(name, y) / getattr(self, name))

    def conditioned(self, name, y):
        """The error over what a last bit of the result, of x and of alpha amounts to."""
        by_x, by_alpha = {
            "value": (self.dx, 0),
            "dx": (self.dxdx, self.dxdalpha),
            "dalpha": (self.dxdalpha, self.dalphadalpha),
        }[name]
        epsilon = np.finfo(y.dtype).eps
        scale = ulp(getattr(self, name), y.dtype) + np.abs(by_x) * ulp(self.x, y.dtype)
        return np.abs(self.error(name, y)) / (scale + np.abs(by_alpha) * epsilon)


def ulp(y, dtype):
    """The distance of numbers of the type at y, never less than that of the normal ones."""
    info = np.finfo(dtype)
    exponents = np.frexp(np.maximum(np.abs(y), float(info.tiny)).astype(np.float64))[1]
    return np.ldexp(1.0, exponents - 1 - info.nmant)


def _points(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    x = np.concatenate(
        [
            rng.uniform(-50, 0, 250),
            rng.uniform(-3, 0, 250),
            rng.uniform(0, np.e, 300),
            rng.uniform(np.e, 85, 500),
            np.exp(rng.uniform(np.log(85), np.log(1e5), 200)),
        ]
    )
    # Half-exp first, then all of [-1, 1], then alpha that are special.
    alpha = np.concatenate(
        [np.full(HALVES, 0.5), rng.uniform(-1, 1, 1500), rng.uniform(0, 0.5, 900)]
    )
    special = np.resize([-1, -0.75, -0.5, -0.25, 0, 0.1, 0.25, 0.75, 0.9, 1], 600)
    x = np.concatenate([x, np.resize(x, 1500), rng.uniform(-50, 85, 900), rng.uniform(-3, 30, 600)])
    return x.astype(dtype), np.concatenate([alpha, special]).astype(dtype)


@pytest.fixture(scope="session")
def truths(oracle):
    return functools.cache(lambda dtype: Truth(oracle, *_points(dtype)))


class Report(dict):
    """Largest figures, each beside its bound; printed, so that a failure shows all of them."""

    def below(self, name, figures, bound):
        figures = np.asarray(figures)
        assert figures.size, name
        self[name] = (float(figures.max()), bound)  # NaN is not below

    def check(self):
        print(
            "\n".join(
                f"{name}: {most:.3g}, bound {bound:.3g}" for name, (most, bound) in self.items()
            )
        )
        missed = {name: pair for name, pair in self.items() if not pair[0] <= pair[1]}
        assert not missed, f"largest and bound: {missed}"


# The checks. Bounds are those that the docstrings promise, where they promise any.


def check_digits(implementation, iterates=ITERATES, superlogs=SUPERLOGS, bound=4):
    report = Report()

    def add(name, y, digits):
        error = abs(Decimal(float(y)) - Decimal(digits))
        report.below(name, float(error) / np.spacing(abs(float(digits))), bound)

    for alpha, x, digits in iterates:
        add(f"exp^[{alpha}]({x}) in ulp", implementation.value(x, alpha), digits)
    for x, digits in superlogs:
        add(f"slog({x}) in ulp", implementation.slog(x), digits)
    if superlogs:
        for x in (0.0, 1.0):
            add(f"slog'({x}) in ulp", implementation.slog_slope(x), SLOPE)
    report.check()


def check_half(implementation, truth, precise=False):
    """Against the oracle, alpha = 1/2."""
    single = implementation.dtype == "float32"
    x, y = truth.x, implementation.jet(truth.x, truth.alpha)
    report = Report()
    ulps = truth.ulps(y.value)
    small, medium, large = (x >= 0) & (x <= np.e), (x >= np.e) & (x <= 85), x > 85
    if precise:
        report.below("ulp", ulps[np.abs(truth.value) > 0.02], 0.51)
    report.below("ulp on [0, e]", ulps[small], 4 if single else 16)
    report.below("ulp on [e, 85]", ulps[medium], 16)
    report.below("conditioned, x > 85", truth.conditioned("value", y.value)[large], 64)
    error = np.abs(truth.error("value", y.value))
    report.below("absolute, x < 0", error[x < 0], 1.2e-7 if single else 4e-16)
    slope = truth.relative("dx", y.dx)
    report.below("dx, relative, x <= 85", slope[x <= 85], 1.5e-6 if single else 1e-13)
    report.below("dx, conditioned, x > 85", truth.conditioned("dx", y.dx)[large], 8)
    if y.dxdx is not None:
        report.below("dxdx", _bend(truth, y), 2e-5 if single else 5e-13)
    report.check()


def check_any_alpha(implementation, truth, precise=False, derivatives=("dx", "dalpha")):
    """Against the oracle, alpha in [-1, 1]."""
    single = implementation.dtype == "float32"
    # Outside the domain, at its edge, and where numbers overflow: these have their own tests.
    largest = np.finfo(implementation.dtype).max
    truth = truth[(np.abs(truth.value) < largest) & (truth.dx < largest) & (truth.dalpha < largest)]
    x, alpha, y = truth.x, truth.alpha, implementation.jet(truth.x, truth.alpha)
    report = Report()
    upper = (alpha >= 0) & (alpha <= 0.5) & (x <= 85)
    most = (alpha >= 0) & (alpha <= 0.75) & (x <= 85)
    away = np.abs(truth.value) > 0.02
    if precise:
        report.below("ulp", truth.ulps(y.value)[away], 0.51)
    if single:
        report.below("relative", truth.relative("value", y.value)[upper & away], 1.2e-5)
    else:
        report.below("ulp", truth.ulps(y.value)[upper & away], 80)
    conditioned = truth.conditioned("value", y.value)
    report.below("conditioned, x <= 85", conditioned[x <= 85], 24)
    report.below("conditioned", conditioned, 80)
    for name in derivatives:
        derivative = getattr(y, name)
        relative = truth.relative(name, derivative)
        report.below(f"{name}, relative", relative[most], 3e-5 if single else 1e-13)
        report.below(f"{name}, conditioned", truth.conditioned(name, derivative), 8)
    if y.dxdx is not None:
        report.below("dxdx", _bend(truth, y)[most], 2e-4 if single else 1e-12)
    report.check()


def _bend(truth, y):
    """The error of f'' over |f''| + |f'| / (1 + |x|): f'' itself vanishes at alpha = 0."""
    scale = np.abs(truth.dxdx) + truth.dx / (1 + np.abs(truth.x))
    return np.abs(truth.error("dxdx", y.dxdx)) / scale


def _line(dtype):
    return np.concatenate([np.linspace(-50, 85, 2001), np.linspace(-3, 3, 1000)]).astype(dtype)


def check_equation(implementation, bound):
    """f(f(x)) = e^x, alpha = 1/2; the error over what last bits of e^x and of f(x) amount to."""
    x = _line(implementation.dtype)
    inner = implementation.value(x, 0.5)
    outer = implementation.jet(inner, 0.5)
    expected = np.exp(x.astype(np.longdouble))
    scale = ulp(expected, x.dtype) + outer.dx.astype(float) * ulp(inner, x.dtype)
    report = Report()
    report.below("f(f(x)) - e^x", np.abs(outer.value - expected) / scale, bound)
    report.check()


def check_semigroup(implementation, bound):
    """exp^[a](exp^[b](x)) = exp^[a + b](x), in the same form."""
    x, report = _line(implementation.dtype), Report()
    after, first = np.array(PAIRS, x.dtype).T[..., None]  # all pairs at once
    inners = implementation.value(x, first)
    outers = implementation.jet(inners, after)
    sums = implementation.value(x, after + first)
    edges = implementation.value(-np.inf, -after)
    for i, (a, b) in enumerate(PAIRS):
        inner, outer, slope, expected = inners[i], outers.value[i], outers.dx[i], sums[i]
        # An error of the inner one that takes it out of the outer one's domain has no measure.
        edge = edges[i, 0] if a < 0 else -np.inf
        inside = np.isfinite(inner) & (inner - edge > 128 * ulp(inner, x.dtype))
        assert inside.mean() > 0.4, (a, b)
        expected, inner = expected[inside].astype(float), inner[inside]
        scale = ulp(expected, x.dtype) + slope[inside].astype(float) * ulp(inner, x.dtype)
        error = np.abs(outer[inside].astype(float) - expected)
        report.below(f"{a} after {b}", error / scale, bound)
    report.check()


def check_whole_iterates(implementation, bound):
    """alpha = 0, 1 and -1 are x, exp and log: conditioned errors."""
    report = Report()
    x = _line(implementation.dtype)
    wide = np.concatenate([x, np.geomspace(1e2, 1e30, 500)]).astype(x.dtype)
    positive = np.concatenate([wide[wide > 0], np.geomspace(1e-30, 1e-2, 500)]).astype(x.dtype)
    for alpha, points, function in (
        (0.0, wide, np.array),
        (1.0, x, np.exp),
        (-1.0, positive, np.log),
    ):
        expected = function(points.astype(np.longdouble))
        slope = {0.0: 1, 1.0: expected, -1.0: 1 / points.astype(float)}[alpha]
        scale = ulp(expected, x.dtype) + slope * ulp(points, x.dtype)
        error = np.abs(implementation.value(points, alpha) - expected)
        report.below(f"alpha = {alpha}", error / scale, bound)
    report.check()


def check_derivatives_of_identities(implementation):
    """What f(f(x)) = e^x and the semigroup say of derivatives; no finite differences."""
    report = Report()
    x = np.linspace(-20, 85, 2001)
    first = implementation.jet(x, 0.5)
    product = implementation.jet(first.value, 0.5).dx * first.dx
    error = np.abs(product / np.exp(x) - 1)
    report.below("f'(f(x)) f'(x) = e^x", error, 1e-12)
    report.below("f'(f(x)) f'(x) = e^x, x <= 10", error[x <= 10], 5e-14)
    g, above = (implementation.jet(p, 0.0).dalpha for p in (x, np.exp(x)))
    report.below("g(e^x) = e^x g(x)", np.abs(above / np.exp(x) / g - 1), 1e-12)
    jet = implementation.jet(x, np.linspace(0, 1, 7)[np.arange(len(x)) % 7])
    report.below("df/dalpha = f'(x) g(x)", np.abs(jet.dalpha / jet.dx / g - 1), 5e-14)
    report.check()


# The oracle and the stand-ins.


@pytest.mark.slow
def test_the_oracle_has_36_digits(oracle):
    mp = oracle.mp
    values = [(oracle.exp_iterate(x, alpha), digits) for alpha, x, digits in ITERATES]
    values += [(oracle.slog(x), digits) for x, digits in SUPERLOGS]
    values += [(oracle.slog_jet(x)[1], SLOPE) for x in (0, 1)]
    values += [(oracle.sexp(-1.5), ZERO), (oracle.exp_iterate(-mp.inf, 0.5), ZERO)]
    for value, digits in values:
        assert abs(value / mp.mpf(digits) - 1) < 2e-35, digits
    # By construction slog(0) = -1, but not slog(1) = 0, or that slog' is the same at both.
    assert abs(oracle.slog(1)) < 1e-37
    assert abs(oracle.slog_jet(0)[1] - oracle.slog_jet(1)[1]) < 1e-36


@pytest.mark.slow
def test_fewer_terms_give_24_digits_of_the_oracle(oracle):
    small = kneser_oracle.Kneser(60, 32, digits=50)
    error = max(abs(small.slog(x) - oracle.slog(x)) for x in np.linspace(0, 1, 20))
    assert 1e-27 < error < 1e-24


@pytest.mark.slow
def test_the_oracles_derivatives_are_those_of_its_values(oracle):
    mp, h = oracle.mp, oracle.mp.mpf("1e-12")
    for x, alpha in ((-3.0, 0.5), (0.3, -0.2), (20.0, 0.7), (85.0, 0.5), (3.0, -0.8)):
        x, alpha = mp.mpf(x), mp.mpf(alpha)
        jet = oracle.jet(x, alpha)

        def slope(name, dx, dalpha, x=x, alpha=alpha):
            above, below = (oracle.jet(x + t * dx, alpha + t * dalpha) for t in (h, -h))
            return (getattr(above, name) - getattr(below, name)) / (2 * h)

        assert mp.almosteq(jet.dx, slope("value", 1, 0), 1e-18)
        assert mp.almosteq(jet.dalpha, slope("value", 0, 1), 1e-18)
        assert mp.almosteq(jet.dxdx, slope("dx", 1, 0), 1e-18)
        assert mp.almosteq(jet.dxdalpha, slope("dalpha", 1, 0), 1e-18)
        assert mp.almosteq(jet.dalphadalpha, slope("dalpha", 0, 1), 1e-18)


@pytest.mark.slow
def test_every_check_accepts_an_honest_stand_in(honest, truths):
    truth = truths("float64")
    check_digits(honest)
    check_half(honest, truth[:HALVES])
    check_any_alpha(honest, truth)
    check_equation(honest, 1)
    check_semigroup(honest, 2)
    check_whole_iterates(honest, 1)
    check_derivatives_of_identities(honest)


@pytest.mark.slow
@pytest.mark.parametrize("impostor", ["warped", "linear"])
def test_other_solutions_of_the_equation_are_rejected(impostor, request, truths):
    impostor, truth = request.getfixturevalue(impostor), truths("float64")
    for check in (
        lambda: check_digits(impostor),
        lambda: check_digits(impostor, superlogs=[]),
        lambda: check_half(impostor, truth[:HALVES]),
        lambda: check_any_alpha(impostor, truth),
    ):
        with pytest.raises(AssertionError, match="largest and bound"):
            check()


@pytest.mark.slow
@pytest.mark.parametrize("impostor", ["warped", "linear"])
def test_the_functional_equation_alone_would_reject_neither(impostor, request):
    impostor = request.getfixturevalue(impostor)
    check_equation(impostor, 1)
    check_semigroup(impostor, 2)
    check_whole_iterates(impostor, 1)


@pytest.mark.slow
def test_neither_would_derivatives_of_identities_and_some_constants(warped):
    check_derivatives_of_identities(warped)
    # The superlogarithms of these are -1, -1/2, 0 and 1/2, where the sine vanishes.
    check_digits(warped, ITERATES[:2], superlogs=[])
    for iterate in ITERATES[2:]:
        with pytest.raises(AssertionError, match="largest and bound"):
            check_digits(warped, [iterate], superlogs=[])


@pytest.mark.slow
def test_the_checks_reject_small_errors_of_any_kind(honest, truths):
    class Off:
        dtype, size = honest.dtype, 1e-12

        def value(self, x, alpha):
            return honest.value(x, alpha) * (1 + self.size)

        def jet(self, x, alpha):
            return Arrays(*[y * (1 + self.size) for y in honest.jet(x, alpha)[:3]])

    off = Off()
    for check in (
        lambda: check_equation(off, 128),
        lambda: check_semigroup(off, 128),
        lambda: check_whole_iterates(off, 24),
        lambda: check_derivatives_of_identities(off),
        lambda: check_half(off, truths("float64")[:HALVES]),
        lambda: check_any_alpha(off, truths("float64")),
    ):
        with pytest.raises(AssertionError, match="largest and bound"):
            check()


# The op against the oracle, and by itself.


@pytest.mark.slow
def test_digits():
    check_digits(Op(half=True), [row for row in ITERATES if row[0] == 0.5])
    for row in ITERATES:
        check_digits(Op(number=row[0]), [row], superlogs=[])
    check_digits(Op(), bound=16)


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True], ids=["eager", "XLA"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_half_exp_against_the_oracle(dtype, jit, truths):
    check_half(Op(dtype, half=True, jit=jit), truths(dtype)[:HALVES])


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True], ids=["eager", "XLA"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_alpha_against_the_oracle(dtype, jit, truths):
    check_any_alpha(Op(dtype, jit=jit, second=not jit), truths(dtype))


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True], ids=["eager", "XLA"])
def test_precise_against_the_oracle(jit, truths):
    truth = truths("float32")
    check_any_alpha(Op("float32", jit=jit, second=not jit, precise=True), truth, precise=True)
    op = Op("float32", half=True, jit=jit, second=not jit, precise=True)
    check_half(op, truth[:HALVES], precise=True)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dense_points_against_the_stand_in(dtype, honest, truths):
    truth = truths("float64")[:HALVES]
    truth = truth[truth.x <= 85]
    assert truth.ulps(honest.value(truth.x, truth.alpha)).max() < 0.52
    single, rng, report = dtype == "float32", np.random.default_rng(8), Report()
    x = rng.uniform(-50, 85, 30_000).astype(dtype)
    alpha = rng.uniform(0, 0.5, x.size).astype(dtype)
    alpha[::3] = 0.5
    for name, kwargs, points, powers in (
        ("half", {"half": True}, x[x >= 0], 0.5),
        ("any", {"second": False}, x, alpha),
    ):
        expected = honest.iterate(points, powers)
        away = np.abs(expected) > 0.02
        for jit in (False, True):
            y, how = Op(dtype, jit=jit, **kwargs).jet(points, powers).value, "XLA" * jit
            error = np.abs(y - expected)
            if single and name == "any":
                report.below(f"any {how}, relative", (error / np.abs(expected))[away], 1.2e-5)
            else:
                bound = 16 if name == "half" else 80 if jit else 110
                report.below(f"{name} {how}, ulp", (error / ulp(expected, dtype))[away], bound)
    report.check()


@pytest.mark.slow
@pytest.mark.parametrize(
    "dtype, precise", [("float32", False), ("float32", True), ("float64", False)]
)
def test_numbers_as_alpha_against_the_oracle(dtype, precise, truths):
    truth = truths(dtype)
    for number in (0.25, 0.5, -0.5):
        some = truth[(truth.alpha == number) & (truth.x <= 85)]
        op = Op(dtype, number=number, precise=precise)
        if number > 0:
            check_any_alpha(op, some, precise, derivatives=["dx"])
        else:
            some = some[np.isfinite(some.value)]
            assert some.conditioned("value", op.value(some.x, 0)).max() < 24


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_superlog_and_superexp_against_the_oracle(dtype, oracle):
    epsilon, rng, report = np.finfo(dtype).eps, np.random.default_rng(5), Report()
    x = np.concatenate(
        [rng.uniform(-30, 85, 300), rng.uniform(-2, 3, 200), np.geomspace(85, 1e5, 50)]
    )
    t = np.concatenate([rng.uniform(-2, 3, 400), [-1, 0, 1, 2]])
    for function, jet, points in (
        (superlog, oracle.slog_jet, x.astype(dtype)),
        (superexp, lambda t: oracle.jet(1, t), t.astype(dtype)),
    ):
        points = tf.constant(points)
        with tf.GradientTape() as tape:
            tape.watch(points)
            y = function(points)
        slopes = tape.gradient(y, points)
        assert y.dtype == slopes.dtype == dtype
        jets = [jet(point) for point in points.numpy().tolist()]
        if function is superlog:
            expected = [tuple(map(float, row)) for row in jets]
        else:
            expected = [tuple(map(float, (j.value, j.dalpha, j.dalphadalpha))) for j in jets]
        value, slope, bend = np.array(expected).T
        # A last bit of slog + 1 is one of eps, and so is one of t + 2.
        scale = epsilon * (1 + np.abs(value) + np.abs(slope * points))
        if function is superexp:
            scale = epsilon * (np.abs(value) + slope)
        report.below(function.__name__, np.abs(y - value) / scale, 16)
        scale = epsilon * (slope + np.abs(bend * points) + np.abs(bend) * (function is superexp))
        report.below(f"{function.__name__}, slope", np.abs(slopes - slope) / scale, 48)
    report.check()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_superlog_and_superexp_are_inverse_and_turn_exp_into_plus_one(dtype):
    epsilon = np.finfo(dtype).eps
    t = tf.constant(np.linspace(-1.5, 2.2, 400), dtype)
    np.testing.assert_allclose(superlog(superexp(t)), t, atol=32 * epsilon)
    x = tf.constant(np.linspace(-5, 80, 400), dtype)
    np.testing.assert_allclose(superlog(tf.exp(x)), superlog(x) + 1, atol=16 * epsilon)
    for a in (-0.25, 0.5):
        x = tf.constant(np.linspace(0, 5, 100), dtype)
        expected = superexp(superlog(x) + a)
        np.testing.assert_allclose(exp_iterate(x, a), expected, rtol=500 * epsilon, atol=epsilon)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("half, bound", [(True, 40), (False, 128)])
def test_twice_half_exp_is_exp(half, bound, dtype):
    check_equation(Op(dtype, half=half), bound)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_iterates_form_a_semigroup(dtype):
    check_semigroup(Op(dtype), 128)


@pytest.mark.slow
def test_with_float64_inside_only_the_last_rounding_of_float32_is_left():
    for half in (False, True):
        check_equation(Op("float32", half=half, precise=True), 1)
    check_semigroup(Op("float32", precise=True), 2)


@pytest.mark.slow
def test_precise_leaves_float64_as_it_is():
    x = _line("float64")
    for half in (False, True):
        plain, precise = (Op(half=half, precise=p).value(x, 0.5) for p in (False, True))
        np.testing.assert_array_equal(precise, plain)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whole_iterates_are_x_exp_and_log(dtype):
    check_whole_iterates(Op(dtype), 2)
    x = np.concatenate([_line(dtype), [-np.inf, np.inf, np.nan, 1e5, 1e30]]).astype(dtype)
    for alpha, function in ((0.0, tf.identity), (1.0, tf.exp), (-1.0, tf.math.log)):
        for op in (Op(dtype), Op(dtype, number=alpha), Op(dtype, number=int(alpha))):
            np.testing.assert_array_equal(op.value(x, alpha), function(x))


def test_alpha_0_keeps_x_where_exp_of_x_is_lost_beside_1():
    x = np.array([-700, -300, -50, -40, 1e10, 1e100])
    np.testing.assert_allclose(Op().value(x, 0.0), x, rtol=1e-13)
    assert Op().value(-300, 1e-100) == pytest.approx(np.log(np.exp(-300) + 1e-100 / float(SLOPE)))


@pytest.mark.slow
def test_derivatives_of_identities():
    check_derivatives_of_identities(Op(second=False))
    op, x = Op(half=True, second=False), np.linspace(-20, 85, 2001)
    first = op.jet(x, 0.5)
    product = op.jet(first.value, 0.5).dx * first.dx
    np.testing.assert_allclose(product, np.exp(x), rtol=1e-12)


# Limits, and what is not a number.


def _grid(dtype):
    """From -1e4 to 1e5, and all neighbours of thresholds."""
    edges = np.array(THRESHOLDS + [float(ZERO)], dtype)
    near = [edges]
    for towards in (-np.inf, np.inf):
        x = edges
        for _ in range(3):
            x = np.nextafter(x, np.array(towards, dtype))
            near.append(x)
    parts = [
        -np.geomspace(1e-6, 1e4, 400),
        np.geomspace(1e-6, 1e5, 400),
        [0.0, -0.0, 1e-30, -1e-30],
    ]
    parts = np.concatenate([np.concatenate(parts).astype(dtype), *near])
    return parts[(parts >= -1e4) & (parts <= 1e5)]


ALPHAS = [-1, -0.5, -0.25, -1e-3, 0, 1e-30, 1e-3, 0.25, 0.5, 0.75, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "dtype, precise", [("float32", False), ("float32", True), ("float64", False)]
)
def test_no_derivative_is_nan_inside_the_domain(dtype, precise, oracle):
    x = _grid(dtype)
    jets = [(0.5, Op(dtype, half=True, precise=precise).jet(x, 0.5))]
    together = Op(dtype, precise=precise).jet(x, np.array(ALPHAS)[:, None])
    jets += [(alpha, Arrays(*parts)) for alpha, *parts in zip(ALPHAS, *together, strict=True)]
    jets += [(a, Op(dtype, number=a, precise=precise).jet(x, 0)) for a in (-0.5, 0.25, 1)]
    for a, jet in jets:
        inside = x > (float(oracle.sexp(-2 - a)) if a < 0 else -np.inf)
        inside &= jet.value > -np.inf  # As far as a last bit of x goes.
        assert inside.mean() > 0.3
        # Elsewhere they may overflow, such as d/dalpha = e^-x / slog'(0) at alpha = 0, x -> -inf.
        moderate = (np.abs(x) > 1e-6) & (x > -80) & (jet.value > -80) & (jet.value < 1e15)
        for name in Arrays._fields:
            derivative = getattr(jet, name)[inside]
            if name == "dxdx":  # NaN near overflow, as documented
                near = jet.value[inside] > np.finfo(dtype).max / 10
                derivative = np.where(near & np.isnan(derivative), 1, derivative)
            assert not np.isnan(derivative).any(), (a, name, x[inside][np.isnan(derivative)][:5])
            assert np.isfinite(derivative[moderate[inside]]).all(), (a, name)
        assert np.all(jet.dx[inside] >= 0) and np.all(jet.dalpha[inside] >= 0)


WAYS = {
    "half": {"half": True},
    "half, precise": {"half": True, "precise": True},
    "tensor": {},
    "tensor, precise": {"precise": True},
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_limits_of_half_exp(dtype, way):
    op, info = Op(dtype, **WAYS[way]), np.finfo(dtype)
    jet = op.jet([-1e4, -np.inf, info.min], 0.5)
    np.testing.assert_allclose(jet.value, float(ZERO), rtol=4 * info.eps)
    assert not jet.dx.any() and not jet.dxdx.any()
    jet = op.jet([np.nan, 1], 0.5)
    for part in (jet.value, jet.dx):
        np.testing.assert_array_equal(np.isnan(part), [True, False])


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_overflow_of_half_exp(dtype, way):
    last, first = (1.1e5, 1.102e5) if dtype == "float32" else (2.92e10, 2.94e10)
    x = [0.9 * last, last, first, 2 * first, 1e3 * first, 1e9 * first, np.finfo(dtype).max, np.inf]
    jet = Op(dtype, **WAYS[way]).jet(x, 0.5)
    np.testing.assert_array_equal(np.isinf(jet.value), [False] * 2 + [True] * 6)
    # Its derivative is smaller, and overflows later, but does not fall before.
    assert np.isfinite(jet.dx[:2]).all() and np.all(jet.dx[1:] >= jet.dx[:-1]), jet.dx
    assert np.all(jet.dx[-2:] == np.inf), jet.dx
    assert np.isfinite(jet.dxdx[:2]).all(), jet.dxdx


@pytest.mark.slow
@pytest.mark.parametrize("half", [False, True])
def test_limits_are_the_same_under_xla(half):
    x = np.concatenate([_grid("float32"), np.float32([-np.inf, np.inf, np.nan, -3e38, 3e38, 1e20])])
    x, alpha = x[:, None], [0.5] if half else np.float32([*ALPHAS, np.nan])
    jets = [Op("float32", half=half, jit=jit, second=half).jet(x, alpha) for jit in (False, True)]
    for name in ("value", "dx", "dalpha"):
        eager, compiled = (getattr(jet, name) for jet in jets)
        # Within a last bit of the domain's edge and of the overflow, either may be first.
        different = np.isfinite(eager) != np.isfinite(compiled)
        assert different.mean() < 0.01, name
        same = ~different & ~np.isfinite(eager)
        np.testing.assert_array_equal(eager[same], compiled[same], err_msg=name)
        near = np.isclose(eager, compiled, rtol=2e-3, atol=1e-6)
        assert np.mean(near | different | same) > 0.99, name


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_limits_of_any_alpha(dtype):
    inf, nan = np.inf, np.nan
    cases = [
        *[(inf, a, inf) for a in (-1, -0.5, 0, 0.5, 1)],
        *[(-inf, -1, nan), (-inf, -0.5, nan), (-inf, 0, -inf), (-inf, 0.5, float(ZERO))],
        *[(-inf, 1, 0)],
        *[(nan, a, nan) for a in (-1, -0.5, 0, 0.5, 1)],
        *[(800, 1, inf), (1e30, 0.75, inf), (0, 1, 1), (0, -1, -inf), (1, -1, 0), (1, 0, 1)],
        *[(-1, -1, nan), (-1e-30, -1, nan), (-0.7, -0.5, nan), (-100, -0.25, nan)],
    ]
    x, alpha, expected = np.array(cases).T
    for op in (Op(dtype), Op(dtype, precise=True)):
        np.testing.assert_allclose(op.value(x, alpha), expected, atol=1e-6)
    for number in np.unique(alpha).tolist():
        some = alpha == number
        value = Op(dtype, number=number).value(x[some], number)
        np.testing.assert_allclose(value, expected[some], atol=1e-6, err_msg=str(number))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("alpha", [0.3, 0.75, 1.0])
def test_slopes_overflow_with_the_values_and_do_not_come_back(alpha, dtype):
    x = np.geomspace(10, np.finfo(dtype).max, 300)
    jet = Op(dtype, second=False).jet(x, alpha)
    assert np.isinf(jet.value[-1]) and np.isfinite(jet.value[0])
    for slope in (jet.dx, jet.dalpha):
        assert np.all(slope[1:] >= slope[:-1]), x[1:][slope[1:] < slope[:-1]][:3]
        assert np.all(slope[-3:] == np.inf)


@pytest.mark.slow
def test_a_symbolic_alpha_outside_its_range_gives_nan():
    call = tf.function(exp_iterate)
    for alpha in (1.01, -1.01, 2, np.inf, -np.inf, np.nan):
        for x in (-np.inf, -1.0, 0.0, 1.0, 100.0, np.inf):
            assert np.isnan(call(tf.constant(x), tf.constant(alpha, tf.float32))), (x, alpha)
    assert float(call(tf.constant(2.0), tf.constant(1.0))) == pytest.approx(np.exp(2))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("alpha", [-1.0, -0.75, -0.5, -0.25])
def test_the_edge_of_the_domain(alpha, dtype, oracle):
    edge = np.array(float(oracle.sexp(-2 - alpha)), dtype)
    size = ulp(edge, dtype) if alpha > -1 else np.finfo(dtype).tiny
    op = Op(dtype)
    below, above = (
        op.value(edge - np.array(16 * size, dtype), alpha),
        op.value(edge + np.array(16 * size, dtype), alpha),
    )
    assert np.isnan(below) and np.isfinite(above) and above < -10


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_limits_of_superlog_and_superexp(dtype):
    x = tf.constant([-np.inf, 0, 1, np.e, np.exp(np.e), np.nan], dtype)
    np.testing.assert_allclose(superlog(x), [-2, -1, 0, 1, 2, np.nan], atol=1e-6)
    t = tf.constant([-3, -2.001, -2, -1, 0, 1, 2, 5, 7.5, np.inf, np.nan], dtype)
    e = np.e
    expected = [np.nan, np.nan, -np.inf, 0, 1, e, e**e, np.inf, np.inf, np.inf, np.nan]
    np.testing.assert_allclose(superexp(t), expected, rtol=1e-5, atol=1e-6)


def check_monotone(function, most, places=(-40.0, -3.0, -0.69602474, -0.3, 0.0, 0.74, 2.0979, 8.0)):
    """Over runs of consecutive float32: never more than `most` ulp below what came before."""
    runs = []
    for place in [*places, np.e, 20.0, 84.99, 340.0, 3459.7, 9e4]:
        start = np.float32(place)
        spacing = np.spacing(max(abs(start), np.float32(1e-3)))
        runs.append(start + np.arange(-3000, 3000, dtype=np.float32) * spacing)
    x = np.concatenate([np.unique(run) for run in runs])
    x = np.unique(x)
    y = function(x)
    y = y[np.isfinite(y)]
    highest = np.maximum.accumulate(y)
    away = np.abs(y) > 0.02
    report = Report()
    report.below("fall, ulp", ((highest - y) / ulp(highest, np.float32))[away], most)
    report.check()


@pytest.mark.slow
def test_half_exp_is_monotone_but_for_last_bits():
    check_monotone(lambda x: half_exp(x).numpy(), 8)
    check_monotone(lambda x: half_exp(x).numpy(), 64, places=(148.4, 200.3, 240.0, 1e3))
    check_monotone(lambda x: half_exp(x, precise=True).numpy(), 0)
    for alpha in (0.25, -0.25, 0.75):
        check_monotone(lambda x, a=alpha: exp_iterate(x, a, precise=True).numpy(), 0)
    with pytest.raises(AssertionError, match="largest and bound"):
        check_monotone(lambda x: half_exp(x).numpy() * (1 - 1e-5 * (x > 20)), 8)


# Shapes, types and ways to call.


SHAPES = [
    ((3, 4), ()),
    ((3, 4), (4,)),
    ((3, 1), (1, 5)),
    ((), (2, 3)),
    ((2, 3, 1), (4,)),
    ((0, 4), (4,)),
]


@pytest.mark.slow
@pytest.mark.parametrize("x_shape, alpha_shape", SHAPES)
def test_broadcasting(x_shape, alpha_shape):
    rng = np.random.default_rng(2)
    x, alpha = rng.uniform(-2, 5, x_shape), rng.uniform(0, 1, alpha_shape)
    weights = rng.normal(size=np.broadcast_shapes(x_shape, alpha_shape))
    x, variable = tf.constant(x), tf.Variable(alpha)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = exp_iterate(x, variable)
    gradients = tape.gradient(y, [x, variable], weights)
    full = Op(second=False).jet(*np.broadcast_arrays(x, alpha))
    np.testing.assert_allclose(y, full.value, rtol=1e-12)
    for gradient, slope, of in zip(gradients, full[1:], (x, variable), strict=False):
        expected = weights * slope
        added = expected.ndim - len(of.shape)
        axes = [*range(added)] + [added + i for i, n in enumerate(of.shape) if n == 1]
        expected = expected.sum(axis=tuple(axes), keepdims=True).reshape(of.shape)
        assert gradient.shape == of.shape
        np.testing.assert_allclose(gradient, expected, rtol=1e-11)


@pytest.mark.slow
def test_alpha_is_learned_from_data():
    x = tf.constant(np.linspace(-1, 3, 50))
    target, alpha = exp_iterate(x, 0.6), tf.Variable(0.1, dtype=tf.float64)
    for _ in range(8):
        with tf.GradientTape() as tape:
            each = tf.broadcast_to(alpha, x.shape)
            tape.watch(each)
            y = exp_iterate(x, each)
        error, slope = y - target, tape.gradient(y, each)
        alpha.assign_sub(tf.reduce_sum(slope * error) / tf.reduce_sum(slope**2))
    assert float(alpha) == pytest.approx(0.6, abs=1e-10)


@pytest.mark.parametrize("alpha", [0.5, np.float32(0.5), np.array(0.5), np.array([0.5]), 1, -1, 0])
def test_alpha_of_any_kind(alpha):
    x = tf.constant([0.5, 2.0, 30.0])
    expected = Op("float32").value(x, np.float32(alpha))
    y = exp_iterate(x, alpha)
    assert y.dtype == "float32"
    np.testing.assert_allclose(y, expected, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_short_types_are_computed_in_float32(dtype):
    x = tf.cast(tf.constant(np.linspace(-5, 60, 500)), dtype)
    t = tf.cast(tf.constant(np.linspace(-1.9, 2.0, 100)), dtype)
    alpha = tf.constant(0.3, dtype)
    for function, points in (
        (half_exp, x),
        (lambda x: exp_iterate(x, 0.25), x),
        (lambda x: exp_iterate(x, tf.cast(alpha, x.dtype)), x),
        (superlog, x),
        (superexp, t),
    ):
        results = []
        for points in (points, tf.cast(points, tf.float32)):  # noqa: B020
            with tf.GradientTape() as tape:
                tape.watch(points)
                y = function(points)
            results.append((y, tape.gradient(y, points)))
        for short, long in zip(*results, strict=True):
            assert short.dtype == dtype
            np.testing.assert_array_equal(
                tf.cast(short, tf.float32), tf.cast(tf.cast(long, dtype), tf.float32)
            )


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_eager_is_a_graph_of_any_batch_is_xla(dtype):
    x = tf.constant(np.linspace(-20, 80, 64), dtype)
    alpha = tf.constant(np.linspace(0, 1, 64), dtype)

    def all_four(x, alpha):
        return half_exp(x), exp_iterate(x, alpha), superlog(x), superexp(alpha)

    eager = all_four(x, alpha)
    unknown = tf.TensorSpec([None], dtype)
    graph = tf.function(all_four, input_signature=[unknown, unknown])(x, alpha)
    compiled = tf.function(all_four, jit_compile=True)(x, alpha)
    for ys in zip(eager, graph, compiled, strict=True):
        assert all(y.shape == x.shape and y.dtype == dtype for y in ys)
        for y in ys[1:]:
            np.testing.assert_allclose(y, ys[0], rtol=3000 * np.finfo(dtype).eps)


@pytest.mark.slow
def test_saved_models_keep_values_and_gradients(tmp_path):
    class Both(tf.Module):
        def __init__(self):
            self.alpha = tf.Variable([0.25, 0.75])

        @tf.function(input_signature=[tf.TensorSpec([None, 2])])
        def __call__(self, x):
            return exp_iterate(x, self.alpha) + half_exp(x)

    module, x = Both(), tf.constant(np.linspace(-3, 20, 12).reshape(6, 2), tf.float32)
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    results = []
    for model in (module, loaded):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x)
        results.append([y, *tape.gradient(y, [x, model.alpha])])
    for before, after in zip(*results, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-6)


BAD = [
    (lambda x: exp_iterate(x, 1.5), r"alpha must be a number in \[-1, 1\], got 1\.5"),
    (lambda x: exp_iterate(x, -2), r"alpha must be a number in \[-1, 1\], got -2"),
    (lambda x: exp_iterate(x, np.float64(1.5)), r"alpha must be .*\[-1, 1\], got .*1\.5"),
    (lambda x: exp_iterate(x, float("nan")), r"alpha must be a number in \[-1, 1\], got nan"),
    (lambda x: exp_iterate(x, True), r"alpha must be .*, got True"),
    (lambda x: exp_iterate(x, "0.5"), r"alpha must be .*, got '0\.5'"),
    (lambda x: exp_iterate(x, tf.constant(1.5)), r"alpha must be in \[-1, 1\], got .*1\.5"),
    (lambda x: exp_iterate(x, tf.constant(0.5, tf.float64)), "alpha must be float32.*float64"),
    (lambda x: exp_iterate(x, None), r"alpha must be .*, got None"),
    (lambda x: exp_iterate(x, tf.constant([0, 1, 0])), r"alpha must be .*int32"),
    (
        lambda x: exp_iterate(x, tf.constant([0.1, 0.2])),
        r"alpha must broadcast with x of shape \(3,\), got shape \(2,\)",
    ),
    (lambda x: exp_iterate(x, 0.5, precise=1), "precise must be True or False, got 1"),
    (lambda x: exp_iterate(x, 0.5, precise=None), "precise must be True or False, got None"),
    (lambda x: half_exp(x, precise="yes"), "precise must be True or False, got 'yes'"),
    (lambda x: exp_iterate(tf.cast(x, tf.int32), 0.5), "x must be of a floating type.*int32"),
    (lambda x: half_exp(tf.cast(x, tf.int64)), "x must be of a floating type.*int64"),
    (lambda x: half_exp([1, 2]), "x must be of a floating type.*int32"),
    (lambda x: half_exp(None), "x must be a tensor of a floating type, got NoneType"),
    (lambda x: exp_iterate(x, [0.1, "a"]), r"alpha must be numbers in \[-1, 1\], got \[0.1, 'a'\]"),
    (lambda x: exp_iterate(x, [0.1, 1.2, 0]), r"alpha must be in \[-1, 1\], got .*1\.2"),
    (lambda x: superlog(tf.cast(x, tf.int32)), "x must be of a floating type.*int32"),
    (lambda x: superexp(tf.cast(x, tf.int32)), "t must be of a floating type.*int32"),
]


@pytest.mark.slow
@pytest.mark.parametrize("call, message", BAD)
def test_bad_input(call, message):
    x = tf.constant([0.5, 1.0, 2.0])
    with pytest.raises(ValueError, match=message):
        call(x)
    with pytest.raises(ValueError, match=message):  # in a graph too
        tf.function(call, autograph=False)(x)
