"""Squashes by name: increasing, odd maps of the line onto (-1, 1), each with its exact inverse."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional._inverse_hyperbolic import artanh

Map = Callable[[tf.Tensor], tf.Tensor]


def _floating(name: str) -> Callable[[Map], Map]:
    """Takes floating tensors only; the error calls the argument by this name."""

    def decorate(function: Map) -> Map:
        @functools.wraps(function)
        def checked(x):
            return function(_tensor_checks.floating(name, x))

        return checked

    return decorate


class Squash(NamedTuple):
    """A map of the reals onto (-1, 1), increasing, odd, with slope 1 at 0, and its inverse.

    Each takes a floating tensor, and raises ValueError for anything else.

    Both are finite, and so are their gradients, for all finite arguments. Rounding takes `squash`
    to +-1 for large ones. `unsquash` takes |u| > 1 - eps for 1 - eps, with slope 0 there (eps:
    2^-24 in float32, half the distance of 1 to the next number), so that its results are bounded:

        name        squash              unsquash              largest, float32  float64
        tanh        tanh z              artanh u              8.66              18.7
        softsign    z / (1 + |z|)       u / (1 - |u|)         1.7e7             9.0e15
        algebraic   z / sqrt(1 + z^2)   u / sqrt(1 - u^2)     2.9e3             6.7e7

    A rounding of u moves z by eps / squash'(z): tanh' falls as 4 e^-2|z|, softsign' as |z|^-2 and
    algebraic' as |z|^-3. Away from 0, the inverse of tanh is therefore the first to be lost. The
    second derivative of softsign jumps at 0; the others are smooth.
    """

    squash: Map
    unsquash: Map


def _inside(u: tf.Tensor) -> tf.Tensor:
    """u, cut to the largest numbers of its type inside of (-1, 1)."""
    # The precision of a type is what separates 1 from its neighbour below.
    bits = {tf.float64: 53, tf.float32: 24, tf.float16: 11, tf.bfloat16: 8}[u.dtype]
    return tf.clip_by_value(u, 2.0**-bits - 1, 1 - 2.0**-bits)


@_floating("z")
def _tanh(z: tf.Tensor) -> tf.Tensor:
    return tf.tanh(z)


@_floating("u")
def _artanh(u: tf.Tensor) -> tf.Tensor:
    return artanh(_inside(u))


@_floating("z")
def _softsign(z: tf.Tensor) -> tf.Tensor:
    return z / (1 + tf.abs(z))


@_floating("u")
def _inverse_softsign(u: tf.Tensor) -> tf.Tensor:
    u = _inside(u)
    return u / (1 - tf.abs(u))


@_floating("z")
def _algebraic(z: tf.Tensor) -> tf.Tensor:
    # The same for every c > 0, so c takes no part in the gradient; this one keeps z^2 finite.
    c = tf.stop_gradient(tf.maximum(tf.abs(z), 1))
    return (z / c) / tf.sqrt(tf.square(1 / c) + tf.square(z / c))


@_floating("u")
def _inverse_algebraic(u: tf.Tensor) -> tf.Tensor:
    u = _inside(u)
    return u * tf.math.rsqrt((1 - u) * (1 + u))


SQUASHES: dict[str, Squash] = {
    "tanh": Squash(_tanh, _artanh),
    "softsign": Squash(_softsign, _inverse_softsign),
    "algebraic": Squash(_algebraic, _inverse_algebraic),
}


def get_squash(squash: str) -> Squash:
    """The pair of this name.

    Raises:
      ValueError: an unknown name.
    """
    return SQUASHES[_checks.choice("squash", squash, SQUASHES)]
