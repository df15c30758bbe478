"""Activations on groups of neighbouring units: their largest, their order, their softmax."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional.maxima import maximum


def maxout(x: tf.Tensor, size: int = 2) -> tf.Tensor:
    """The largest of each group of `size` neighbouring units: [..., n] -> [..., n / size].

    After a dense layer, a convex function of its input, piecewise linear with `size` pieces; the
    next layer has n / size inputs. 1-Lipschitz. Equal ones share the gradient.

    Source: Goodfellow et al. 2013, "Maxout networks".

    Raises:
      ValueError: x is not floating, size is not an integer >= 1 or does not divide the number of
        units.
    """
    return maximum(_groups(x, size))


def sort_groups(x: tf.Tensor, size: int = 2) -> tf.Tensor:
    """Each group of `size` neighbouring units in ascending order: [..., n] -> [..., n].

    A permutation at each x, so the gradient keeps its norm on the way back (ReLU loses that of the
    units that are off), and the map is 1-Lipschitz; size 2 gives minimum and maximum.

    Source: Anil, Lucas and Grosse 2019, "Sorting out Lipschitz function approximation" (GroupSort;
    MaxMin for size 2).

    Raises:
      ValueError: as `maxout`.
    """
    groups = _groups(x, size)
    if size == 2:  # without sorting, which takes many times as long
        first, second = tf.unstack(groups, axis=-1)
        swap = first > second
        pair = [tf.where(swap, second, first), tf.where(swap, first, second)]
        return _ungrouped(tf.stack(pair, axis=-1), x)
    order = tf.argsort(groups, axis=-1, stable=True)
    return _ungrouped(tf.gather(groups, order, batch_dims=groups.shape.rank - 1), x)


def group_softmax(x: tf.Tensor, size: int = 4) -> tf.Tensor:
    """size softmax within each group of `size` neighbouring units: [..., n] -> [..., n].

    The unit of an ordinary sigmoid chooses between on and off; a group chooses one of `size`, all
    of its dimensions at once. The factor makes the mean of each group 1, whatever its size; without
    it, outputs would shrink as 1 / size. For size 2, it is 1 + tanh(+-(x_1 - x_2) / 2).

    Source: Jang, Gu and Poole 2017, "Categorical reparameterization with Gumbel-softmax", for
    layers of categorical groups, which draw; the scale is ours.

    Raises:
      ValueError: as `maxout`.
    """
    return _ungrouped(size * tf.nn.softmax(_groups(x, size)), x)


def _groups(x: tf.Tensor, size: int) -> tf.Tensor:
    """[..., n] -> [..., n / size, size]."""
    x = _tensor_checks.floating("x", x)
    size = _checks.integer("size", size)
    units = x.shape[-1] if x.shape.rank else None
    if not units or units % size:
        raise ValueError(
            f"x must have a static number of units that size={size} divides, got {units}"
        )
    return tf.reshape(x, tf.concat([tf.shape(x)[:-1], [units // size, size]], axis=0))


def _ungrouped(groups: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(tf.reshape(groups, tf.shape(x)), tf.convert_to_tensor(x).shape)
