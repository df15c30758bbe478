"""Dense layers in which two linear forms modulate each other, without roles."""

import functools

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._initializers import VarianceScaling
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.functional import exp_iterate
from weirdonetworks.layers import _alpha

# Spreads of the outputs at the start that the table of `product_stddev` holds for every alpha.
SCALES = (0.01, 10.0)


class ComodulationDense(Module):
    """y = f(V x + v) * f(W x + w) + b with f = exp^[alpha]: [batch, in] -> [batch, output_size].

    Both factors are of one kind: exchanging (V, v) and (W, w) changes nothing, not even a bit. In
    the gate (V x) exp(W x) (`GatedDense`) one modulates and the other is modulated. alpha leads
    from products to sums: a product of two affine forms for alpha = 0, a quadratic form of rank one
    for each unit (`PolynomialDense` of degree 2 with rank output_size, c = I); one exponential
    exp((V + W) x + v + w) for alpha = 1. In between, y grows above every polynomial and below every
    exponential.

    alpha is a number in [0, 1], 1/2 being the fast `half_exp`; for alpha < 0, f is NaN below
    sexp(-2 - alpha), and nothing keeps V x above. With `trainable_alpha`, each unit learns its own
    from `alpha` on, cut to [0, 1] so that it reaches both ends and leaves them again. (A sigmoid
    cannot start at an end, and is slow to come near one; behind a plain cut, one that went outside
    would stay there. At 0, inputs of f below -40 take no part in the gradient in alpha, e^-x.)

    Initialisation: for x ~ N(0, I), the outputs have mean 0 and standard deviation `scale`, in
    [0.01, 10], at every alpha. V and W ~ s / sqrt(in), where s solves

        (E f(s z)^2)^2 - (E f(s z))^4 = scale^2,    z ~ N(0, 1),

    (for scale 1: 1.00, 1.01, 0.83, 0.65, 0.49 for alpha 0, 1/4, 1/2, 3/4, 1), v = w = 0 and
    b = -(E f(s z))^2. Without biases, the mean is (E f(s z))^2.

    Overflow in float32: where V x = W x exceeds 1.8e19, 1.7e7, 6,000, 230, 44 for these alphas.

    Source: docs/ideas/products_without_roles.md.
    """

    def __init__(
        self,
        output_size: int,
        alpha: float = 0.5,
        trainable_alpha: bool = False,
        with_bias: bool = True,
        scale: float = 1.0,
        name: str | None = None,
    ):
        """Raises ValueError for a size that is not an integer >= 1, an alpha outside [0, 1], or a
        scale outside [0.01, 10]."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.initial_alpha = _checks.number("alpha", alpha, 0, 1)
        self.trainable_alpha = _checks.flag("trainable_alpha", trainable_alpha)
        self.with_bias = _checks.flag("with_bias", with_bias)
        self.scale = _checks.number("scale", scale, *SCALES)
        stddev, self._mean = product_stddev(self.initial_alpha, self.scale)
        w_init = VarianceScaling(stddev**2, "normal")
        self.v = Linear(self.output_size, self.with_bias, w_init, name="v")
        self.w = Linear(self.output_size, self.with_bias, w_init, name="w")

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype

        def fill(value: float, name: str) -> tf.Variable:
            return tf.Variable(tf.fill([self.output_size], tf.cast(value, inputs.dtype)), name=name)

        if self.trainable_alpha:
            self.theta = fill(self.initial_alpha, "theta")
        if self.with_bias:
            self.b = fill(-self._mean, "b")

    @property
    def alpha(self) -> float | tf.Tensor:
        """The number, also before the first call, or those of the units, [output_size]."""
        return _alpha.bounded(self.theta) if hasattr(self, "theta") else self.initial_alpha

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        alpha = self.alpha
        y = _alpha.iterate(self.v(inputs), alpha) * _alpha.iterate(self.w(inputs), alpha)
        return y + self.b if self.with_bias else y


@functools.cache
def product_stddev(alpha: float, scale: float) -> tuple[float, float]:
    """(s, m): f(s z) f(s z') with f = exp^[alpha] has standard deviation `scale` and mean m.

    z and z' are independent, N(0, 1).
    """
    stddev = np.geomspace(1e-3, 4, 1000)
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    weights /= weights.sum()
    with tf.init_scope():
        f = exp_iterate(tf.constant(np.outer(stddev, nodes)), alpha).numpy()
    mean, square = np.square(f @ weights), np.square(np.square(f) @ weights)
    s = np.exp(np.interp(np.log(scale), np.log(square - mean**2) / 2, np.log(stddev)))
    return float(s), float(np.interp(s, stddev, mean))
