"""Search by a template that is made from another input."""

import math

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._once import Linear
from weirdonetworks.layers._generator import Generator
from weirdonetworks.layers._patch_search import PatchSearch


class DynamicFilter(PatchSearch):
    """y = sum_i w_i place_i, w = softmax_i(t . p_i / sqrt(n)), t = g(cue): where is it?

    Canvas [batch, H, W, C] or [batch, H, W], cue [batch, ...] of any shape, by default the canvas
    itself -> [batch, 2]: the expected row and column, in pixels, of a patch's centre.
    p_i are all patches of the canvas, of n = patch_size^2 C numbers, one every `stride` pixels;
    t is the template of n numbers that the generator g makes from the cue. With a `value_size`,
    what is found in place of where: y = V^T sum_i w_i p_i, [batch, value_size]. The canvas may be
    of another height and width at each call, if there is a cue of its own.

    The generator is an MLP with hidden layers of `generator_sizes` and GELUs; `()` is an affine
    map. With a `rank`, the template is a sum of that many patterns, t = U^T g(cue).

    Is it a convolution? t . p_i for all i is a correlation of the canvas with t. The zoo has no
    layers of trained kernels that slide over images; here the kernel is data, another one for each
    example, made by products of matrices and compared by products of matrices. With a generator
    that ignores the cue (its last bias alone) it would be a convolution with one kernel.

    Is it attention? With `generator_sizes=()` the scores are bilinear in cue and patch, and the
    layer is `PatchAttention`, exactly: the cue is the one query, patches are keys and values, and
    the rank is the size of the head. With hidden layers it is not, unless that attention is given
    an MLP for its query.

    Initialisation: for cues and canvases ~ N(0, I), scores have mean 0 and unit variance.

    Sources: De Brabandere et al. 2016, "Dynamic filter networks"; Bertinetto et al. 2016,
    "Fully-convolutional Siamese networks for object tracking" (correlation with an exemplar).
    """

    def __init__(
        self,
        patch_size: int,
        stride: int = 1,
        value_size: int | None = None,
        generator_sizes: tuple[int, ...] = (32,),
        rank: int | None = None,
        name: str | None = None,
    ):
        """Raises ValueError for sizes or a rank that are not integers >= 1; at the first call, for
        patches that do not fit the canvas."""
        super().__init__(patch_size=patch_size, stride=stride, value_size=value_size, name=name)
        self.generator_sizes = _checks.sizes("generator_sizes", generator_sizes)
        self.rank = None if rank is None else _checks.integer("rank", rank)

    def _make(self, patch_numbers: int) -> None:
        self.generator = Generator(self.generator_sizes, self.rank or patch_numbers, 1.0)
        if self.rank is not None:
            w_init = snt.initializers.RandomNormal(stddev=1 / math.sqrt(self.rank))
            self.patterns = Linear(patch_numbers, False, w_init, name="patterns")

    def _scores(self, cue: tf.Tensor, windows: tf.Tensor) -> tf.Tensor:
        template = self.generator(cue)
        if self.rank is not None:
            template = self.patterns(template)
        return tf.einsum("bp,bip->bi", template, windows) / math.sqrt(windows.shape[2])
