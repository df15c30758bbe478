"""A dense layer that reads few of its inputs: those that matching pursuit chooses."""

from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional.matching_pursuit import simultaneous_matching_pursuit


class SparseReadout(Module):
    """y = W^T x_S + b, S of k inputs: [batch, in] -> [batch, out].

    All outputs read the same k inputs, so that what else computes the inputs can be left out.
    `fit` chooses them, by `functional.simultaneous_matching_pursuit` of targets on features, and
    sets W and b to the least squares. Then it is a layer as others are: S stays, W and b are
    trained. Before, S is k inputs at equal distances.

    Initialisation: W ~ N(0, 1 / k), b = 0: for x ~ N(0, I), outputs have mean 0, unit variance.

    Source: Tropp, Gilbert and Strauss 2006, "Algorithms for simultaneous sparse approximation. Part
    I: greedy pursuit"; as a readout it is ours.
    """

    def __init__(self, output_size: int, k: int, with_bias: bool = True, name: str | None = None):
        """Raises ValueError for sizes that are not integers >= 1; at the first call, for more
        inputs to read than there are."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.k = _checks.integer("k", k)
        self.with_bias = _checks.flag("with_bias", with_bias)
        self.input_size = None

    @once
    def _initialize(self, inputs: tf.Tensor):
        size, dtype = inputs.shape[1], inputs.dtype
        if self.k > size:
            raise ValueError(f"k must be at most the number of inputs, {size}, got {self.k}")
        _checks.memory(
            "output_size must leave weights that fit in memory",
            self.output_size,
            (self.k + 1) * self.output_size * dtype.size,
        )
        self.input_size, self.input_dtype = size, dtype
        self.chosen = tf.Variable(
            tf.range(self.k) * size // self.k,
            trainable=False,
            name="chosen",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        normal = snt.initializers.RandomNormal(stddev=self.k**-0.5)
        self.w = tf.Variable(normal([self.k, self.output_size], dtype), name="w")
        if self.with_bias:
            self.b = tf.Variable(tf.zeros([self.output_size], dtype), name="b")

    @property
    def num_fixed(self) -> int:
        """The places that are read, one number each."""
        return self.k

    def fit(self, features: Any, targets: Any) -> None:
        """Chooses k inputs by features [n, in] and targets [n, out], and sets W and b.

        With a bias, both are centred first: a constant input is never of use, one that varies by
        no more than rounding included. The weights are the least squares of these rows, in float64.

        Raises:
          ValueError: features that the layer would not take, targets of another number or size,
            either of them not finite, or a k above n.
        """
        features = _tensor_checks.features(self, features)
        targets = _tensor_checks.of_type("targets", targets, "features", features.dtype)
        rows = features.shape[0]
        if targets.shape != [rows, self.output_size]:
            raise ValueError(
                f"targets must be [{rows}, {self.output_size}] for these features, "
                f"got shape {targets.shape}"
            )
        if rows is None or self.k > rows:
            raise ValueError(f"k must be at most the rows of features, {rows}, got {self.k}")
        for name, values in (("features", features), ("targets", targets)):
            if not np.all(np.isfinite(values)):
                raise ValueError(f"{name} must be finite, got NaN or infinite numbers")
        self._initialize(features)
        x, y = tf.cast(features, tf.float64), tf.cast(targets, tf.float64)
        mean, middle = tf.reduce_mean(x, axis=0), tf.reduce_mean(y, axis=0)
        if self.with_bias:
            # The mean of equal numbers may differ from them by rounding.
            rounding = rows**1.5 * np.finfo(float).eps * tf.abs(mean)
            x, y = x - mean, y - middle
            x = tf.where(tf.norm(x, axis=0) > rounding, x, tf.zeros_like(x))
        found = simultaneous_matching_pursuit(x, y, self.k)
        w = tf.gather(found.coefficients, found.support)
        self.chosen.assign(found.support)
        self.w.assign(tf.cast(w, self.w.dtype))
        if self.with_bias:
            b = middle - tf.linalg.matvec(w, tf.gather(mean, found.support), transpose_a=True)
            self.b.assign(tf.cast(b, self.b.dtype))

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        outputs = tf.matmul(tf.gather(inputs, self.chosen, axis=1), self.w)
        return outputs + self.b if self.with_bias else outputs
