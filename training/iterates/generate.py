"""Coefficients of fractional iterates, from Kneser's superlogarithm, as the text of a module.

Each function that the op evaluates is interpolated at Chebyshev nodes, to the least degree that
leaves an eighth of a rounding error of float32, respectively float64.
"""

from collections.abc import Callable
from typing import NamedTuple

import mpmath
from mpmath import mp, mpf
from tqdm import tqdm

from training.iterates import kneser

DIGITS = 40
# Of x^p exp(C(log x)), for the function and for its slope: they keep C small for x <= 85.
POWER, SLOPE_POWER = 3, 2
# C is a polynomial of log x from each of these to the next, the last until exp^[1/2](x) overflows:
# longer intervals lose digits at their start, where C is small.
SPLITS = (mpf(1), mpf("5.3"), mpf("11.66"))
LOWEST, HIGHEST = mpf("-0.25"), mpf("0.75")  # slog(u) + 1 of the base interval
# Unit roundoff and log of the largest finite number.
ROUNDOFF = {"float32": mpf(2) ** -24, "float64": mpf(2) ** -53}
LOG_LARGEST = {"float32": mpf(128) * mpmath.log(2), "float64": mpf(1024) * mpmath.log(2)}


class Piece(NamedTuple):
    """A function on an interval, and the size of value whose rounding error it must match."""

    function: Callable[[mpf], mpf]
    low: mpf
    high: mpf
    size: mpf | None = None  # the least absolute value on the interval if None


def half(x: mpf) -> mpf:
    """exp^[1/2](x)."""
    return kneser.exp_iterate(x, mpf(1) / 2)


def half_slope(x: mpf) -> mpf:
    """Its derivative."""
    return kneser.exp_iterate_slope(x, mpf(1) / 2)


def constants() -> dict[str, mpf | tuple[mpf, ...]]:
    """The numbers that the pieces meet at or start from."""
    with mp.workdps(DIGITS):
        return {
            "BASE_LOW": kneser.superexp(LOWEST - 1),
            "BASE_HIGH": kneser.superexp(HIGHEST - 1),
            "NEXT_HIGH": kneser.superexp(HIGHEST),
            "HALF_AT_ZERO": half(mpf(0)),
            "SPLITS": SPLITS[1:],
        }


def pieces(dtype: str) -> dict[str, Piece]:
    """The functions by name: those of any alpha, then those of alpha = 1/2."""
    with mp.workdps(DIGITS):
        known = constants()
        base = (known["BASE_LOW"], known["BASE_HIGH"])
        following = (known["BASE_HIGH"], known["NEXT_HIGH"])
        # Past the end, exp^[1/2](x) is certain to overflow.
        end = kneser.exp_iterate(LOG_LARGEST[dtype] + mpf("0.5"), mpf(-1) / 2)
        start = known["HALF_AT_ZERO"]  # where exp^[1/2] is 1, too

    def log_remainder(y):
        return half(y) - POWER * y

    def log_slope_remainder(y):
        return half(y) + mpmath.log(half_slope(y)) - (1 + SLOPE_POWER) * y

    starts = [split for split in SPLITS if split < end]
    return {
        "SUPERLOG": Piece(lambda u: (kneser.superlog(u) + 1) / u, *base),
        "SUPERLOG_NEXT": Piece(lambda u: kneser.superlog(u) / (u - 1), *following),
        "SUPERLOG_SLOPE": Piece(kneser.superlog_slope, *base),
        "SUPEREXP": Piece(lambda r: kneser.superexp(r - 1) / r, LOWEST, HIGHEST),
        "SUPEREXP_NEXT": Piece(lambda r: (kneser.superexp(r) - 1) / r, LOWEST, HIGHEST),
        "HALF_NEGATIVE": Piece(lambda w: mpmath.log(half(w)) / (w - start), mpf(0), mpf(1)),
        "HALF_MIDDLE": Piece(lambda x: (half(x) - start) / x, mpf(0), +mp.e),
        "HALF_SLOPE_NEGATIVE": Piece(lambda w: half_slope(w) / half(w), mpf(0), mpf(1)),
        "HALF_SLOPE_MIDDLE": Piece(half_slope, mpf(0), +mp.e),
        **{
            f"{name}_{i}": Piece(function, low, high, size=mpf(1))
            for name, function in (
                ("HALF_LARGE", log_remainder),
                ("HALF_SLOPE_LARGE", log_slope_remainder),
            )
            for i, (low, high) in enumerate(zip(starts, [*starts[1:], end], strict=True))
        },
    }


