"""Activations made of a distribution: antiderivatives of its CDF, and its CDF as a gate."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional._precision import root_of_largest, widened

Map = Callable[[tf.Tensor], tf.Tensor]


def gated(gate: Map, x: tf.Tensor) -> tf.Tensor:
    """x gate(x)."""
    x = _tensor_checks.floating("x", x)
    return x * same_shape(gate, x)


def same_shape(function: Map, x: tf.Tensor) -> tf.Tensor:
    """function(x), which must have the type and the shape of x: others would be broadcast."""
    y = _tensor_checks.floating("f(x)", function(x))
    if y.dtype != x.dtype:
        raise ValueError(f"f(x) must be {x.dtype.name} as x, got {y.dtype.name}")
    if not y.shape.is_compatible_with(x.shape):
        raise ValueError(
            f"activation must keep the shape of its inputs, got {x.shape} -> {y.shape}"
        )
    return y


def _wide(function: Map) -> Map:
    """Takes floating tensors only, and half precision to single."""

    @functools.wraps(function)
    def checked(x):
        x = _tensor_checks.floating("x", x)
        return tf.cast(function(widened(x)), x.dtype)

    return checked


def _ramp(cdf: Map) -> Callable[[Map], Map]:
    """Gives an antiderivative of cdf what autodiff would find with other roundings: cdf."""

    def decorate(value: Map) -> Map:
        @tf.custom_gradient
        def with_gradient(x):
            return value(x), lambda upstream: upstream * cdf(x)

        @functools.wraps(value)
        def ramp(x):
            return with_gradient(x)

        return _wide(ramp)

    return decorate


@_wide
def cdf_logistic(x: tf.Tensor) -> tf.Tensor:
    """1 / (1 + e^-x), the sigmoid."""
    return tf.sigmoid(x)


@_wide
def cdf_normal(x: tf.Tensor) -> tf.Tensor:
    """Phi(x) = erfc(-x / sqrt(2)) / 2, without cancellation on the left."""
    return 0.5 * tf.math.erfc(x * tf.constant(-math.sqrt(0.5), x.dtype))


def gelu(x: tf.Tensor) -> tf.Tensor:
    """x Phi(x) with the normal CDF Phi (Hendrycks and Gimpel 2016, "GELUs").

    As x (1 + erf(x / sqrt(2))) / 2, to a few roundings of x, that is: on the left, where 1 + erf
    cancels, digits are lost (the third at -4.5 in float32), and left of -5.6 all of them.
    `cdf_gate("normal")` keeps them all.
    """
    x = _tensor_checks.floating("x", x)
    # Not tf.nn.gelu: that has the root of two in single precision, whatever x has. Not erfc: what
    # is measured of the networks, is with this.
    z = x / tf.constant(math.sqrt(2), x.dtype)
    if x.dtype != tf.float32:
        # Further out erf is +-1, but TensorFlow's overflows in double precision, and its slope
        # times x in half. In float32 this is left as it is: TFLite knows erf by this formula only.
        z = tf.clip_by_value(z, -27, 27)
    return 0.5 * x * (1 + tf.math.erf(z))


@_ramp(cdf_normal)
def ramp_normal(x: tf.Tensor) -> tf.Tensor:
    """x Phi(x) + phi(x), with the normal density phi.

    Left of -4, where the two cancel, phi(x) K / (t + K) with t = -x and the continued fraction
    K = 1 / (t + 2 / (t + 3 / ...)) of Mills' ratio Phi(x) / phi(x) = 1 / (t + K), all positive.
    Claims and source: see `cdf_ramp`.
    """
    density = tf.exp(-0.5 * tf.square(x)) * tf.constant(1 / math.sqrt(2 * math.pi), x.dtype)
    t = tf.maximum(-x, 4)
    k = tf.zeros_like(x)
    for i in range(32 if x.dtype == tf.float64 else 12, 0, -1):
        k = i / (t + k)
    return tf.where(x < -4, density * k / (t + k), x * cdf_normal(x) + density)


@_ramp(cdf_logistic)
def ramp_logistic(x: tf.Tensor) -> tf.Tensor:
    """log(1 + e^x), the softplus: see `cdf_ramp` for claims and source."""
    return tf.nn.softplus(x)


@_wide
def cdf_cauchy(x: tf.Tensor) -> tf.Tensor:
    """1 / 2 + atan(x) / pi, as an angle that is not cancelled on the left."""
    return tf.atan2(tf.ones_like(x), -x) / math.pi


@_ramp(cdf_cauchy)
def ramp_cauchy(x: tf.Tensor) -> tf.Tensor:
    """x cdf(x) - log(1 + x^2) / (2 pi), 0 at 0: the tail is so heavy that the integral from -inf
    diverges, and the ramp falls to -inf, as -log|x| / pi. Source: see `cdf_ramp`."""
    limit = root_of_largest(x.dtype)
    size = tf.abs(x)
    # log(1 + x^2), by its own asymptote where x^2 overflows; there x cdf(x) has come to -1 / pi.
    logarithm = tf.math.log1p(tf.square(tf.minimum(size, limit)))
    logarithm += 2 * tf.math.log(tf.maximum(size / limit, 1))
    x = tf.maximum(x, -limit)
    return x * cdf_cauchy(x) - logarithm / (2 * math.pi)


@_wide
def cdf_uniform(x: tf.Tensor) -> tf.Tensor:
    """(1 + x) / 2 on [-1, 1], 0 and 1 outside."""
    return 0.5 + 0.5 * tf.clip_by_value(x, -1, 1)


@_ramp(cdf_uniform)
def ramp_uniform(x: tf.Tensor) -> tf.Tensor:
    """(1 + x)^2 / 4 on [-1, 1], 0 and x outside: a ramp that is quadratic where it turns.

    Claims and source: see `cdf_ramp`.
    """
    return tf.square(cdf_uniform(x)) + tf.nn.relu(x - 1)


@_wide
def cdf_laplace(x: tf.Tensor) -> tf.Tensor:
    """e^x / 2 for x < 0, 1 - e^-x / 2 for x >= 0."""
    return tf.where(x < 0, 0.5 * tf.exp(tf.minimum(x, 0)), 1 - 0.5 * tf.exp(-tf.maximum(x, 0)))


@_ramp(cdf_laplace)
def ramp_laplace(x: tf.Tensor) -> tf.Tensor:
    """max(x, 0) + e^-|x| / 2: see `cdf_ramp` for claims and source."""
    return tf.nn.relu(x) + 0.5 * tf.exp(-tf.abs(x))


@_wide
def cdf_student_t2(x: tf.Tensor) -> tf.Tensor:
    """(1 + x / sqrt(x^2 + 2)) / 2, Student's t with two degrees of freedom."""
    limit = root_of_largest(x.dtype)
    x = tf.clip_by_value(x, -limit, limit)  # further out it is 0 and 1
    root = tf.sqrt(tf.square(x) + 2)
    # Of the factors of (root + x) (root - x) = 2, one is never cancelled.
    return tf.where(x < 0, 1 / (root * (root + tf.abs(x))), 0.5 + 0.5 * x / root)


