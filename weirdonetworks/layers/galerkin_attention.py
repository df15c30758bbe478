"""Attention without softmax, as a layer."""

import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.functional import attention
from weirdonetworks.layers._heads import Heads


class GalerkinAttention(Heads):
    """Self-attention without softmax: [batch, tokens, in] -> [batch, tokens, output_size].

        Y = Q (LN(K)^T LN(V)) / tokens,

    LN the normalisation of each token's key and value, without learned scale and offset; linear in
    the number of tokens, and no less for the rest of them: nothing is divided by a sum.

    Each head has queries, keys and values, linear in the tokens, of `size` / `heads` numbers each,
    and the outputs of all heads go through one affine map. Equivariant: a
    permutation of the tokens permutes the outputs. The number of tokens is static, and may change
    between calls.

    Initialisation: for x ~ N(0, I), queries, keys and values have unit variance (1 / sqrt(in)); the
    weights of the output are 1 / sqrt(size), its bias is 0.

    Source: Cao 2021, "Choose a transformer: Fourier or Galerkin"; there LN has a learned scale and
    offset, and the weights start near the identity.
    """

    def __init__(self, output_size: int, size: int = 32, heads: int = 1, name: str | None = None):
        """Raises ValueError for sizes or heads that are not integers >= 1, heads that do not divide
        size, or that leave one number for each, of which LN makes 0."""
        super().__init__(output_size=output_size, size=size, heads=heads, name=name)
        if self.size == self.heads:
            raise ValueError(
                f"size must be at least 2 heads, {2 * self.heads}, as one number normalised is 0, "
                f"got {_checks.received(size)}"
            )

    def _mix(self, queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        return attention.galerkin_attention(queries, keys, values)
