"""The digits of numbers in Gray's code, by rectifiers that fold the line."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks

MOST_BITS = 1000


def tent(x: tf.Tensor) -> tf.Tensor:
    """2 relu(x) - 4 relu(x - 1/2): 2 x up to 1/2, then 2 - 2 x; any shape.

    Folds [0, 1] at 1/2 and stretches it to [0, 1] again. k times is a zigzag of 2^k straight
    pieces, by 2 k rectifiers one behind another; one layer of rectifiers has at most a piece more
    than units. Nothing is rounded: 2 x and 2 (1 - x) are numbers of the type, for x in [0, 1].

    Source: Telgarsky 2016, "Benefits of depth in neural networks".
    """
    x = _tensor_checks.floating("x", x)
    return 2 * tf.nn.relu(x) - 4 * tf.nn.relu(x - 0.5)


def gray_code(x: tf.Tensor, bits: int) -> tf.Tensor:
    """The digits of floor(2^bits x) in Gray's code, 0 or 1 of the type of x: [...] -> [..., bits].

        d_k = 1 if x_k >= 1/2, otherwise 0,    x_1 = x,  x_(k+1) = tent(x_k),

    as folding converters of voltages do it: digit k asks on which side of its fold x is. Neighbours
    differ in one digit, so that a wrong comparison moves a number by one step, and a fold's
    value 1/2 belongs to either side; it is taken to be that of the number, by the parity of the
    digits before. Exact for all x in [0, 1) and any number of bits, but that TensorFlow takes what
    is below the smallest normal number of float32 or float64 for 0; below 0 the digits are those
    of 0, from 1 on those of 2^bits - 1, and those of NaN are NaN. Steps: the gradient is 0.

    Source: Gray 1953, "Pulse code communication", US patent 2632058.

    Raises:
      ValueError: x is not floating, or bits are not an integer from 1 to 1000.
    """
    bits = _checks.integer("bits", bits, maximum=MOST_BITS)
    x = tf.stop_gradient(_tensor_checks.floating("x", x))

    def fold(k, folded, falling, digits):
        # On a falling side, 1/2 is where a cell begins that lies below the fold.
        digit = tf.where(falling, folded > 0.5, folded >= 0.5)
        return k + 1, tent(folded), tf.math.logical_xor(falling, digit), digits.write(k, digit)

    # A loop of the graph, which a compiler reads once and not for each digit.
    begin = 0, x, tf.zeros_like(x, tf.bool), tf.TensorArray(tf.bool, bits, element_shape=x.shape)
    *_, digits = tf.while_loop(lambda k, *_: k < bits, fold, begin, maximum_iterations=bits)
    found = tf.cast(tf.stack(tf.unstack(digits.stack(), bits), axis=-1), x.dtype)
    return tf.where(tf.math.is_nan(x)[..., None], x[..., None], found)
