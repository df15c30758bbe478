"""Attention with one query, the cue, over the patches of an image."""

import math

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._initializers import VarianceScaling
from weirdonetworks._once import Linear
from weirdonetworks.layers._patch_search import PatchSearch


class PatchAttention(PatchSearch):
    """y = sum_i w_i v_i, w = softmax_i(q . k_i / sqrt(size)), q = Q^T cue + b, k_i = K^T p_i.

    Canvas [batch, H, W, C] or [batch, H, W], cue [batch, ...] of any shape, by default the canvas
    itself -> [batch, value_size], with v_i = V^T p_i; or, without a value_size, [batch, 2], where
    v_i is the place of the patch, its centre's row and column in pixels. p_i are all patches of
    the canvas of patch_size^2 C numbers, one every `stride` pixels. The canvas may be of another
    height and width at each call, if there is a cue of its own.

    Keys are not made: q . K^T p_i = (K q) . p_i, the same sum in another order, costs n numbers
    for each patch of n in place of n * size. K q is the template that this attention looks for:
    `DynamicFilter` with a generator without hidden layers is this layer.

    Keys have no bias: it would add the same to all scores, which the softmax does not see. That of
    the query adds b . k_i, what is looked for whatever the cue is.

    Initialisation: for cues and canvases ~ N(0, I), q, k and the scores have unit variance, b = 0.

    Source: Vaswani et al. 2017, "Attention is all you need".
    """

    def __init__(
        self,
        patch_size: int,
        stride: int = 1,
        value_size: int | None = None,
        size: int = 32,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1; at the first call, for patches
        that do not fit the canvas."""
        super().__init__(patch_size=patch_size, stride=stride, value_size=value_size, name=name)
        self.size = _checks.integer("size", size)

    def _make(self, patch_numbers: int) -> None:
        w_init = VarianceScaling(1.0, "normal")
        self.query = Linear(self.size, w_init=w_init, name="query")
        w_init = snt.initializers.RandomNormal(stddev=1 / math.sqrt(patch_numbers))
        self.k = tf.Variable(w_init([patch_numbers, self.size], self.input_dtype), name="k")

    def _scores(self, cue: tf.Tensor, windows: tf.Tensor) -> tf.Tensor:
        template = tf.matmul(self.query(cue), self.k, transpose_b=True)
        return tf.einsum("bp,bip->bi", template, windows) / math.sqrt(self.size)
