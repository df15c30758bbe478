"""Attention whose cost is linear in the tokens, as a layer."""

import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.functional import attention
from weirdonetworks.layers._heads import Heads


class LinearAttention(Heads):
    """Self-attention by features: [batch, tokens, in] -> [batch, tokens, output_size].

        y_i = sum_j phi(q_i) . phi(k_j) v_j / sum_j phi(q_i) . phi(k_j),   phi(x) = elu(x) + 1 > 0.

    Each head has queries, keys and values, linear in the tokens, of `size` / `heads` numbers each,
    and the outputs of all heads go through one affine map. Equivariant: a
    permutation of the tokens permutes the outputs; with `causal`, token i sees 0 to i alone. The
    number of tokens is static, and may change between calls.

    Initialisation: for x ~ N(0, I), queries, keys and values have unit variance (1 / sqrt(in)); the
    weights of the output are 1 / sqrt(size), its bias is 0.

    Source: Katharopoulos et al. 2020, "Transformers are RNNs".
    """

    def __init__(
        self,
        output_size: int,
        size: int = 32,
        heads: int = 1,
        causal: bool = False,
        name: str | None = None,
    ):
        """Raises ValueError for sizes or heads that are not integers >= 1, heads that do not divide
        size, or a causal that is no bool."""
        super().__init__(output_size=output_size, size=size, heads=heads, name=name)
        self.causal = _checks.flag("causal", causal)

    def _mix(self, queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        q, k = features(queries), features(keys)
        return attention.linear_attention(q, k, values, self.causal)


def features(x: tf.Tensor) -> tf.Tensor:
    """elu(x) + 1 > 0: e^x below 0, x + 1 above."""
    # Not elu(x) + 1, which is 0 in float32 from -17 on.
    return tf.where(x > 0, x + 1, tf.exp(tf.minimum(x, 0)))
