"""Dense layers of posynomials and signomials: sums of products of real powers."""

import math

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once

# Within one output, coefficients lie within exp(+-_LOG_SPREAD) of each other's geometric mean.
# With terms divided by the largest one, a sum is then at least exp(-20): it cannot underflow.
_LOG_SPREAD = 20.0

# The logarithm of the initial share of an output in the terms of the others.
_FOREIGN = 8.0

# Floors outside could be 0 or infinite in float32.
FLOORS = (1e-30, 1e30)

# A linear output stops at exp(60) = 1e26 in float32 (exp(600) in float64), which leaves room for
# the factors exponent / x of its gradient below the largest float32, 3e38.
_LOG_MAXIMUM = {tf.float32: 60.0, tf.float64: 600.0}


def log_maximum(dtype: tf.DType) -> float:
    """The bound on the logarithm of a linear output."""
    return _LOG_MAXIMUM.get(dtype, 8.0)


class _Monomials(Module):
    """log m_k = sum_i a_ki log max(x_i, floor): the part that posynomials and signomials share."""

    def __init__(
        self,
        output_size: int,
        num_terms: int,
        floor: float = 1e-6,
        log_input: bool = False,
        nonnegative_exponents: bool = False,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.num_terms = _checks.integer("num_terms", num_terms)
        self.floor = _checks.number("floor", floor, *FLOORS)
        self.log_input = _checks.flag("log_input", log_input)
        self.nonnegative_exponents = _checks.flag("nonnegative_exponents", nonnegative_exponents)

    def _initialize_exponents(self, dtype: tf.DType):
        n = self.input_size
        shape = [n, self.num_terms]
        if self.nonnegative_exponents:
            # Weighted geometric means at first: each column of softplus(.) sums to about 1, with
            # exponents spread over more than a decade so that the terms differ.
            exponents = tf.exp(tf.random.truncated_normal(shape, dtype=dtype)) / (1.5 * n)
            self.raw_exponents = tf.Variable(tf.math.log(tf.math.expm1(exponents)), name="a")
        else:
            exponents = snt.initializers.TruncatedNormal(stddev=1 / math.sqrt(n))(shape, dtype)
            self.raw_exponents = tf.Variable(exponents, name="a")

    @property
    def exponents(self) -> tf.Tensor:
        """The exponents a, [in, num_terms]."""
        if self.nonnegative_exponents:
            return tf.nn.softplus(self.raw_exponents)
        return tf.convert_to_tensor(self.raw_exponents)

    def _log_terms(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Logarithms of the monomials [batch, num_terms] less their largest, and the largest."""
        if self.log_input:
            log_x = inputs
        else:
            if tf.executing_eagerly() and tf.reduce_any(inputs < 0):
                raise ValueError(
                    f"{type(self).__name__} inputs must be >= 0 (real powers of negative numbers "
                    f"are not real), got a minimum of {float(tf.reduce_min(inputs))}"
                )
            # In this order, the gradient of an input at the floor goes to the floor.
            log_x = tf.math.log(tf.maximum(tf.constant(self.floor, inputs.dtype), inputs))
        log_m = tf.matmul(log_x, self.exponents)
        # The shift cancels in the result, so it takes no part in the gradient.
        shift = tf.stop_gradient(tf.reduce_max(log_m, axis=1, keepdims=True))
        return log_m - shift, shift


class PosynomialDense(_Monomials):
    """Posynomials: y_o = sum_k c_ok prod_i x_i^a_ki with c > 0 and real a.

    [batch, in] -> [batch, output_size], for x >= 0. The num_terms monomials are shared by the
    outputs, W_w exp(W_p ln x) (docs/ideas/posynomials.md). Everything happens in log space,

        log y_o = b_o + logsumexp_k (s_ok + sum_i a_ki log x_i),    |s_ok| <= 20,

    with c_ok = exp(b_o + s_ok) and s = 20 tanh(theta / 20): within one output, no coefficient is
    more than e^40 = 2e17 times another. That bound is what makes the sum safe in float32 without
    a [batch, output_size, num_terms] array: divided by the largest monomial it is >= e^-20.

    * Zeros: x is replaced by max(x, floor), so that y is finite; below the floor, and at it, the
      gradient in x is zero.
    * Linear output (`log_output=False`): y = exp(min(log y, 60)) in float32, 600 in float64, 8 in
      half precision; above that bound y is constant and its gradient zero. The log output has no
      bound.
    * Negative input: ValueError in eager mode. In a graph it is treated as zero, that is, as the
      floor. With `log_input=True` the input is log x, any real, and no floor applies.

    log y is convex in log x: posynomials are log-log convex. A posynomial of posynomials is, too,
    if its exponents are not negative (`nonnegative_exponents=True`, a = softplus(.)). A
    `SignomialDense` is not.

    Initialisation: for log x ~ N(0, I) the logarithms of the monomials have about unit variance
    (a ~ 1 / sqrt(in)). The terms are dealt out to the outputs in turn: the coefficients of an
    output's own terms are about 1, those of the others about e^-8. With all coefficients alike the
    outputs would be nearly the same average of all terms, and the gradients too. Nonnegative
    exponents begin as weighted geometric means, sum_i a_ki about 1.

    Source: Boyd, Kim, Vandenberghe and Hassibi 2007, "A tutorial on geometric programming".
    """

    def __init__(
        self,
        output_size: int,
        num_terms: int,
        floor: float = 1e-6,
        log_input: bool = False,
        log_output: bool = False,
        nonnegative_exponents: bool = False,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, or a floor outside
        [1e-30, 1e30]."""
        super().__init__(
            output_size=output_size,
            num_terms=num_terms,
            floor=floor,
            log_input=log_input,
            nonnegative_exponents=nonnegative_exponents,
            name=name,
        )
        self.log_output = _checks.flag("log_output", log_output)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        self._initialize_exponents(inputs.dtype)
        terms, outputs = np.arange(self.num_terms)[:, None], np.arange(self.output_size)
        own = (terms % self.output_size == outputs) | (terms == outputs % self.num_terms)
        theta = tf.where(own, 0.0, -_FOREIGN) + 0.1 * tf.random.normal(own.shape)
        self.theta = tf.Variable(tf.cast(theta, inputs.dtype), name="theta")
        self.b = tf.Variable(tf.zeros([self.output_size], inputs.dtype), name="b")

    @property
    def coefficients(self) -> tf.Tensor:
        """The coefficients c, [num_terms, output_size], all > 0."""
        return tf.exp(self.b + self._log_spread())

    def _log_spread(self) -> tf.Tensor:
        return _LOG_SPREAD * tf.tanh(self.theta / _LOG_SPREAD)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        log_m, shift = self._log_terms(inputs)
        # In float32 at least: in float16, a sum of e^-20 is 0.
        wide = tf.float32 if log_m.dtype.size < 4 else log_m.dtype
        m, c = (tf.exp(tf.cast(log, wide)) for log in (log_m, self._log_spread()))
        log_y = tf.cast(tf.math.log(tf.matmul(m, c)), log_m.dtype) + shift + self.b
        if self.log_output:
            return log_y
        return tf.exp(tf.minimum(log_y, log_maximum(log_y.dtype)))


class SignomialDense(_Monomials):
    """Signomials: y_o = sum_k c_ok prod_i x_i^a_ki with real c and a.

    [batch, in] -> [batch, output_size], for x >= 0: the difference of two posynomials with common
    monomials, W_w exp(W_p ln x) with any W_w. Floor, negative and logarithmic inputs as in
    `PosynomialDense`. The largest monomial of a row is taken out,

        y = exp(s) (C exp(log m - s)),    s = min(max_k log m_k, 60)  (600 in float64),

    so y stays finite: a row whose largest monomial exceeds e^60 is scaled down to it.

    Not log-log convex, and y may be negative, so there is no log output. Initialisation:
    a ~ 1 / sqrt(in), c ~ 1 / sqrt(num_terms).
    """

    def __init__(
        self,
        output_size: int,
        num_terms: int,
        floor: float = 1e-6,
        log_input: bool = False,
        nonnegative_exponents: bool = False,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, or a floor outside
        [1e-30, 1e30]."""
        super().__init__(
            output_size=output_size,
            num_terms=num_terms,
            floor=floor,
            log_input=log_input,
            nonnegative_exponents=nonnegative_exponents,
            name=name,
        )

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        self._initialize_exponents(inputs.dtype)
        c = snt.initializers.TruncatedNormal(stddev=1 / math.sqrt(self.num_terms))
        self.c = tf.Variable(c([self.num_terms, self.output_size], inputs.dtype), name="c")

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        log_m, shift = self._log_terms(inputs)
        scale = tf.exp(tf.minimum(shift, log_maximum(shift.dtype)))
        return scale * tf.matmul(tf.exp(log_m), self.c)
