"""The universal regressor: numbers as a sign, an octave and digits."""

import math
from typing import NamedTuple

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.functional.convex_combinations import convex_combination
from weirdonetworks.functional.squashes import SQUASHES, get_squash
from weirdonetworks.layers.posynomial import FLOORS

FEATURES = ("log", "raw", "both")


class Parts(NamedTuple):
    """What y = sign * mantissa * 2^exponent is made of, each [batch, output_size]."""

    sign: tf.Tensor
    exponent: tf.Tensor
    mantissa: tf.Tensor


class UniversalRegressor(Module):
    """A list of halving powers of two: [batch, in] -> [batch, output_size].

        y = sign (2^e + sum_{i=1..terms} squash(A_i) 2^(e - i)),
        e = unsquash(mean(squash(A_0))),

    with all A affine in the features f of x. A decision list, from the coarse to the fine: e fixes
    the octave, and the digits squash(A_i) in (-1, 1) correct it, each at most half as much as the
    one before. Each output has its own A.

    * Features, n of them an input: "log" takes log2 max(|x|, floor) and sign(x), "raw" takes x,
      "both" takes the three. What is linear in log2|x| is a power of x at any distance.
    * Exponent: `units` numbers A_0, of which the mean stays in their range,
      e = scale g^-1(sum_j w_j g(A_0j / scale)), as in `layers.ConvexCombination`. It is linear
      in the features if all units are alike, and bends where they differ.
    * Digits: the mantissa 2^-terms + sum_i (1 + squash(A_i)) 2^-i, the same sum without
      cancellation, lies in [2^-terms, 2 - 2^-terms]. It depends on x within a factor
      2^(terms + 1) only, and saturates: a trend that digits carry ends with the data, one that the
      exponent carries does not. `penalties` tell how much digits and differences of units do.
    * Sign: sum_j v_j squash(S_j), `units` numbers S affine in the features, another mean with
      learned weights. In (-1, 1), soft: y goes through 0 where it does.

    Numbers: 2^e is taken out of the sum, so that terms do not underflow one by one. The A_0 are cut
    to [-126, 126] in float32 ([-1022, 1022] in float64, [-14, 14] in float16), outside of which
    their slope is 0; so |y| < 2^127. For |x| and |y| in [1e-30, 1e30], outputs are finite in
    float32, and with "log" features gradients, too; where x itself is a feature, the slope of y in
    its weight, x y log 2 times those of the means, may exceed the type. Inputs at 0, as at anything
    up to the floor, count as the floor, with slope 0 in their logarithm, and 0 has sign 0. Where a
    slope dy/dx exceeds the type's largest number (y = 1 / x at 1e-30), it is that number. Inputs
    that are infinite or no numbers give NaN. The squash must leave room for e: `scale` 32 makes the
    largest exponents 277 for tanh, and more for the others.

    Initialisation: A_0 and A_i have weights of standard deviation 1 / sqrt(features) and biases 0,
    S has the same weights and biases 1, so that most outputs start positive. All means start plain.

    Source: docs/ideas/universal_regressor.md, for the sum of powers with digits linear in
    features; the sign, the learned weights of means, and log-magnitude features are added here.
    """

    def __init__(
        self,
        output_size: int = 1,
        terms: int = 4,
        units: int = 8,
        features: str = "log",
        squash: str = "algebraic",
        scale: float = 32.0,
        floor: float = 1e-30,
        name: str | None = None,
    ):
        """Raises ValueError for sizes, terms or units that are not integers >= 1, unknown features
        or squashes, a scale that is not a finite number > 0, or a floor outside [1e-30, 1e30]; at
        the first call, for a floor or scale that the type of the inputs does not hold."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.terms = _checks.integer("terms", terms)
        self.units = _checks.integer("units", units)
        self.features = _checks.choice("features", features, FEATURES)
        self.squash = _checks.choice("squash", squash, SQUASHES)
        self.scale = _checks.positive("scale", scale)
        self.floor = _checks.number("floor", floor, *FLOORS)
        one = snt.initializers.Constant(1)
        self.exponent = Linear(self.output_size * self.units, name="exponent")
        self.digits = Linear(self.output_size * self.terms, name="digits")
        self.sign = Linear(self.output_size * self.units, b_init=one, name="sign")

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        equal = tf.zeros([self.output_size, 1, self.units], inputs.dtype)
        self.exponent_scores = tf.Variable(equal, name="exponent_scores")
        self.sign_scores = tf.Variable(equal, name="sign_scores")

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        sign, exponent, mantissa = self.parts(inputs)
        return sign * mantissa * tf.pow(tf.constant(2, exponent.dtype), exponent)

    def parts(self, inputs: tf.Tensor) -> Parts:
        """Sign, exponent and mantissa of the outputs: log2 |y| without overflow is made of them."""
        inputs = _tensor_checks.features(self, inputs)
        largest = float(inputs.dtype.max)
        if self.features != "raw" and self.floor > largest:
            raise ValueError(
                f"floor must be at most {largest:g} for {inputs.dtype.name} inputs, "
                f"got {self.floor}"
            )
        self._initialize(inputs)
        # An infinite input would come out finite where the squash of its features is 1.
        inputs = tf.where(tf.math.is_finite(inputs), inputs, tf.constant(math.nan, inputs.dtype))
        features = tf.concat(self._features(inputs), axis=1)
        limit = _largest_exponent(inputs.dtype)
        squash = get_squash(self.squash).squash
        units = tf.clip_by_value(self._by_output(self.exponent(features)), -limit, limit)
        exponent = convex_combination(units, self.exponent_scores, self.squash, self.scale)
        sign = convex_combination(squash(self._by_output(self.sign(features))), self.sign_scores)
        halves = tf.constant([[2.0**-i for i in range(1, self.terms + 1)]], inputs.dtype)
        digits = squash(self._by_output(self.digits(features)))
        mantissa = 2.0**-self.terms + tf.matmul(halves, 1 + digits)
        return Parts(*(tf.transpose(part[:, 0]) for part in (sign, exponent, mantissa)))

    def _by_output(self, forms: tf.Tensor) -> tf.Tensor:
        """[batch, output_size * m] -> [output_size, m, batch]."""
        m = forms.shape[1] // self.output_size
        return tf.reshape(tf.transpose(forms), [self.output_size, m, -1])

    def _features(self, inputs: tf.Tensor) -> list[tf.Tensor]:
        """Those whose size matters, and then those of the sign."""
        raw = [] if self.features == "log" else [inputs]
        if self.features == "raw":
            return raw
        floor = max(self.floor, inputs.dtype.as_numpy_dtype(_smallest(inputs.dtype)))
        return [*raw, _log2_magnitude(inputs, floor), tf.sign(inputs)]

    def penalties(self) -> dict[str, tf.Tensor]:
        """Squares that are 0 for a pure power law, summed: add multiples of them to the loss.

        `digits`: of the digits' weights, without biases. `spread`: of the differences of the units
        of the exponent from their mean, weights and biases. `sign`: of the weights of the sign,
        without those of sign(x) and biases. A law c x^a has all of them 0, so that they do not pull
        such a law away from the data; each leaves out one of the ways, other than the exponent, to
        write a slope that ends outside of the data. With more than one term it takes all three.

        Raises:
          ValueError: before the first call, when there are no weights.
        """
        if not hasattr(self, "exponent_scores"):
            raise ValueError("UniversalRegressor must be called once before its penalties exist")
        units = tf.concat([self.exponent.w, self.exponent.b[None]], axis=0)
        units = tf.reshape(units, [-1, self.output_size, self.units])
        units -= tf.reduce_mean(units, axis=2, keepdims=True)
        sized = self.sign.w[: -self.input_size] if self.features != "raw" else self.sign.w
        squares = {"digits": self.digits.w, "spread": units, "sign": sized}
        return {name: tf.reduce_sum(tf.square(value)) for name, value in squares.items()}


def _largest_exponent(dtype: tf.DType) -> int:
    """The e for which 2^(e + 1) and 2^-e are normal numbers of the type."""
    return math.frexp(float(dtype.max))[1] - 2


def _smallest(dtype: tf.DType) -> float:
    return 2.0 ** -_largest_exponent(dtype)


def _log2_magnitude(inputs: tf.Tensor, floor: float) -> tf.Tensor:
    """log2 max(|x|, floor), whose gradient in x is cut to the numbers of the type."""

    @tf.custom_gradient
    def log2(x):
        size = tf.maximum(tf.constant(floor, x.dtype), tf.abs(x))

        def gradient(upstream):
            slope = upstream / (size * math.log(2)) * tf.sign(x)
            slope = tf.clip_by_value(slope, x.dtype.min, x.dtype.max)
            return tf.where(tf.abs(x) > floor, slope, tf.zeros_like(slope))

        return tf.math.log(size) / math.log(2), gradient

    return log2(inputs)
