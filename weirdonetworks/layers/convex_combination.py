"""A dense layer whose outputs stay in the range of its inputs."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional.convex_combinations import convex_combination
from weirdonetworks.functional.squashes import SQUASHES


class ConvexCombination(Module):
    """Weighted means of the inputs: [batch, in] -> [batch, output_size].

        y_o = sum_i w_oi x_i,    w_oi = exp(s_oi) / sum_j exp(s_oj),

    so that min_i x_i <= y_o <= max_i x_i for any x and any learned scores s, which a linear layer
    does not promise. With a `squash` g, one of `functional.SQUASHES`, the quasi-arithmetic mean

        y_o = scale g^-1(sum_i w_oi g(x_i / scale)),

    in the same range: inputs far beyond `scale` pull less than their size. A scale that is large
    against the inputs gives the plain mean. Either is exact at the ends of the range: what rounding
    would put outside is put on them.

    Scores that come from the input in place of variables make softmax attention: see
    `functional.convex_combination`, which is all of this layer's formula.

    Initialisation: scores ~ N(0, 1), for the outputs to differ: weights are log-normal, and for
    independent inputs of unit variance the outputs have variance about e / in where in is large.

    Source: Kolmogorov 1930, "Sur la notion de la moyenne" (the mean; learned weights are ours).
    """

    def __init__(
        self,
        output_size: int,
        squash: str | None = None,
        scale: float = 1.0,
        name: str | None = None,
    ):
        """Raises ValueError for a size that is not an integer >= 1, an unknown squash, or a scale
        that is not a finite number > 0."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.squash = None if squash is None else _checks.choice("squash", squash, SQUASHES)
        self.scale = _checks.positive("scale", scale)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        scores = tf.random.normal([self.output_size, self.input_size], dtype=inputs.dtype)
        self.scores = tf.Variable(scores, name="scores")

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        means = convex_combination(tf.transpose(inputs), self.scores, self.squash, self.scale)
        return tf.transpose(means)
