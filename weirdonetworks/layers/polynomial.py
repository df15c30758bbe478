"""Dense layers of polynomials of their input."""

import math

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional.monomials import (
    MOST_DEGREE,
    monomial_indices,
    monomials_transposed,
)


class PolynomialDense(Module):
    """Polynomials of degree d of the input, y: [batch, n] -> [batch, output_size].

    With `rank=None`, all monomials, each once (packed; the n^d products of an outer product, of
    which about d! are equal, are never made):

        y_o = sum_m w_mo prod_{i in m} x_i,    m over the binomial(n + d, d) monomials,

    or, with `homogeneous`, over the binomial(n + d - 1, d) of degree d exactly. With a rank r,
    sums of r products of d linear forms:

        y_o = b_o + sum_r c_ro prod_{k=1..d} (v_rk . x + u_rk),

    without b and u if homogeneous. Every polynomial is such a sum once r is large enough (Waring
    decomposition; r = binomial(n + d, d) suffices), at the price of d n r weights in place of n^d.

    Initialisation: for x ~ N(0, I) the outputs have mean 0 and about unit variance at every
    degree. Exact form: E m(x)^2 = prod_i (2 k_i - 1)!! for a monomial with powers k_i, and each
    degree that is present contributes an equal share; the constant starts at zero. (For the full
    form x'Wx the corresponding standard deviation is 1 / sqrt(n (n + 2)); 1 / sqrt(n) would make
    outputs of standard deviation about sqrt(n).) Low-rank form: v ~ 1 / sqrt(n), u = b = 0, and
    c ~ 1 / sqrt(r m), where m = E (|x|^2 / n)^d = prod_{k<d} (1 + 2 k / n) is what d forms of one
    and the same x, each of variance |x|^2 / n, multiply to.

    Sources: Giles and Maxwell 1987, "Learning, invariance, and generalization in high-order neural
    networks" (the exact form); Blondel et al. 2016, "Polynomial networks and factorization
    machines" (the low-rank form; theirs shares the d forms of a product, ours does not).
    """

    def __init__(
        self,
        output_size: int,
        degree: int = 2,
        rank: int | None = None,
        homogeneous: bool = False,
        name: str | None = None,
    ):
        """Raises ValueError for sizes, degrees or ranks that are not integers >= 1."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.degree = _checks.integer("degree", degree, maximum=MOST_DEGREE)
        self.rank = None if rank is None else _checks.integer("rank", rank)
        self.homogeneous = _checks.flag("homogeneous", homogeneous)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        n, dtype = self.input_size, inputs.dtype
        if self.rank is None:
            stddev = monomial_stddev(n, self.degree, self.homogeneous)
            stddev = tf.constant(stddev[:, None], dtype)
            w = stddev * tf.random.normal([stddev.shape[0], self.output_size], dtype=dtype)
            self.w = tf.Variable(w, name="w")
            return
        size = (n * self.degree + self.output_size) * self.rank * dtype.size
        _checks.memory("rank must leave weights that fit in memory", self.rank, size)
        forms = snt.initializers.RandomNormal(stddev=1 / math.sqrt(n))
        moment = math.prod(1 + 2 * k / n for k in range(self.degree))
        mix = snt.initializers.RandomNormal(stddev=1 / math.sqrt(self.rank * moment))
        self.v = tf.Variable(forms([n, self.degree * self.rank], dtype), name="v")
        if not self.homogeneous:
            self.u = tf.Variable(tf.zeros([self.degree * self.rank], dtype), name="u")
        self.c = tf.Variable(mix([self.rank, self.output_size], dtype), name="c")
        if not self.homogeneous:
            self.b = tf.Variable(tf.zeros([self.output_size], dtype), name="b")

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        if self.rank is None:
            x = monomials_transposed(inputs, self.degree, self.homogeneous)
            return tf.matmul(x, self.w, transpose_a=True)
        forms = tf.matmul(inputs, self.v)
        if not self.homogeneous:
            forms += self.u
        product, *rest = tf.split(forms, self.degree, axis=1)
        for form in rest:
            product *= form
        outputs = tf.matmul(product, self.c)
        return outputs if self.homogeneous else outputs + self.b


def monomial_stddev(num_variables: int, degree: int, homogeneous: bool = False) -> np.ndarray:
    """The standard deviation of the weight of each monomial at the start, [num_monomials]."""
    indices = monomial_indices(num_variables, degree, homogeneous)
    constant = -1 if homogeneous else 0
    # Walking along a row, the k-th occurrence of a variable multiplies E x^2k by 2k - 1.
    second_moment = np.ones(len(indices))
    power = np.zeros(len(indices))
    for k in range(degree):
        repeated = indices[:, k] == indices[:, k - 1] if k else np.zeros(len(indices), bool)
        power = np.where(repeated, power + 1, 1)
        second_moment *= np.where(indices[:, k] == constant, 1, 2 * power - 1)
    degrees = np.sum(indices != constant, axis=1)
    total = np.bincount(degrees, second_moment, minlength=degree + 1)
    shares = 1 if homogeneous else degree
    return np.where(degrees == 0, 0, 1 / np.sqrt(shares * total[degrees]))
