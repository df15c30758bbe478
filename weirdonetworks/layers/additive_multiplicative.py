"""A dense layer between sums and products."""

import math
from collections.abc import Sequence

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional import exp_iterate, superexp
from weirdonetworks.layers import _alpha
from weirdonetworks.layers.posynomial import log_maximum

# Below, rounding to float32 moves the lowest input to the edge itself, where slopes are infinite.
FLOORS = (1e-6, 1.0)
STARTS = ("means", "forms")


class AdditiveMultiplicativeDense(Module):
    """y_o = exp^[a_o](b_o + sum_i w_io exp^[-a_o](x_i)), 0 <= a <= 1: [batch, in] -> [batch, out].

    a leads from sums to products: a = 0 is the dense layer x W + b, a = 1 the monomials
    e^b_o prod_i x_i^w_io (`PosynomialDense` has sums of them), by the fractional iterates
    `functional.exp_iterate`. `alpha` is a number for all outputs, or a sequence with one for each.
    With `trainable_alpha`, learning starts there, and each output learns its own a, or with
    `shared_alpha` all of them the same.

    A learned a is a variable theta, cut to [0, 1] so that it reaches both ends and leaves them
    again, with the gradient of the identity. (A sigmoid never arrives; (1 - cos(pi theta)) / 2
    does, but cannot leave an end at which it starts; behind a plain cut, what momentum has carried
    out stays out.) Not every a means something: an output that passes on one input, w = 1 and
    b = 0, is the same for all of them.

    Domain: exp^[-a](x) is real for x > sexp(a - 2), the `lower_edge`: no limit for a = 0, -0.696
    for a = 1/2, 0 for a = 1. Outputs of a layer lie above the edge of any layer of the same or a
    smaller a. For inputs that do not,

    * x is replaced by max(x, exp^[a](log floor)), the `lowest_input`, where exp^[-a] is log floor;
      for a = 1 that is the floor itself. Below it, exp^[-a](x) is constant: its gradients in x and
      in a are zero. For a = 0 nothing is replaced; it is the one a without a limit.
    * With `floor=None`, exp^[-a](x) is -inf at the edge, and outputs are NaN below.

    Outputs stop at e^60 = 1e26 in float32, e^600 in float64 and e^8 in half precision: above, y is
    constant, and its gradients are zero. For a = 0 they do not stop. So values and gradients in x,
    W, b and a are finite for |x| up to 1e30 in float32, unless the sum over i overflows. Large they
    can be: exp^[-a] has slopes up to about 1 / floor near the edge, and exp^[1/2](85) is 90,476.
    Clip gradients where data come near.

    Initialisation, b = 0 and W by `start`:

    * "means": w > 0, sum_i w_io = 1, spread over more than a decade. Outputs are quasi-arithmetic
      means of the inputs, between the smallest and the largest: they cannot overflow, at any a and
      number of inputs. The start to learn formulas of positive variables from.
    * "forms": w ~ N(0, 1 / in). For inputs exp^[a](z), z ~ N(0, I), the forms inside exp^[a] have
      unit variance, so that outputs are distributed as the inputs are, at every a. Weights of the
      wrong sign seldom return: with two layers for x1 + x2 x3, 3 of 10 seeds find the formula, and
      10 of 10 from "means" (`training/studies/sum_or_product`).

    Memory: one a for all outputs needs [batch, in] numbers exp^[-a](x), an a for each output
    [batch, in, out].

    Source: Urban and van der Smagt 2015, "A neural transfer function for a smooth and
    differentiable transition between additive and multiplicative interactions". Theirs is complex
    where ours has an edge, with Schroeder's or a piecewise linear iterate in place of Kneser's.
    """

    def __init__(
        self,
        output_size: int,
        alpha: float | Sequence[float] = 0.5,
        trainable_alpha: bool = True,
        shared_alpha: bool = False,
        with_bias: bool = True,
        floor: float | None = 1e-3,
        start: str = "means",
        name: str | None = None,
    ):
        """Raises ValueError for a size that is not an integer >= 1, an alpha outside [0, 1], or
        several of them that are shared or not output_size, a floor outside [1e-6, 1], or an
        unknown start."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.trainable_alpha = _checks.flag("trainable_alpha", trainable_alpha)
        self.shared_alpha = _checks.flag("shared_alpha", shared_alpha)
        self.with_bias = _checks.flag("with_bias", with_bias)
        self.floor = None if floor is None else _checks.number("floor", floor, *FLOORS)
        self.start = _checks.choice("start", start, STARTS)
        if (
            isinstance(alpha, (Sequence, np.ndarray))
            and not isinstance(alpha, str)
            and (isinstance(alpha, Sequence) or np.ndim(alpha))
        ):
            if self.shared_alpha or len(alpha) != self.output_size:
                rule = "a number if it is shared" if self.shared_alpha else f"{output_size} numbers"
                raise ValueError(f"alpha must be {rule}, got {_checks.received(alpha)}")
            alphas = [_checks.number(f"alpha[{i}]", a, 0, 1) for i, a in enumerate(alpha)]
            self.initial_alpha = tuple(alphas)
        else:
            self.initial_alpha = _checks.number("alpha", alpha, 0, 1)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        shape = [self.input_size, self.output_size]
        if self.start == "means":
            w = tf.nn.softmax(tf.random.truncated_normal(shape, dtype=inputs.dtype), axis=0)
        else:
            stddev = 1 / math.sqrt(self.input_size)
            w = snt.initializers.RandomNormal(stddev=stddev)(shape, inputs.dtype)
        self.w = tf.Variable(w, name="w")
        if self.with_bias:
            self.b = tf.Variable(tf.zeros([self.output_size], inputs.dtype), name="b")
        if self.trainable_alpha:
            theta = tf.constant(self.initial_alpha, inputs.dtype)
            shape = [] if self.shared_alpha else [self.output_size]
            self.theta = tf.Variable(tf.broadcast_to(theta, shape), name="theta")

    @property
    def alpha(self) -> float | tf.Tensor:
        """a: a number if fixed for all outputs, else a tensor [] if shared or [output_size]."""
        if hasattr(self, "theta"):
            return _alpha.bounded(self.theta)
        if isinstance(self.initial_alpha, tuple):
            return tf.constant(self.initial_alpha, self._dtype)
        return self.initial_alpha

    @property
    def _dtype(self) -> tf.DType:
        return getattr(self, "input_dtype", tf.float32)  # the default before the first call

    @property
    def lower_edge(self) -> tf.Tensor:
        """sexp(a - 2), above which exp^[-a] is real, in the shape of a; -inf for a = 0."""
        return superexp(tf.convert_to_tensor(self.alpha, self.input_dtype) - 2)

    @property
    def lowest_input(self) -> tf.Tensor:
        """What inputs below are replaced by, in the shape of a: -inf for a = 0; without a floor,
        the `lower_edge`."""
        if self.floor is None:
            return self.lower_edge
        alpha = tf.convert_to_tensor(self.alpha, self.input_dtype)
        lowest = exp_iterate(tf.constant(math.log(self.floor), alpha.dtype), alpha)
        return tf.where(alpha == 0, tf.constant(-np.inf, alpha.dtype), lowest)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        alpha = self.alpha
        if tf.is_tensor(alpha):
            alpha = tf.cast(alpha, inputs.dtype)  # which mixed precision changes
        if getattr(alpha, "shape", ()) == ():
            form = tf.matmul(self._inverse(inputs, alpha), self.w)
        else:
            form = tf.einsum("bio,io->bo", self._inverse(inputs[:, :, None], alpha), self.w)
        if self.with_bias:
            form += self.b
        end = tf.constant(log_maximum(form.dtype), form.dtype)
        limit = exp_iterate(end, 1 - alpha)
        return _iterate(form, alpha, form > limit, limit, tf.exp(end))

    def _inverse(self, inputs: tf.Tensor, alpha: float | tf.Tensor) -> tf.Tensor:
        """exp^[-a] of the inputs, or of the lowest input."""
        if self.floor is None:
            return exp_iterate(inputs, -alpha)
        start = tf.constant(math.log(self.floor), inputs.dtype)
        limit = exp_iterate(start, alpha)
        return _iterate(inputs, -alpha, inputs < limit, limit, start)


def _iterate(
    x: tf.Tensor, alpha: float | tf.Tensor, outside: tf.Tensor, limit: tf.Tensor, end: tf.Tensor
) -> tf.Tensor:
    """exp^[alpha](x), and outside the limit the `end` that it has there; x for alpha = 0."""
    # Constant outside, rather than the iterate of a maximum: the gradients in alpha of the iterate
    # and of its limit would cancel there, but for roundings that a steep slope magnifies.
    y = _alpha.iterate(tf.where(outside, tf.stop_gradient(limit), x), alpha)
    return tf.where(outside, tf.where(tf.equal(alpha, 0), x, end), y)