@_ramp(cdf_student_t2)
def ramp_student_t2(x: tf.Tensor) -> tf.Tensor:
    """(x + sqrt(x^2 + 2)) / 2, the squareplus (Barron 2021, "Squareplus: a softplus-like algebraic
    rectifier", with b = 2)."""
    limit, size = root_of_largest(x.dtype), tf.abs(x)
    root = tf.maximum(tf.sqrt(tf.square(tf.minimum(size, limit)) + 2), size)
    return tf.where(x < 0, 1 / (root + size), 0.5 * root + 0.5 * x)


class Distribution(NamedTuple):
    """A cumulative distribution function, and an antiderivative of it."""

    cdf: Map
    ramp: Map


DISTRIBUTIONS: dict[str, Distribution] = {
    "logistic": Distribution(cdf_logistic, ramp_logistic),
    "normal": Distribution(cdf_normal, ramp_normal),
    "cauchy": Distribution(cdf_cauchy, ramp_cauchy),
    "uniform": Distribution(cdf_uniform, ramp_uniform),
    "laplace": Distribution(cdf_laplace, ramp_laplace),
    "student_t2": Distribution(cdf_student_t2, ramp_student_t2),
}


def cdf_ramp(distribution: str) -> Map:
    """The antiderivative of a CDF: a smooth ramp, E max(x - Z, 0) for Z of that distribution.

    Convex, increasing, with slopes from 0 to 1, so 1-Lipschitz; x - E Z on the far right, 0 on the
    far left: logistic -> softplus, normal -> x Phi(x) + phi(x), uniform (on [-1, 1]) -> a quadratic
    ramp, laplace, student_t2 -> squareplus. Cauchy's has no such limits, as its integral from -inf
    diverges: there the ramp is 0 at 0. Distributions are the standard ones, see `DISTRIBUTIONS`.

    Accurate in the far tails as well, for all finite numbers: relative 1e-14 in float64, that of
    the normal 1e-13 and, left of -8, the rounding of x^2 / 2 in exp(-x^2 / 2). The derivative is
    the CDF itself, which autodiff differentiates further. Half precision is computed in single.

    Source: Glorot, Bordes and Bengio 2011, "Deep sparse rectifier neural networks", for the
    softplus; the others by the same rule.

    Raises:
      ValueError: an unknown distribution; the message lists the known ones.
    """
    return _get(distribution).ramp


def cdf_gate(distribution: str) -> Map:
    """x CDF(x), a unit times the probability that it exceeds a draw: E x 1[Z <= x].

    normal -> the GELU, logistic -> the SiLU, uniform -> x (1 + x) / 2 between 0 and x, ...

    Source: Hendrycks and Gimpel 2016, "Gaussian error linear units (GELUs)", which names the
    logistic and other CDFs as alternatives.

    Raises:
      ValueError: an unknown distribution; the message lists the known ones.
    """
    gate = functools.partial(gated, _get(distribution).cdf)
    gate.__doc__ = f"x CDF(x), {distribution}: see `cdf_gate` for claim and source."
    return gate


def _get(distribution: str) -> Distribution:
    _checks.choice("distribution", distribution, DISTRIBUTIONS)
    return DISTRIBUTIONS[distribution]
