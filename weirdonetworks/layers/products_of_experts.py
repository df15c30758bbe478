"""Classifiers whose probabilities are multiplied."""

import math

import tensorflow as tf

from weirdonetworks import _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once


class ProductOfExperts(Module):
    """logits_c = sum_i w_i logits_ic, w_i >= 0: [batch, experts, classes] -> [batch, classes].

    Its softmax is the product of the experts' probabilities, p ~ prod_i p_i^w_i, as constants that
    are added to the logits of an expert cancel. Weights are w = softplus(theta + const). With
    sum_i w_i = 1 the divergence of any q from the product is at most the weighted mean of those
    from the experts (Heskes); but they need not sum to 1: a larger sum makes the product surer than
    its experts, a smaller one less sure, which is a temperature that is learned along. An expert
    whose weight comes near 0 is silent.

    Initialisation: theta = 0, where w_i = 1 / experts, the geometric mean of the probabilities.

    Sources: Hinton 2002, "Training products of experts by minimizing contrastive divergence";
    Heskes 1998, "Selecting weighting factors in logarithmic opinion pools".
    """

    def __init__(self, name: str | None = None):
        """Sizes are those of the first call."""
        super().__init__(name=name)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.num_experts, self.num_classes = inputs.shape[1:]
        self.input_dtype = inputs.dtype
        self.theta = tf.Variable(tf.zeros([self.num_experts], inputs.dtype), name="theta")

    @property
    def weights(self) -> tf.Tensor:
        """w, [experts]."""
        start = math.log(math.expm1(1 / self.num_experts))  # of which softplus is 1 / experts
        return tf.nn.softplus(self.theta + start)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.floating("ProductOfExperts inputs", inputs)
        if inputs.shape.rank != 3 or not all(inputs.shape[1:]):
            raise ValueError(
                "ProductOfExperts inputs must be [batch, experts, classes] with static sizes >= 1 "
                f"after the batch, got shape {inputs.shape}"
            )
        known = getattr(self, "num_experts", None), getattr(self, "num_classes", None)
        # Another thread may be at its first call, between the two.
        if None not in known and tuple(inputs.shape[1:]) != known:
            raise ValueError(
                f"ProductOfExperts inputs must be [batch, {known[0]}, {known[1]}] as at the first "
                f"call, got shape {inputs.shape}"
            )
        inputs = _tensor_checks.same_dtype(self, inputs)
        self._initialize(inputs)
        return tf.linalg.matvec(inputs, self.weights, transpose_a=True)
