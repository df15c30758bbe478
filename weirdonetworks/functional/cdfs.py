"""Activations made of a distribution: antiderivatives of its CDF, and its CDF as a gate."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from weirdonetworks import _checks

Map = Callable[[tf.Tensor], tf.Tensor]


def gated(gate: Map, x: tf.Tensor) -> tf.Tensor:
    """x gate(x)."""
    x = _checks.floating("x", x)
    return x * gate(x)


def _ramp(cdf: Map) -> Callable[[Map], Map]:
    """Gives an antiderivative of cdf what autodiff would find with other roundings: cdf."""

    def decorate(value: Map) -> Map:
        @tf.custom_gradient
        def with_gradient(x):
            return value(x), lambda upstream: upstream * cdf(x)

        @functools.wraps(value)
        def ramp(x):
            return with_gradient(_checks.floating("x", x))

        return ramp

    return decorate


def cdf_normal(x: tf.Tensor) -> tf.Tensor:
    """Phi(x) = erfc(-x / sqrt(2)) / 2, without cancellation on the left."""
    x = tf.convert_to_tensor(x)
    return 0.5 * tf.math.erfc(x * tf.constant(-math.sqrt(0.5), x.dtype))


@_ramp(cdf_normal)
def ramp_normal(x: tf.Tensor) -> tf.Tensor:
    """x Phi(x) + phi(x), with the normal density phi.

    Left of -4, where the two cancel, phi(x) K / (t + K) with t = -x and the continued fraction
    K = 1 / (t + 2 / (t + 3 / ...)) of Mills' ratio Phi(x) / phi(x) = 1 / (t + K), all positive.
    """
    density = tf.exp(-0.5 * tf.square(x)) * tf.constant(1 / math.sqrt(2 * math.pi), x.dtype)
    t = tf.maximum(-x, 4)
    k = tf.zeros_like(x)
    for i in range(32 if x.dtype == tf.float64 else 12, 0, -1):
        k = i / (t + k)
    return tf.where(x < -4, density * k / (t + k), x * cdf_normal(x) + density)


@_ramp(tf.sigmoid)
def ramp_logistic(x: tf.Tensor) -> tf.Tensor:
    """log(1 + e^x), the softplus."""
    return tf.nn.softplus(x)


def cdf_cauchy(x: tf.Tensor) -> tf.Tensor:
    """1 / 2 + atan(x) / pi, as an angle that is not cancelled on the left."""
    x = tf.convert_to_tensor(x)
    return tf.atan2(tf.ones_like(x), -x) / math.pi


@_ramp(cdf_cauchy)
def ramp_cauchy(x: tf.Tensor) -> tf.Tensor:
    """x cdf(x) - log(1 + x^2) / (2 pi), 0 at 0: the tail is so heavy that the integral from -inf
    diverges, and the ramp falls to -inf, as -log|x| / pi."""
    return x * cdf_cauchy(x) - tf.math.log1p(tf.square(x)) / (2 * math.pi)


def cdf_uniform(x: tf.Tensor) -> tf.Tensor:
    """(1 + x) / 2 on [-1, 1], 0 and 1 outside."""
    return 0.5 + 0.5 * tf.clip_by_value(x, -1, 1)


@_ramp(cdf_uniform)
def ramp_uniform(x: tf.Tensor) -> tf.Tensor:
    """(1 + x)^2 / 4 on [-1, 1], 0 and x outside: a ramp that is quadratic where it turns."""
    return tf.square(cdf_uniform(x)) + tf.nn.relu(x - 1)


def cdf_laplace(x: tf.Tensor) -> tf.Tensor:
    """e^x / 2 for x < 0, 1 - e^-x / 2 for x >= 0."""
    x = tf.convert_to_tensor(x)
    return tf.where(x < 0, 0.5 * tf.exp(tf.minimum(x, 0)), 1 - 0.5 * tf.exp(-tf.maximum(x, 0)))


@_ramp(cdf_laplace)
def ramp_laplace(x: tf.Tensor) -> tf.Tensor:
    """max(x, 0) + e^-|x| / 2."""
    return tf.nn.relu(x) + 0.5 * tf.exp(-tf.abs(x))


def cdf_student_t2(x: tf.Tensor) -> tf.Tensor:
    """(1 + x / sqrt(x^2 + 2)) / 2, Student's t with two degrees of freedom."""
    x = tf.convert_to_tensor(x)
    root = tf.sqrt(tf.square(x) + 2)
    # Of the factors of (root + x) (root - x) = 2, one is never cancelled.
    return tf.where(x < 0, 1 / (root * (root + tf.abs(x))), 0.5 + 0.5 * x / root)


@_ramp(cdf_student_t2)
def ramp_student_t2(x: tf.Tensor) -> tf.Tensor:
    """(x + sqrt(x^2 + 2)) / 2, the squareplus (Barron 2021, "Squareplus: a softplus-like algebraic
    rectifier", with b = 2)."""
    root = tf.sqrt(tf.square(x) + 2)
    return tf.where(x < 0, 1 / (root + tf.abs(x)), 0.5 * (root + x))


class Distribution(NamedTuple):
    """A cumulative distribution function, and an antiderivative of it."""

    cdf: Map
    ramp: Map


DISTRIBUTIONS: dict[str, Distribution] = {
    "logistic": Distribution(tf.sigmoid, ramp_logistic),
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

    Accurate in the far tails as well: relative 1e-14 in float64, but for the rounding of x^2 / 2 in
    exp(-x^2 / 2) (normal). The derivative is the CDF itself, which autodiff differentiates further.

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
    return functools.partial(gated, _get(distribution).cdf)


def _get(distribution: str) -> Distribution:
    _checks.choice("distribution", distribution, DISTRIBUTIONS)
    return DISTRIBUTIONS[distribution]
