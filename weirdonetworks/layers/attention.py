"""Attention in which a fractional iterate of exp stands in the place of exp."""

import math

import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.functional import exp_iterate
from weirdonetworks.functional.iterates import half_exp_of_negative
from weirdonetworks.layers import _alpha
from weirdonetworks.layers._heads import Heads

WEIGHTS = ("normalized", "comodulated")
# Normalised weights at alpha = 0 would be those of a mean, at infinite slopes of their offset.
_LEAST_ALPHA = {"normalized": 0.01, "comodulated": 0.0}


class IterateAttention(Heads):
    """Self-attention with f = exp^[alpha]: [batch, tokens, in] -> [batch, tokens, output_size].

    Each head has queries q, keys k and values v, linear in the tokens, of `size` / `heads`
    numbers each, and scores s_ij = q_i . k_j / sqrt(size / heads); the outputs of all heads go
    through one affine map. What a head gives for token i is, by `weights`,

    * `normalized`: y_i = sum_j g(s_ij - m_i) v_j / sum_j g(s_ij - m_i), m_i = max_j s_ij, with
      g = f - f(-inf) > 0. Softmax attention for alpha = 1, and the mean over the tokens in the
      limit of 0. All arguments are <= 0 and one of them is 0: nothing overflows, and the sum is
      at least g(0). alpha in [0.01, 1].
    * `comodulated`: y_i = (1 / tokens) sum_j f(s_ij) f(v_j), which treats scores and values
      alike. For alpha = 0 linear attention without normalisation, polynomials of degree 3 of the
      tokens. alpha in [0, 1]; nothing bounds the scores, and with alpha near 1 large ones
      overflow as exp does.

    Equivariant: a permutation of the tokens permutes the outputs. Their number is static, and may
    change between calls.

    alpha is a number, with 0, 1/2 and 1 by faster functions. With `trainable_alpha`, each head
    learns its own, from `alpha` on, within the same interval, as in `ComodulationDense`.

    Initialisation: for x ~ N(0, I), queries, keys and values have unit variance (1 / sqrt(in)),
    and so have the scores; the weights of the output are 1 / sqrt(size), its bias is 0.

    Sources: Vaswani et al. 2017, "Attention is all you need" (alpha = 1); Katharopoulos et al.
    2020, "Transformers are RNNs" (alpha = 0, theirs normalised, with positive features). The
    family between is ours.
    """

    def __init__(
        self,
        output_size: int,
        size: int = 32,
        heads: int = 1,
        weights: str = "normalized",
        alpha: float = 0.5,
        trainable_alpha: bool = False,
        name: str | None = None,
    ):
        """Raises ValueError for sizes or heads that are not integers >= 1, heads that do not divide
        size, unknown weights, or an alpha outside of their interval."""
        super().__init__(output_size=output_size, size=size, heads=heads, name=name)
        self.weights = _checks.choice("weights", weights, WEIGHTS)
        self.least_alpha = _LEAST_ALPHA[self.weights]
        self.initial_alpha = _checks.number("alpha", alpha, self.least_alpha, 1)
        self.trainable_alpha = _checks.flag("trainable_alpha", trainable_alpha)

    def _initialize_heads(self, tokens: int, dtype: tf.DType) -> None:
        if self.trainable_alpha:
            theta = tf.fill([self.heads], tf.cast(self.initial_alpha, dtype))
            self.theta = tf.Variable(theta, name="theta")

    @property
    def alpha(self) -> float | tf.Tensor:
        """The number, also before the first call, or those of the heads, [heads]."""
        if not hasattr(self, "theta"):
            return self.initial_alpha
        return _alpha.bounded(self.theta, self.least_alpha)

    def _mix(self, queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        scores = tf.matmul(queries, keys, transpose_b=True) / math.sqrt(queries.shape[3])
        alpha = self.alpha[:, None, None] if self.trainable_alpha else self.alpha
        if self.weights == "normalized":
            return weighted_mean(scores, values, alpha)
        products = tf.matmul(_alpha.iterate(scores, alpha), _alpha.iterate(values, alpha))
        return products / values.shape[2]


def weighted_mean(scores: tf.Tensor, values: tf.Tensor, alpha: float | tf.Tensor) -> tf.Tensor:
    """sum_j p_ij v_j, p_ij = g(s_ij - max_j s_ij) / sum_k g(s_ik - max_j s_ij), g = f - f(-inf).

    f = exp^[alpha], alpha in (0, 1] a number or a tensor that broadcasts with the scores, whose
    shape is [..., i, j]; values are [..., j, size]. f(-inf) is exp^[alpha - 1](0), because
    f(x) = exp^[alpha - 1](e^x). Rounding may make p = 0 where it is below 1e-7.
    """
    below = scores - tf.reduce_max(scores, axis=-1, keepdims=True)
    floor = exp_iterate(tf.zeros([], scores.dtype), alpha - 1)
    is_half = not tf.is_tensor(alpha) and alpha == 0.5
    f = half_exp_of_negative(below) if is_half else exp_iterate(below, alpha)
    g = tf.maximum(f - floor, 0)
    # Both sums as one product, for which g is computed once.
    sums = tf.matmul(g, tf.concat([values, tf.ones_like(values[..., :1])], axis=-1))
    return sums[..., :-1] / sums[..., -1:]
