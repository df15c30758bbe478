"""Dense layers whose parameters activate themselves."""

import math
import statistics

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional.parameter_activations import SHARES, get_parameter_activation

SIGNS = ("positive", "concat", "paired", "soft")
# Equally likely values of a standard normal variable.
_QUANTILES = np.array([statistics.NormalDist().inv_cdf((i + 0.5) / 4000) for i in range(4000)])
_LARGEST_ERROR = 0.05  # of the spread: an upper bound for the change of mean and deviation


class AutoactivationDense(Module):
    """y = A x + b with A = phi(W): [batch, in] -> [batch, output_size].

    phi is one of `functional.PARAMETER_ACTIVATIONS`. Most have a positive range, so signs come in
    one of four ways:

    * `positive`: y = phi(W) x + b as it stands, for positive data (which is not checked: inputs of
      any sign are multiplied by the positive weights);
    * `concat`: y = phi(W) [x, -x] + b, one matrix of 2 in rows;
    * `paired`: y = (phi(W+) - phi(W-)) x + b, the same functions as `concat`; with
      `normalize` each of the two is normalised by itself;
    * `soft`: y = (phi(W) tanh(S)) x + b, elementwise, with a learned softened sign tanh(S).

    `normalize="sum"` divides the effective weights of each output by their sum over the inputs:
    convex combinations of the inputs with `positive`, of x and -x together with `concat`,
    differences of two with `paired`; `soft` multiplies the normalised weights by their signs. For
    maps with a positive range: exp (a softmax), square, softplus, exp_exp. No size of W overflows
    in it, but W = 0 all over a column has no such weights by square (NaN).

    Initialisation is through phi: the effective weights are drawn, and W = phi^-1(A). With l the
    lower end of phi's range (0 where it is unbounded), A = l + a log-normal amount whose mean
    equals its standard deviation, chosen such that

    * `concat`, `paired`, `soft`: the matrix that multiplies x in the end (the difference of the
      halves; A tanh(S) with uniform tanh(S)) has mean 0 and standard deviation scale / sqrt(in);
    * `positive`: A - l has mean and standard deviation scale / in, so that inputs of about 1 make
      outputs of about scale (more by l times their sum for exp_exp, whose weights exceed l = 1).

    `normalize` divides what was drawn in this way.

    A scale whose weights the type cannot hold is refused at the first call: of log, W = exp(A)
    rounds A away if it is small, and overflows if it is large; of exp_exp, A = 1 + ... rounds what
    is added. In float32 the deviation of A - l must be at least about 1e-6 for both of them (for
    exp_exp, not with `soft`, where the signs have the spread), and at most about 7 for log.

    Source: docs/ideas/autoactivation.md; for phi = square and exp, gradient flow on W is
    unnormalised exponentiated gradient, respectively mirror descent, on A (Amid and Warmuth 2020,
    "Reparameterizing mirror descent as gradient descent").
    """

    def __init__(
        self,
        output_size: int,
        parameter_activation: str = "exp",
        sign: str = "paired",
        normalize: str | None = None,
        with_bias: bool = True,
        scale: float = 1.0,
        name: str | None = None,
    ):
        """Raises ValueError for unknown names, sizes < 1, scale <= 0, or a map without a
        positive range together with `normalize`; at the first call, for a scale whose spread the
        type of the inputs cannot hold."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        get_parameter_activation(parameter_activation)
        self.parameter_activation = parameter_activation
        self.sign = _checks.choice("sign", sign, SIGNS)
        if normalize is not None:
            _checks.choice("normalize", normalize, ["sum"])
            _checks.choice(
                "parameter_activation (with normalize='sum')", parameter_activation, SHARES
            )
        self.normalize = normalize
        self.with_bias = _checks.flag("with_bias", with_bias)
        self.scale = _checks.positive("scale", scale)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        n, dtype = self.input_size, inputs.dtype
        self._check_scale(dtype)
        rows = 2 * n if self.sign == "concat" else n
        if self.sign == "paired":
            self.w = self._parameters("w_plus", [rows, self.output_size], dtype)
            self.w_minus = self._parameters("w_minus", [rows, self.output_size], dtype)
        else:
            self.w = self._parameters("w", [rows, self.output_size], dtype)
        if self.sign == "soft":
            sign = self._sign_bound() * tf.random.uniform([n, self.output_size], -1, 1, dtype)
            self.s = tf.Variable(tf.atanh(sign), name="s")
        if self.with_bias:
            self.b = tf.Variable(tf.zeros([self.output_size], dtype), name="b")

    def _lower(self) -> float:
        return max(0.0, get_parameter_activation(self.parameter_activation).lower)

    def _spread(self) -> float:
        """Mean and standard deviation of A - l."""
        n = self.input_size
        if self.sign == "positive":
            return self.scale / n
        return self.scale * math.sqrt((1.5 if self.sign == "soft" else 0.5) / n)

    def _sign_bound(self) -> float:
        """The r for which r uniform(-1, 1) makes A tanh(S) have variance scale^2 / in."""
        second_moment = (self._lower() + self._spread()) ** 2 + self._spread() ** 2
        r = self.scale * math.sqrt(3 / (self.input_size * second_moment))
        return min(r, 1.0) * (1 - 1e-6)

    def _check_scale(self, dtype: tf.DType) -> None:
        """Raises ValueError if A, from W in this type, is not what was drawn."""
        mu, sigma = self._log_normal()
        # With `soft`, what is multiplied by signs is all of A, and not what exceeds l.
        size = self._spread() + (self._lower() if self.sign == "soft" else 0)
        with tf.init_scope(), np.errstate(over="ignore", invalid="ignore"):
            if not tf.executing_eagerly():  # a graph of TensorFlow 1 has no values to look at
                return
            drawn = np.exp(mu + sigma * _QUANTILES)
            w = self._invert(tf.constant(drawn, dtype))
            a = get_parameter_activation(self.parameter_activation).forward(w)
            error = np.sqrt(np.mean(np.square((a.numpy() - self._lower() - drawn) / size)))
        if not error < _LARGEST_ERROR:
            raise ValueError(
                f"scale must be such that {dtype.name} can hold the initial weights (here by "
                f"{self.parameter_activation!r}, {self.input_size} inputs), got {self.scale!r}"
            )

    def _log_normal(self) -> tuple[float, float]:
        """mu and sigma of a variable whose mean equals its standard deviation s."""
        # exp(sigma^2) - 1 = 1 and exp(mu + sigma^2 / 2) = s.
        return math.log(self._spread() / math.sqrt(2)), math.sqrt(math.log(2))

    def _invert(self, amount: tf.Tensor) -> tf.Tensor:
        """W for A = l + amount, the nearest that is finite."""
        lower, dtype = self._lower(), amount.dtype
        a = lower + amount
        if lower:
            a = tf.maximum(a, np.nextafter(dtype.as_numpy_dtype(lower), dtype.max))
        w = get_parameter_activation(self.parameter_activation).inverse(a)
        return tf.minimum(w, dtype.max)

    def _parameters(self, name: str, shape: list[int], dtype: tf.DType) -> tf.Variable:
        w = self._invert(tf.exp(tf.random.normal(shape, *self._log_normal(), dtype)))
        return tf.Variable(w, name=name)

    def _activate(self, w: tf.Tensor) -> tf.Tensor:
        if self.normalize:
            return SHARES[self.parameter_activation](w)
        return get_parameter_activation(self.parameter_activation).forward(w)

    @property
    def effective_weights(self) -> tf.Tensor:
        """The matrix A that multiplies the inputs, [in, output_size] ([2 in, ...] for concat)."""
        a = self._activate(self.w)
        if self.sign == "paired":
            return a - self._activate(self.w_minus)
        return a * tf.tanh(self.s) if self.sign == "soft" else a

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        x = tf.concat([inputs, -inputs], axis=1) if self.sign == "concat" else inputs
        y = tf.matmul(x, self.effective_weights)
        return y + self.b if self.with_bias else y
