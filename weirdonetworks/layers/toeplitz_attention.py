"""Linear attention that learns how far to look, as a layer."""

import tensorflow as tf

from weirdonetworks import _tensor_checks
from weirdonetworks.functional import attention
from weirdonetworks.layers._heads import Heads
from weirdonetworks.layers.linear_attention import features

# Tokens for each number of a head up to which the matrix is used. It may be the faster one even
# beyond, but is a square of the tokens in memory.
_DENSE = 64


class ToeplitzAttention(Heads):
    """Self-attention under a learned mask: [batch, tokens, in] -> [batch, tokens, output_size].

        y_i = sum_j f(i - j) phi(q_i) . phi(k_j) v_j / sum_j f(i - j) phi(q_i) . phi(k_j),

    phi(x) = elu(x) + 1 > 0, and f(d) = e^(theta_d) > 0 for each head and each of the differences
    -(tokens - 1) to tokens - 1: tokens have an order without positions of their own.

    Each head has queries, keys and values, linear in the tokens, of `size` / `heads` numbers each,
    and the outputs of all heads go through one affine map. The number of
    tokens is that of the first call. Moving all tokens on by a place moves what each has seen.

    Initialisation: for x ~ N(0, I), queries, keys and values have unit variance (1 / sqrt(in)); the
    weights of the output are 1 / sqrt(size), its bias is 0, and so are theta: at the start it is
    `LinearAttention`.

    Source: Choromanski et al. 2022, "From block-Toeplitz matrices to differential equations on
    graphs".
    """

    def __init__(self, output_size: int, size: int = 32, heads: int = 1, name: str | None = None):
        """Raises ValueError for sizes or heads that are not integers >= 1, or heads that do not
        divide size; at later calls, for other shapes than at the first."""
        super().__init__(output_size=output_size, size=size, heads=heads, name=name)
        self.tokens = None

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.floating("ToeplitzAttention inputs", inputs)
        known = (self.tokens, getattr(self, "input_size", None))
        # Another thread may be at its first call, between the two.
        if None not in known and inputs.shape.rank == 3 and tuple(inputs.shape[1:]) != known:
            raise ValueError(
                "ToeplitzAttention inputs must be [batch, tokens, features] of "
                f"{known} as at the first call, got {tuple(inputs.shape[1:])}"
            )
        return super().__call__(inputs)

    def _initialize_heads(self, tokens: int, dtype: tf.DType) -> None:
        self.tokens = tokens
        self.theta = tf.Variable(tf.zeros([self.heads, 2 * tokens - 1], dtype), name="theta")

    def _mix(self, queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        # A factor of all differences leaves the quotient as it is.
        theta = self.theta - tf.stop_gradient(tf.reduce_max(self.theta, axis=-1, keepdims=True))
        q, k, f = features(queries), features(keys), tf.exp(theta)
        form = "dense" if self.tokens <= _DENSE * queries.shape[-1] else "fft"
        return attention.toeplitz_attention(q, k, values, f, form=form)
