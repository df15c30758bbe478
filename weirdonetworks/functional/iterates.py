"""Fractional iterates of exp: exp^[alpha](x), from the identity (0) to exp (1) and log (-1)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional import _kneser_coefficients as kneser

# Logarithms that lead any number of float64 below these, and exponentials that lead from the base
# interval to infinity.
_MOST_LOGARITHMS = {kneser.BASE_HIGH: 4, kneser.NEXT_HIGH: 3}
_MOST_EXPONENTIALS = 5


def exp_iterate(x: tf.Tensor, alpha: Any, precise: bool = False) -> tf.Tensor:
    """exp^[alpha](x), the alpha-th iterate of exp: exp^[a](exp^[b](x)) = exp^[a + b](x).

    exp^[1] = exp, exp^[0](x) = x, exp^[-1] = log, and in between Kneser's solution,

        exp^[alpha](x) = sexp(slog(x) + alpha)

    with `superexp` and `superlog`. (Semigroup and smoothness leave a periodic function free;
    Kneser's is analytic, and regular at the complex fixed point of exp.)

    Args:
      x: a floating tensor. For alpha >= 0, any real numbers; for alpha < 0 those above
        sexp(-2 - alpha), such as -0.696 for -1/2: -inf there, NaN below. NaN stays NaN; inf gives
        inf; -inf gives the limit sexp(alpha - 2), -inf for alpha <= 0.
      alpha: a number in [-1, 1], or a tensor or variable of them, of x's type, that broadcasts
        with x. The numbers 0, 1, -1 and 1/2 are x, tf.exp, tf.math.log and `half_exp` themselves;
        tensors give exactly those for 0, 1, -1, too.
      precise: computes in float64, for float32 within 0.51 ulp, at a fifth of the speed or less;
        float64 stays as it is. float16 and bfloat16 are computed in float32.

    Derivatives of any order in x and alpha, through

        d/dx = slog'(x) / slog'(y),   d/dalpha = 1 / slog'(y),   y = exp^[alpha](x).

    Errors for 0 <= alpha <= 1/2, x in [-50, 85], against 24 digits, where |y| > 0.02: in float64
    80 ulp under XLA, 110 in eager mode, whose exp and log are rounder; in float32 a relative 1.2e-5
    in both. Up to 1,500 ulp for alpha near 1 and x near 85, where y = exp(exp(...)) magnifies every
    rounding. Branch-free; derivatives in eager mode, `tf.function`, XLA and a SavedModel alike. But
    tapes that are nested for higher ones must all be inside a `tf.function`, or all of it eager.
    Second derivatives can be NaN where y is within a factor of 10 of overflow, or x is NaN.

    Sources: Kneser 1950, "Reelle analytische Loesungen der Gleichung phi(phi(x)) = e^x und
    verwandter Funktionalgleichungen". The polynomials are ours, by `training/iterates/kneser.py`.

    Raises:
      ValueError: x is not floating, alpha is not a number in [-1, 1] or not of x's type, the shapes
        do not broadcast. Values of a symbolic tensor, such as a variable inside `tf.function`,
        cannot be checked: outside [-1, 1] they give NaN. NaN in a tensor stays NaN.
    """
    x = _tensor_checks.floating("x", x)
    _checks.flag("precise", precise)
    alpha = _alpha(alpha, x)
    if isinstance(alpha, float):
        if alpha == 0:
            return tf.identity(x)
        if alpha == 0.5:
            return half_exp(x, precise)
        if abs(alpha) == 1:
            return _in_dtype(tf.exp if alpha == 1 else tf.math.log, precise, x)
        return _in_dtype(_exp_iterate, precise, x, tf.constant(alpha, tf.float64))
    try:
        tf.broadcast_static_shape(x.shape, alpha.shape)
    except ValueError:
        raise ValueError(
            f"alpha must broadcast with x of shape {x.shape}, got shape {alpha.shape}"
        ) from None
    return _in_dtype(_exp_iterate, precise, x, alpha)


def half_exp(x: tf.Tensor, precise: bool = False) -> tf.Tensor:
    """f(x) = exp^[1/2](x), f(f(x)) = e^x: between the identity and exp, as `exp_iterate` but fast.

    Entire line -> (-0.696, inf), increasing; f(-0.696) = 0, f(0) = 0.49856; growth above every
    polynomial and below every exponential; overflow at x = 1.1e5 in float32, 2.9e10 in float64.

    Three regions, one log and one exp, with polynomials A, B, C:

        log f(e^x) = (e^x - f(0)) A(e^x)  for x < 0,
        f(0) + x B(x)                     for 0 <= x <= e,
        x^3 exp(C(log x))                 for x > e, where C(y) = f(y) - 3 y.

    The power keeps the exponent small: exp(f(log x)) would be four times less accurate.

    Errors against 24 digits: on [0, e] 4 ulp in float32, on [e, 85] 16 ulp, in float64 16 ulp on
    both; for x < 0, where f crosses zero, an absolute 1.2e-7, respectively 4e-16. Gradients: a
    relative 1.5e-6, respectively 1e-13. From one float32 to the next, rounding may make it fall by
    up to 8 ulp, for x > 85 by 64; with `precise` it never falls. `precise` as in `exp_iterate`.

    Raises ValueError if x is not floating.

    >>> half_exp(half_exp(tf.constant(1.0))).numpy().round(5)
    np.float32(2.71828)
    """
    x = _tensor_checks.floating("x", x)
    return _in_dtype(_half_exp, _checks.flag("precise", precise), x)


def half_exp_of_negative(x: tf.Tensor) -> tf.Tensor:
    """`half_exp` of what is known to be <= 0, to a rounding: one exp and one of its polynomials.

    For x > 0 it is wrong. Raises ValueError if x is not floating.
    """
    return _in_dtype(_half_exp_of_negative, False, _tensor_checks.floating("x", x))


def superlog(x: tf.Tensor) -> tf.Tensor:
    """slog(x), how many times exp leads from 1 to x: slog(e^x) = slog(x) + 1, slog(1) = 0.

    Kneser's superlogarithm: the real line -> (-2, inf), with slog(0) = -1, and -2 at -inf. Inverse
    of `superexp`; 3.65 at most in float64, so that many x have the same slog. Derivatives of any
    order. Raises ValueError if x is not floating.
    """
    return _in_dtype(_superlog, False, _tensor_checks.floating("x", x))


def superexp(t: tf.Tensor) -> tf.Tensor:
    """sexp(t), 1 after t-fold exp, "e to itself t times": sexp(t + 1) = e^sexp(t), sexp(0) = 1.

    Kneser's tetration for t > -2: sexp(-1) = 0, -inf at -2, NaN below; overflow at t = 3.40 in
    float32 and 3.64 in float64. Inverse of `superlog`. Derivatives of any order. Raises ValueError
    if t is not floating.
    """
    return _in_dtype(_superexp, False, _tensor_checks.floating("t", t))


def _alpha(alpha: Any, x: tf.Tensor) -> float | tf.Tensor:
    """alpha as a checked Python number, or as a tensor of x's type."""
    if isinstance(alpha, (np.ndarray, list, tuple)):
        try:
            if np.iscomplexobj(alpha):
                raise TypeError
            alpha = tf.constant(alpha, x.dtype)
        except (TypeError, ValueError):
            raise ValueError(
                f"alpha must be numbers in [-1, 1], got {_checks.received(alpha)}"
            ) from None
    if not tf.is_tensor(alpha):  # neither a tensor nor a variable
        return _checks.number("alpha", alpha, -1, 1)
    alpha = tf.convert_to_tensor(alpha)
    if alpha.dtype != x.dtype:
        raise ValueError(
            f"alpha must be {x.dtype.name} as x is, got {alpha.dtype.name} (tf.cast it)"
        )
    value = tf.get_static_value(alpha)
    if value is not None and not np.all(~(np.abs(value.astype(np.float64)) > 1)):
        raise ValueError(f"alpha must be in [-1, 1], got {_checks.received(value)}")
    return alpha


def _in_dtype(function: Callable[..., tf.Tensor], precise: bool, *args: tf.Tensor) -> tf.Tensor:
    """function(*args) of one shape, in the type to compute in, as the type of the first."""
    dtype = args[0].dtype
    inner = tf.float64 if precise or dtype == tf.float64 else tf.float32
    args = [tf.cast(arg, inner) for arg in args]
    if len(args) == 2:  # outside the custom gradient, which then need not sum over the shapes
        shape = tf.shape(args[0] + args[1])  # ONNX has no tf.broadcast_dynamic_shape
        args = [tf.broadcast_to(arg, shape) for arg in args]
    return tf.cast(function(*args), dtype)


def _polynomial(name: str, z: tf.Tensor) -> tf.Tensor:
    # Even and odd powers apart: two short chains of dependent steps, in place of a long one.
    center, scale, coefficients = kneser.PIECES[z.dtype.name][name]
    z = (z - center) * scale
    square = z * z
    halves = []
    for half in (coefficients[0::2], coefficients[1::2]):
        total = half[-1]
        for coefficient in half[-2::-1]:
            total = total * square + coefficient
        halves.append(total)
    even, odd = halves
    return even + z * odd


# Branches that `tf.where` does not take are fed harmless numbers: for ONNX a choice is converted to
# a sum with factors 0 and 1, and in derivatives, too, 0 times infinity would be NaN.


def _to_base(x: tf.Tensor, high: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """(u, n, e): slog(x) = slog(u) + n with u in [BASE_LOW, high], slog'(x) = slog'(u) exp(e)."""
    x = tf.clip_by_value(x, x.dtype.min, x.dtype.max)
    zeros = tf.zeros_like(x)
    below = x < kneser.BASE_LOW
    u = tf.where(below, tf.exp(tf.where(below, x, zeros)), x)
    n = tf.where(below, zeros - 1, zeros)
    e = tf.where(below, x, zeros)
    for _ in range(_MOST_LOGARITHMS[high]):
        above = u > high
        logarithm = tf.math.log(tf.where(above, u, zeros + 1))
        u = tf.where(above, logarithm, u)
        n = tf.where(above, n + 1, n)
        e = tf.where(above, e - logarithm, e)
    return u, n, e


def _count(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(s, n): slog(x) + 1 = s + n with s in [-1/4, 3/4], as exact as its numbers."""
    u, n, _ = _to_base(x, kneser.NEXT_HIGH)
    # The polynomials vanish with s: for very negative x, where u = e^x, nothing of u is lost
    # beside a 1; and another logarithm is saved above the base interval, with its rounding.
    further = u > kneser.BASE_HIGH
    s = tf.where(further, (u - 1) * _polynomial("SUPERLOG_NEXT", u), u * _polynomial("SUPERLOG", u))
    return s, tf.where(further, n + 1, n)


def _where(
    condition: tf.Tensor, function: Callable, x: tf.Tensor, harmless: float, otherwise: tf.Tensor
) -> tf.Tensor:
    """function(x) where the condition holds; elsewhere it is given what is harmless."""
    taken = function(tf.where(condition, x, tf.constant(harmless, x.dtype)))
    return tf.where(condition, taken, otherwise)


def _count_back(r: tf.Tensor, n: tf.Tensor) -> tf.Tensor:
    """sexp(r - 1 + n) for whole n >= -1 and r in [-1/4, 3/4]; NaN for n < -1, out of reach."""
    y = tf.where(n > 0, 1 + r * _polynomial("SUPEREXP_NEXT", r), r * _polynomial("SUPEREXP", r))
    for k in range(1, _MOST_EXPONENTIALS):
        y = _where(n > k, tf.exp, y, 0, y)
    y = _where(n < 0, tf.math.log, y, 1, y)
    return tf.where(n < -1, tf.constant(np.nan, y.dtype), y)


def _superlog_slope(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(d, e) with slog'(x) = d exp(e): d is about 1, and exp(e) alone may over- or underflow."""
    u, _, e = _to_base(x, kneser.BASE_HIGH)
    return _polynomial("SUPERLOG_SLOPE", u), e


@tf.custom_gradient
def _superlog(x):
    def gradient(upstream):
        d, e = _superlog_slope(x)
        return upstream * d * tf.exp(e)

    s, n = _count(x)
    return tf.where(x == np.inf, x, s + (n - 1)), gradient


@tf.custom_gradient
def _superexp(t):
    def gradient(upstream):
        d, e = _superlog_slope(_superexp(t))
        return upstream * tf.exp(-e) / d

    bounded = tf.clip_by_value(t, -4.0, 6.0)
    n = tf.floor(bounded + 1.25)
    r = (bounded - n) + 1
    y = _count_back(r, n)
    return tf.where(tf.math.is_nan(t), t, y), gradient


@tf.custom_gradient
def _exp_iterate(x, alpha):
    def gradient(upstream):
        y = _exp_iterate(x, alpha)
        d_x, e_x = _superlog_slope(x)
        d_y, e_y = _superlog_slope(y)
        infinite = tf.where(alpha > 0, y, tf.where(alpha < 0, tf.zeros_like(y), tf.ones_like(y)))
        dx = tf.where(y == np.inf, infinite, d_x / d_y * tf.exp(e_x - e_y))
        dalpha = tf.where(y == np.inf, y, tf.exp(-e_y) / d_y)
        return upstream * dx, upstream * dalpha

    s, n = _count(x)
    m = tf.floor(s + alpha + 0.25)
    r = (alpha - m) + s  # in this order, small alpha and s keep their digits beside m
    y = _count_back(r, n + m)
    y = tf.where(x == np.inf, x, y)
    y = tf.where(alpha == 0, x, y)
    y = _where(alpha == 1, tf.exp, x, 0, y)
    y = _where(alpha == -1, tf.math.log, x, 1, y)
    return tf.where((tf.abs(alpha) <= 1) & (x == x), y, tf.constant(np.nan, x.dtype)), gradient


@tf.custom_gradient
def _half_exp(x):
    def gradient(upstream):
        return upstream * _half_exp_slope(x)

    exponential, large = _half_exponential("HALF_LARGE", x)
    start = kneser.HALF_AT_ZERO
    small = tf.minimum(exponential, 1.0)
    y = tf.where(
        x < 0,
        (small - start) * _polynomial("HALF_NEGATIVE", small),
        start + x * _polynomial("HALF_MIDDLE", tf.clip_by_value(x, 0.0, np.e)),
    )
    return tf.where(x > np.e, large * large * large * exponential, y), gradient


@tf.custom_gradient
def _half_exp_of_negative(x):
    def gradient(upstream):
        exponential = tf.exp(x)
        return upstream * exponential * _polynomial("HALF_SLOPE_NEGATIVE", exponential)

    exponential = tf.exp(x)
    return (exponential - kneser.HALF_AT_ZERO) * _polynomial("HALF_NEGATIVE", exponential), gradient


def _half_exp_slope(x: tf.Tensor) -> tf.Tensor:
    """f'(x): e^x A(e^x) for x < 0, B(x) for 0 <= x <= e, x^2 exp(C(log x)) for x > e."""
    exponential, large = _half_exponential("HALF_SLOPE_LARGE", x)
    slope = tf.where(
        x < 0,
        exponential * _polynomial("HALF_SLOPE_NEGATIVE", tf.minimum(exponential, 1.0)),
        _polynomial("HALF_SLOPE_MIDDLE", tf.clip_by_value(x, 0.0, np.e)),
    )
    return tf.where(x > np.e, large * large * exponential, slope)


def _half_exponential(name: str, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(exp(C(log x)), x) for x > e, (e^x, e) below: the one exp and the one log of `half_exp`."""
    large = tf.maximum(x, np.e)
    end = kneser.END[x.dtype.name]
    log_x = tf.minimum(tf.math.log(large), end)
    c = _polynomial(f"{name}_0", log_x)
    for i, split in enumerate(kneser.SPLITS, start=1):
        if split < end:
            c = tf.where(log_x < split, c, _polynomial(f"{name}_{i}", log_x))
    return tf.exp(tf.where(x > np.e, c, tf.minimum(x, np.e))), large
