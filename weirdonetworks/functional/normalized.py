"""Activations that see all units: LayerNorm, and SoLU and x exp(x), which it follows."""

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional._precision import root_of_largest, widened

# Below this, rounding of x e^(x - m) in float32 would be magnified to outputs.
_SMALLEST_EPSILON = 1e-12


def layer_norm(x: tf.Tensor, epsilon: float = 1e-5) -> tf.Tensor:
    """(x - mean(x)) / sqrt(var(x) + epsilon) over the last axis, without learned scale and offset.

    Mean 0 and standard deviation 1, but for what epsilon > 0 takes, which keeps equal units at 0
    (one too small for the type counts as its smallest normal number). It forgets shift and size:
    LN(a x + b) = LN(x) for a > 0 and any b, up to epsilon / a^2. So it sees an operator W before it
    only up to its size, LN(a W x) = LN(W x), and the gradient of any loss of LN(W x) with respect
    to W is orthogonal to W: a step changes its direction, no step its size to first order. For n
    units, the Jacobian

        (sqrt(n) / |x - mean(x)|) (I - 1 1^T / n - y y^T / n),   epsilon -> 0,

    is a projection onto n - 2 dimensions times its spectral norm sqrt(n) / |x - mean(x)|.

    Units may be of any size: large ones are scaled before they are squared, and half precision is
    computed in single.

    Source: Ba, Kiros and Hinton 2016, "Layer normalization".

    Raises:
      ValueError: x is not floating, or epsilon is not a finite number > 0.
    """
    epsilon = _checks.positive("epsilon", epsilon)
    x = _with_units(x)
    wide = widened(x)
    return tf.cast(_normalize(wide, tf.constant(epsilon, wide.dtype)), x.dtype)


def _with_units(x: tf.Tensor) -> tf.Tensor:
    x = _tensor_checks.floating("x", x)
    if x.shape.rank == 0:
        raise ValueError("x must have a last axis of units, got shape ()")
    return x


def _normalize(x: tf.Tensor, epsilon: tf.Tensor) -> tf.Tensor:
    # LN(x; epsilon) = LN(x / c; epsilon / c^2) for every c, so c takes no part in the gradient;
    # this one, 1 but for huge numbers, keeps the sum of their squares finite.
    largest = tf.reduce_max(tf.abs(x), axis=-1, keepdims=True)
    units = tf.sqrt(tf.cast(tf.shape(x)[-1], x.dtype))
    c = tf.stop_gradient(tf.maximum(2 * units * (largest / root_of_largest(x.dtype)), 1))
    x /= c
    epsilon = tf.maximum(
        epsilon / c / c, tf.constant(np.finfo(x.dtype.as_numpy_dtype).tiny, x.dtype)
    )
    # Shifted by one of the units, equal units are exactly 0, whatever the mean rounds to.
    x -= tf.stop_gradient(x[..., :1])
    x -= tf.reduce_mean(x, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.square(x), axis=-1, keepdims=True)
    return x * tf.math.rsqrt(variance + epsilon)


def solu(x: tf.Tensor) -> tf.Tensor:
    """x softmax(x) over the last axis, the softmax linear unit.

    Large units suppress the others: a unit that exceeds them by far passes as it is, n equal ones
    shrink to x / n. Source: Elhage et al. 2022, "Softmax linear units".

    Raises ValueError if x is not floating.
    """
    x = _with_units(x)
    return x * tf.nn.softmax(x)


def solu_layer_norm(x: tf.Tensor, epsilon: float = 1e-5) -> tf.Tensor:
    """LN(x softmax(x)), `layer_norm` after `solu`.

    Without it, units that compete shrink to 1 / n of their size, which a network has to undo; its
    source (Elhage et al. 2022, "Softmax linear units") found that it needs it.

    Raises ValueError if x is not floating, or epsilon is not a finite number > 0.
    """
    x = _with_units(x)
    return tf.cast(layer_norm(solu(widened(x)), epsilon), x.dtype)


def xexp_layer_norm(x: tf.Tensor, epsilon: float = 1e-5) -> tf.Tensor:
    """LN(x exp(x)), over the last axis.

    As LN forgets the size, and softmax is exp up to it, this is `solu_layer_norm` up to epsilon:
    that one is this one with epsilon S^2 for epsilon, S = sum_i exp(x_i).

    Source: Elhage et al. 2022, as `solu`; for the exponential, docs/ideas/activations.md.

    Computed as LN of z = x exp(x - m), m = max(x), with epsilon e^(-2m): the same function, but no
    number overflows. The scaled epsilon is kept at 1e-12 or more, which m > 8 would go below.

    Raises:
      ValueError: x is not floating, or epsilon is not a finite number > 0.
    """
    epsilon = _checks.positive("epsilon", epsilon)
    x = _with_units(x)
    wide = widened(x)
    m = tf.stop_gradient(tf.reduce_max(wide, axis=-1, keepdims=True))
    scaled = tf.constant(epsilon, wide.dtype) * tf.exp(-2 * m)
    scaled = tf.maximum(scaled, tf.constant(_SMALLEST_EPSILON, wide.dtype))
    return tf.cast(_normalize(wide * tf.exp(wide - m), scaled), x.dtype)
