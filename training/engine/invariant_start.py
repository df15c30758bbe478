"""A start that is invariant under rotations, before anything has been learned."""

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks.groups import rotations

_DEGREES = range(0, 360, 5)


def average_over_rotations(network: snt.Module, image_shape: tuple[int, int, int]) -> None:
    """Replaces the weights that see the pixels by their mean over the rotations of the circle.

        W <- mean over g of g^T W,

    72 angles, 5 degrees apart, with the transported weights g^T W that see x as W sees g x
    (`groups.ImageAction.transport`). Pixels that g moves out of the frame have no share in the
    mean. Such weights are functions of the radius, so that the network starts invariant under
    rotations up to interpolation and what leaves the frame. Averaging would leave weights that
    hardly vary: each unit's, a column's, are stretched about their mean to the standard deviation
    that they had.

    Weights see the pixels if they are [H W C, out], and the gradient at an image with one bright
    pixel is confined to the row of that pixel.

    Raises:
      ValueError: a network without such weights.
    """
    height, width, channels = image_shape
    rows = height * width * channels
    row = (height // 3 * width + width // 3) * channels  # not the centre, which rotations keep
    dtype = network.trainable_variables[0].dtype
    image = tf.reshape(tf.one_hot(row, rows, dtype=dtype), [1, *image_shape])
    with tf.GradientTape() as tape:
        target = tf.reduce_sum(tf.nn.log_softmax(network(image, is_training=False))[:, 0])
    variables = network.trainable_variables
    gradients = tape.gradient(target, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    found = [
        variable
        for variable, gradient in zip(variables, gradients, strict=True)
        if variable.shape.rank == 2
        and variable.shape[0] == rows
        and np.array_equal(np.flatnonzero(np.any(gradient, axis=1)), [row])
    ]
    if not found:
        raise ValueError(
            f"invariant_start must be given to a network with weights [{rows}, out], each row of "
            f"which sees one pixel, got {type(network).__name__} with "
            f"{[tuple(variable.shape) for variable in variables]}"
        )
    for variable in found:
        variable.assign(_average(variable, (height, width)))


def _average(weights: tf.Variable, image_shape: tuple[int, int]) -> tf.Tensor:
    total, share = tf.zeros_like(weights), tf.zeros_like(weights[:, :1])
    for degrees in _DEGREES:  # all at once would be 72 copies of the weights
        action = rotations([degrees], image_shape)
        total += action.transport(weights)[:, 0]
        share += action.transport(tf.ones_like(share))[:, 0]
    average = total / share
    mean, variance = tf.nn.moments(average, axes=[0])
    _, wanted = tf.nn.moments(weights, axes=[0])
    return mean + (average - mean) * tf.sqrt(tf.math.divide_no_nan(wanted, variance))
