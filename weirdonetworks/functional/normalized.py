"""Activations that see all units: LayerNorm, and SoLU and x exp(x), which it follows."""

import tensorflow as tf

from weirdonetworks import _checks

# Below this, rounding of x e^(x - m) in float32 would be magnified to outputs.
_SMALLEST_EPSILON = 1e-12


def layer_norm(x: tf.Tensor, epsilon: float = 1e-5) -> tf.Tensor:
    """(x - mean(x)) / sqrt(var(x) + epsilon) over the last axis, without learned scale and offset.

    Mean 0 and standard deviation 1, but for what epsilon > 0 takes, which keeps equal units at 0.
    It forgets shift and size: LN(a x + b) = LN(x) for a > 0 and any b, up to epsilon / a^2. So it
    sees an operator W before it only up to its size, LN(a W x) = LN(W x), and the gradient of any
    loss of LN(W x) with respect to W is orthogonal to W: a step changes its direction, no step its
    size to first order. For n units, the Jacobian

        (sqrt(n) / |x - mean(x)|) (I - 1 1^T / n - y y^T / n),   epsilon -> 0,

    is a projection onto n - 2 dimensions times its spectral norm sqrt(n) / |x - mean(x)|.

    Source: Ba, Kiros and Hinton 2016, "Layer normalization".

    Raises:
      ValueError: x is not floating, or epsilon is not a finite number > 0.
    """
    x = _with_units(x)
    return _normalize(x, tf.constant(_checks.positive("epsilon", epsilon), x.dtype))


def _with_units(x: tf.Tensor) -> tf.Tensor:
    x = _checks.floating("x", x)
    if x.shape.rank == 0:
        raise ValueError("x must have a last axis of units, got shape ()")
    return x


def _normalize(x: tf.Tensor, epsilon: tf.Tensor) -> tf.Tensor:
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
    """LN(x softmax(x)), `layer_norm` after `solu`, as its source has it.

    Raises ValueError if x is not floating, or epsilon is not a finite number > 0.
    """
    return layer_norm(solu(x), epsilon)


def xexp_layer_norm(x: tf.Tensor, epsilon: float = 1e-5) -> tf.Tensor:
    """LN(x exp(x)), over the last axis.

    As LN forgets the size, and softmax is exp up to it, this is `solu_layer_norm` up to epsilon:
    that one is this one with epsilon S^2 for epsilon, S = sum_i exp(x_i).

    Computed as LN of z = x exp(x - m), m = max(x), with epsilon e^(-2m): the same function, but no
    number overflows. The scaled epsilon is kept at 1e-12 or more, which m > 8 would go below.

    Raises:
      ValueError: x is not floating, or epsilon is not a finite number > 0.
    """
    x = _with_units(x)
    m = tf.stop_gradient(tf.reduce_max(x, axis=-1, keepdims=True))
    epsilon = tf.constant(_checks.positive("epsilon", epsilon), x.dtype)
    scaled = tf.maximum(epsilon * tf.exp(-2 * m), tf.constant(_SMALLEST_EPSILON, x.dtype))
    return _normalize(x * tf.exp(x - m), scaled)