def fit(piece: Piece, roundoff: mpf) -> tuple[mpf, mpf, list[mpf]]:
    """(c, s, [a_0, a_1, ...]): sum_k a_k (s (z - c))^k, to an eighth of the roundoff.

    |s (z - c)| <= 1, so that no power overflows in a derivative; s is a power of two, which
    multiplies without rounding.
    """
    with mp.workdps(DIGITS):
        # A center of few bits, which is the same number in float32.
        center = mpmath.nint(128 * (piece.low + piece.high)) / 256
        radius = max(piece.high - center, center - piece.low)
        count = 44 if roundoff < mpf(2) ** -40 else 24  # more than are kept
        nodes = [mpmath.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]
        values = [piece.function(center + radius * node) for node in nodes]
        series = [
            2 * mpmath.fdot(values, [mpmath.chebyt(k, node) for node in nodes]) / count
            for k in range(count)
        ]
        series[0] /= 2
        size = min(map(abs, values)) if piece.size is None else piece.size
        degree = count - 1
        while sum(map(abs, series[degree:])) < size * roundoff / 8:
            degree -= 1
        if degree > count - 5:
            raise ValueError(f"{count} nodes do not show how many terms the function needs")
        scale = mpf(2) ** -mpmath.ceil(mpmath.log(radius, 2))
        return center, scale, _to_powers(series[: degree + 1], radius * scale)


def _to_powers(series: list[mpf], radius: mpf) -> list[mpf]:
    """Coefficients of T_k(z / radius) -> coefficients of z^k."""
    last, current = [mpf(1)], [mpf(0), mpf(1)]
    powers = [mpf(0)] * len(series)
    for factor in series:
        for k, value in enumerate(last):
            powers[k] += factor * value
        following = [mpf(0), *(2 * value for value in current)]
        for k, value in enumerate(last):
            following[k] -= value
        last, current = current, following
    return [value / radius**k for k, value in enumerate(powers)]


def _number(value: mpf | tuple[mpf, ...]) -> str:
    return repr(tuple(map(float, value)) if isinstance(value, tuple) else float(value))


def generate() -> str:
    """The text of the module of coefficients."""
    lines = [f"{name} = {_number(value)}" for name, value in constants().items()]
    lines += ["", "# dtype -> name -> (c, s, (a_0, a_1, ...)), for sum_k a_k (s (z - c))^k."]
    lines.append("PIECES = {")
    ends = {}
    for dtype, roundoff in ROUNDOFF.items():
        lines.append(f'    "{dtype}": {{')
        for name, piece in tqdm(pieces(dtype).items(), desc=dtype, unit="piece"):
            center, scale, powers = fit(piece, roundoff)
            lines += [f'        "{name}": (', f"            {float(center)!r},"]
            lines += [f"            {float(scale)!r},", "            ("]
            lines += [f"                {float(value)!r}," for value in powers]
            lines += ["            ),", "        ),"]
        lines.append("    },")
        ends[dtype] = piece.high
    lines += ["}", "", "# The largest log x of the polynomials: there exp^[1/2](x) has overflowed."]
    lines += ["END = {", *(f'    "{dtype}": {float(end)!r},' for dtype, end in ends.items()), "}"]
    title = '"""Polynomials of exp^[alpha], made by `python -m training.iterates`."""'
    return "\n".join([title, "", *lines, ""])
