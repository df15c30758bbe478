"""Random gates of units, as pure functions of a seed."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional._precision import widened
from weirdonetworks.functional.cdfs import cdf_normal, gelu


def random_bits(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """uint32 of this shape, the same in eager mode, graphs and under XLA, from a seed [2]."""
    # Integers, because XLA makes other fractions of the same random bits; "philox" by name,
    # because XLA is twenty times slower where it has to choose.
    return tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )


def stochastic_gelu(x: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
    """x m with m ~ Bernoulli(Phi(x)) for each element, whose mean is the GELU, x Phi(x).

    A pure function of x and `seed`, two integers, [2]; the variance is x^2 Phi(x) (1 - Phi(x)).
    Without a seed it is the mean, as outside of training: so it is, too, where a network is given
    this function as its activation; the name "stochastic_gelu" and `layers.StochasticGELU` draw in
    training. Eager, graph and compiled calls draw the
    same masks, but where their rounding of Phi differs (1 element in some 10^7).

    The gradient is m + x phi(x) with the normal density phi: the mask passes on what it lets
    through, and its own derivative is that of its mean. Its expectation is the derivative of the
    GELU, which the pathwise gradient m misses by x phi(x), as if the gate did not depend on x. (In
    E f(x m) the first term, E m f'(x m), is then exact for every f; the second, phi(x) (f(x) -
    f(0)), for linear f, else f' stands for the difference quotient.)

    Gates are drawn with 24 bits: a unit with Phi(x) below 2^-24 is let through with that
    probability.

    Source: Hendrycks and Gimpel 2016, "Gaussian error linear units (GELUs)", where the map with
    these gates motivates the GELU; Bengio, Leonard and Courville 2013, "Estimating or propagating
    gradients through stochastic neurons", for the mask's derivative (straight through).

    Raises:
      ValueError: x is not floating, or the seed is not two integers.
    """
    x = _tensor_checks.floating("x", x)
    wide = widened(x)
    if seed is None:
        return tf.cast(gelu(wide), x.dtype)
    probability = cdf_normal(wide)
    bits = random_bits(tf.shape(x), _seed(seed))
    uniform = tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), wide.dtype) * 2**-24
    mask = tf.cast(uniform < probability, wide.dtype)
    return tf.cast(wide * (mask + (probability - tf.stop_gradient(probability))), x.dtype)


def _seed(seed: tf.Tensor) -> tf.Tensor:
    try:
        tensor = tf.convert_to_tensor(seed)
    except (TypeError, ValueError):
        tensor = None
    if tensor is None or not tensor.dtype.is_integer or tuple(tensor.shape) != (2,):
        raise ValueError(f"seed must be two integers, got {_checks.received(seed)}")
    return tensor
