"""Dense layers of convex functions: maxima of affine functions, and two smooth forms of them."""

import math

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional import implicit_soft_maximum, maximum, soft_maximum

# |log alpha| stays below. With e^20 a soft maximum is within 2e-9 log(num_terms) of the maximum;
# float16 ends at e^11.
_LOG_ALPHA = {tf.float16: 10.0}


def log_alpha_bound(dtype: tf.DType) -> float:
    """The bound on |log alpha|."""
    return _LOG_ALPHA.get(dtype, 20.0)


class _AffinePieces(Module):
    """z_ok = b_ok + sum_i a_iok x_i: num_terms affine functions for each output."""

    def __init__(self, output_size: int, num_terms: int, name: str | None = None):
        """Raises ValueError for sizes that are not integers >= 1."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.num_terms = _checks.integer("num_terms", num_terms)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        shape = [self.input_size, self.output_size, self.num_terms]
        a = snt.initializers.TruncatedNormal(stddev=1 / math.sqrt(self.input_size))
        self.a = tf.Variable(a(shape, inputs.dtype), name="a")
        self.b = tf.Variable(tf.zeros(shape[1:], inputs.dtype), name="b")

    def _pieces(self, inputs: tf.Tensor) -> tf.Tensor:
        """[batch, in] -> [batch, output_size, num_terms]."""
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        pieces = tf.matmul(inputs, tf.reshape(self.a, [self.input_size, -1]))
        return tf.reshape(pieces, [-1, self.output_size, self.num_terms]) + self.b


class _SoftPieces(_AffinePieces):
    """Pieces and alpha > 0."""

    def __init__(
        self, output_size: int, num_terms: int, initial_alpha: float = 1.0, name: str | None = None
    ):
        """Raises ValueError for sizes that are not integers >= 1, or an initial_alpha outside
        [1e-4, 1e4]."""
        super().__init__(output_size=output_size, num_terms=num_terms, name=name)
        self.initial_alpha = _checks.number("initial_alpha", initial_alpha, 1e-4, 1e4)

    @once
    def _initialize_alpha(self, shape: tuple[int, ...], dtype: tf.DType):
        bound = log_alpha_bound(dtype)
        theta = bound * math.atanh(math.log(self.initial_alpha) / bound)
        self.theta = tf.Variable(tf.fill(shape, tf.cast(theta, dtype)), name="theta")

    @property
    def alpha(self) -> tf.Tensor:
        """The sharpness of the maximum, its inverse temperature."""
        bound = log_alpha_bound(self.theta.dtype)
        return tf.exp(bound * tf.tanh(self.theta / bound))


class MaxAffineDense(_AffinePieces):
    """Maxima of affine functions: y_o = max_k (b_ok + sum_i a_iok x_i).

    [batch, in] -> [batch, output_size], for any real x; each output has num_terms pieces of its
    own. Convex in x, piecewise linear, and any convex function in the limit of many pieces. With
    x = log u and y = log w it is w = max_k c_k prod_i u_i^a_ik, the max-monomials of geometric
    programming, log-log convex.

    Initialisation: for x ~ N(0, I) a piece has about unit variance (a ~ 1 / sqrt(in)), and b = 0.

    Source: Magnani and Boyd 2009, "Convex piecewise-linear fitting".
    """

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        return maximum(self._pieces(inputs))


class SoftmaxAffineDense(_SoftPieces):
    """Soft maxima: y_o = (1 / alpha_o) log sum_k exp(alpha_o (b_ok + sum_i a_iok x_i)).

    [batch, in] -> [batch, output_size], for any real x. Convex in x and smooth; between the largest
    piece and that + log(num_terms) / alpha, so for alpha -> infinity a `MaxAffineDense`. With
    x = log u and y = log w, w^alpha is a posynomial of u: for alpha = 1, a `PosynomialDense` in
    which each output has terms of its own.

    Each output learns its inverse temperature: alpha = exp(20 tanh(theta / 20)), which is about
    exp(theta) for small theta and within e^-20 .. e^20 (10 for 20 in float16). It begins as
    `initial_alpha`: with 1 and x ~ N(0, I), the pieces differ by about 1, so that every one has a
    part in the output and a gradient. Pieces as in `MaxAffineDense`.

    Source: Hoburg, Kirschen and Abbeel 2016, "Data fitting with geometric-programming-compatible
    softmax functions". The bound on alpha is ours.
    """

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        pieces = self._pieces(inputs)
        self._initialize_alpha((self.output_size,), pieces.dtype)
        return soft_maximum(pieces, self.alpha)


class ImplicitSoftmaxAffineDense(_SoftPieces):
    """Implicit soft maxima: y_o solves sum_k exp(alpha_ok (b_ok + sum_i a_iok x_i - y_o)) = 1.

    [batch, in] -> [batch, output_size], for any real x. Convex in x: the left side is a convex
    function of (x, y) that falls with y, so that the set of the (x, y) above the graph is convex.
    Every piece has an alpha of its own, sharp corners beside soft ones; with equal alpha it is a
    `SoftmaxAffineDense`. With x = log u and y = log w, it is the posynomial equation
    sum_k c_k u^a_k / w^alpha_k = 1 (with other a and c), which a geometric program takes as it is.

    alpha, its start and the pieces as in `SoftmaxAffineDense`; the equation is solved by Newton's
    method, whose derivatives are exact up to the third (see `functional.implicit_soft_maximum`).

    Source: Hoburg, Kirschen and Abbeel 2016, as above.
    """

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        pieces = self._pieces(inputs)
        self._initialize_alpha((self.output_size, self.num_terms), pieces.dtype)
        return implicit_soft_maximum(pieces, self.alpha)
