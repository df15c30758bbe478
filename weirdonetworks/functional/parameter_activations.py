"""Activations of parameters, A = phi(W), for layers y = phi(W) x."""

import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from weirdonetworks import _checks

Map = Callable[[tf.Tensor], tf.Tensor]


class ParameterActivation(NamedTuple):
    """A map phi from parameters W to effective weights A = phi(W).

    Gradient descent on W moves A by phi'(W)^2 times its gradient, so phi is a choice of geometry;
    that is why phi' is given as a function of A: `derivative(A)` = phi'(phi^-1(A)).

    Attributes:
      forward: phi.
      inverse: a right inverse, phi(inverse(A)) = A for A in the range.
      derivative: phi' in terms of A.
      lower: the range is (lower, inf); -inf where every real (but perhaps 0) is reached.
    """

    forward: Map
    inverse: Map
    derivative: Map
    lower: float


def _cube_root(a: tf.Tensor) -> tf.Tensor:
    return tf.sign(a) * tf.abs(a) ** (1 / 3)


def _softplus_inverse(a: tf.Tensor) -> tf.Tensor:
    return a + tf.math.log(-tf.math.expm1(-a))


PARAMETER_ACTIVATIONS: dict[str, ParameterActivation] = {
    "identity": ParameterActivation(tf.identity, tf.identity, tf.ones_like, -float("inf")),
    "exp": ParameterActivation(tf.exp, tf.math.log, tf.identity, 0.0),
    "square": ParameterActivation(tf.square, tf.sqrt, lambda a: 2 * tf.sqrt(a), 0.0),
    "log": ParameterActivation(tf.math.log, tf.exp, lambda a: tf.exp(-a), -float("inf")),
    "reciprocal": ParameterActivation(
        tf.math.reciprocal, tf.math.reciprocal, lambda a: -tf.square(a), -float("inf")
    ),
    "exp_exp": ParameterActivation(
        lambda w: tf.exp(tf.exp(w)),
        lambda a: tf.math.log(tf.math.log(a)),
        lambda a: a * tf.math.log(a),
        1.0,
    ),
    "cube": ParameterActivation(
        lambda w: w**3, _cube_root, lambda a: 3 * tf.abs(a) ** (2 / 3), -float("inf")
    ),
    "softplus": ParameterActivation(
        tf.nn.softplus, _softplus_inverse, lambda a: -tf.math.expm1(-a), 0.0
    ),
}


def get_parameter_activation(name: str) -> ParameterActivation:
    """The parameter activation of this name.

    Raises:
      ValueError: an unknown name; the message lists the known ones.
    """
    _checks.choice("parameter_activation", name, PARAMETER_ACTIVATIONS)
    return PARAMETER_ACTIVATIONS[name]


# Below, softplus(w) = exp(w) (1 - exp(w) / 2 + ...) is exp(w) to a rounding of the type.
_SOFTPLUS_IS_EXP = {tf.float64: -37.0, tf.float32: -17.0, tf.float16: -8.0, tf.bfloat16: -6.0}


def _square_shares(w: tf.Tensor) -> tf.Tensor:
    a = tf.square(w / tf.stop_gradient(tf.reduce_max(tf.abs(w), axis=0, keepdims=True)))
    return a / tf.reduce_sum(a, axis=0, keepdims=True)


def _softplus_shares(w: tf.Tensor) -> tf.Tensor:
    cut = _SOFTPLUS_IS_EXP[w.dtype]
    log = tf.math.log(tf.nn.softplus(tf.maximum(w, cut)))
    return tf.nn.softmax(tf.where(w < cut, w, log), axis=0)


def _exp_exp_shares(w: tf.Tensor) -> tf.Tensor:
    # exp(w) - exp(top) in place of exp(w), as a product whose factor is bounded: beyond the bound,
    # what is less than the top by one rounding has no share in either case.
    top = tf.stop_gradient(tf.reduce_max(w, axis=0, keepdims=True))
    factor = tf.exp(tf.minimum(top, 0.9 * math.log(w.dtype.max)))
    return tf.nn.softmax(factor * tf.math.expm1(w - top), axis=0)


# phi(W) / (its sum over the first axis) for maps of a positive range, by functions that neither
# overflow nor underflow where phi does. Columns of nothing but 0 have no shares by `square`: NaN.
SHARES: dict[str, Map] = {
    "exp": lambda w: tf.nn.softmax(w, axis=0),
    "square": _square_shares,
    "softplus": _softplus_shares,
    "exp_exp": _exp_exp_shares,
}
