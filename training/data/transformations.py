"""Random transformations of images, drawn in the graph, and how far they move a network."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.functional import warp


class Draw(NamedTuple):
    """The random numbers of a step: pure functions of the run's seed and the number of the step.

    Nothing is hidden in a generator, so a run that is resumed draws what the run that was not
    interrupted would have drawn; and nothing is frozen when a graph is traced, since the step, an
    int32 scalar, is a tensor.
    """

    seed: int
    step: tf.Tensor

    def fork(self, stream: int) -> "Draw":
        """Other numbers for another purpose, of the same seed and step."""
        # Large odd numbers keep the forks of seeds that are used apart from these and one another.
        return Draw((0x2C1B3C6D * self.seed + 0x9E3779B1 * (stream + 1)) % 2**32, self.step)

    def uniform(self, shape, dtype: tf.DType = tf.float32) -> tf.Tensor:
        """Numbers that are uniform in [-1, 1), the same bits in eager and compiled graphs."""
        key = self.seed - 2**32 * (self.seed >= 2**31)
        seed = tf.stack([tf.constant(key, tf.int32), self.step])
        # Integers and "philox" by name, for the reasons that layers.Dropout gives.
        bits = tf.random.stateless_uniform(
            shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
        )
        return tf.cast(tf.bitwise.right_shift(bits, 8), dtype) * 2.0**-23 - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transformations:
    """A distribution of maps of the plane: sheared, scaled, turned, shifted and bent.

        (s x)(p) = x(g^-1 p + d(p)),    g = turn(a) [[1, k], [0, 1]] e^c + t,

    with a, c, k and t uniform and independent, as `groups.affine_matrices` composes them, and an
    elastic displacement d: two fields of independent uniform numbers, smoothed by a Gaussian
    (Simard, Steinkraus and Platt 2003, "Best practices for convolutional neural networks applied
    to visual document analysis"). Theirs has a number a pixel and is scaled field by field; ours
    has one for each width of the Gaussian, which smoothing hardly tells apart, and is scaled by
    the standard deviation that smoothing leaves, the same for every pixel. Interpolated
    bilinearly, 0 outside the frame.

    Attributes:
      degrees: the largest angle a, in [0, 180]; 180 is the whole circle.
      shift: the largest shift t in x and in y, in pixels.
      scale: the content grows by up to 1 + scale, or shrinks by as much, evenly in the logarithm.
      shear: the largest |k|.
      elastic: the root mean square of d in x and in y, in pixels.
      elastic_width: the standard deviation of the Gaussian, in pixels, >= 1.

    Raises:
      ValueError: values outside their ranges, or nothing that would be transformed.
    """

    degrees: float = 180.0
    shift: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    elastic_width: float = 4.0

    def __post_init__(self):
        _checks.number("degrees", self.degrees, 0, 180)
        for name in ("shift", "scale", "shear", "elastic"):
            _checks.number(name, getattr(self, name), 0, math.inf, open_high=True)
        _checks.number("elastic_width", self.elastic_width, 1, math.inf, open_high=True)
        if not self.moves:
            raise ValueError(
                "degrees, shift, scale, shear or elastic must be > 0, got 0 for each of them"
            )

    @property
    def moves(self) -> bool:
        """Whether images are transformed at all."""
        return any([self.degrees, self.shift, self.scale, self.shear, self.elastic])

    def matrices(self, count: int | tf.Tensor, draw: Draw, dtype: tf.DType) -> tf.Tensor:
        """Affine maps M | t, as `functional.warp` takes them: [count, 2, 3]."""
        u = draw.fork(0).uniform([count, 5], dtype)
        angle, log_scale, k = (
            size * u[:, i]
            for i, size in enumerate(
                (math.radians(self.degrees), math.log1p(self.scale), self.shear)
            )
        )
        cos, sin, zero = tf.cos(angle), tf.sin(angle), tf.zeros_like(angle)
        m = [[cos, cos * k - sin, zero], [sin, sin * k + cos, zero]]
        m = tf.stack([tf.stack(row, axis=1) for row in m], axis=1)
        shift = tf.pad(self.shift * u[:, 3:, None], [[0, 0], [0, 0], [2, 0]])
        return tf.exp(log_scale)[:, None, None] * m + shift

    def displacements(
        self, count: int | tf.Tensor, height: int, width: int, draw: Draw, dtype: tf.DType
    ) -> tf.Tensor:
        """The fields d, [count, height, width, 2]."""
        rows, columns = (
            tf.constant(_smoothing(size, self.elastic_width), dtype) for size in (height, width)
        )
        # Uniform numbers in [-1, 1) have the variance 1 / 3.
        noise = math.sqrt(3) * draw.fork(1).uniform(
            [count, 2, rows.shape[1], columns.shape[1]], dtype
        )
        fields = tf.matmul(tf.matmul(rows, noise), columns, transpose_b=True)
        return self.elastic * tf.transpose(fields, [0, 2, 3, 1])

    def apply(self, images: tf.Tensor, draw: Draw) -> tf.Tensor:
        """Images [batch, H, W, C], each transformed in a way of its own."""
        count, (height, width) = tf.shape(images)[0], images.shape[1:3]
        displacements = None
        if self.elastic:
            displacements = self.displacements(count, height, width, draw, images.dtype)
        return warp(images, self.matrices(count, draw, images.dtype), displacements)


def _smoothing(size: int, width: float) -> np.ndarray:
    """Weights of nodes `width` apart in each of the pixels, Gaussian, [size, nodes]; rows of 1."""
    nodes = np.arange(-3, (size - 1) / width + 4)
    weights = np.exp(-0.5 * (np.arange(size)[:, None] / width - nodes) ** 2)
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)


def transformation_variance(
    network: snt.Module,
    images: tf.Tensor,
    transformations: Transformations,
    draw: Draw,
    samples: int = 2,
) -> tf.Tensor:
    """V = mean over the batch of E_s |f(s x) - E_s f(s x)|^2, estimated without bias, a scalar.

    f is the network as it is used, without dropout (whose noise would count as well), and s is
    drawn `samples` times for each image: the sum of the squared deviations from the mean of the
    samples, over samples - 1; for two samples half the squared difference. In squared units of the
    logits. No labels: what is asked is how far the function moves, not whether it is right.

    `weirdonetworks.stability` measures the same outside of training, over a fixed set of
    transformations.
    """
    transformed = transformations.apply(tf.tile(images, [samples, 1, 1, 1]), draw)
    logits = network(transformed, is_training=False)
    logits = tf.reshape(logits, [samples, -1, logits.shape[1]])
    deviations = logits - tf.reduce_mean(logits, axis=0)
    return tf.reduce_mean(tf.reduce_sum(tf.square(deviations), axis=[0, 2])) / (samples - 1)
