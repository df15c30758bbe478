"""The exponentiated-gradient method for weights of both signs."""

import math
from collections.abc import Sequence

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._once import once

BETA = 0.01
# A part that grows by more than e^80 in one step has diverged, and is infinite in float32 soon;
# up to there, no product of the update is inf * 0.
_LARGEST_EXPONENT = 80.0
_NEWTON_STEPS = 60
# Beyond this many times beta, the larger part of a weight is the weight, also in float64; half
# precision is content with less, and does not hold the square.
_ALONE = 30
_LEAST_BETA = -0.75  # of a mass, as a power of the largest number


class ExponentiatedGradient(snt.Optimizer):
    """w = w+ - w- with w+ <- w+ exp(-rate g) and w- <- w- exp(rate g), g = dL/dw.

    The variables are the weights w; both parts are positive, and follow from w, since the update
    keeps their product: w+ w- = beta^2, w+- = (sqrt(w^2 + 4 beta^2) +- w) / 2. So any weights can
    be the initial ones, and nothing but beta is to be remembered. In other words, it is mirror
    descent, asinh(w / 2 beta) <- asinh(w / 2 beta) - rate g; weights far below beta move as under
    SGD with the rate 2 beta rate, those far above it by factors.

    Without `total_mass` the parts are free (EGU+-). With `total_mass`, they are divided by a common
    factor such that all w+ and w- of a unit sum to it (EG+-), the inputs of a unit being the first
    axis of a variable with two axes or more. That factor also goes into beta, one for each unit,
    which starts such that the initial weights have this mass. Variables with fewer axes, such as
    biases, are free, with `beta`. If the target asks for more mass, all but the largest parts fall
    by a factor each step, and so does beta.

    Bounds: the exponent rate g is within +-80 where the parts are free; the beta of a mass is at
    least `total_mass` times 1e-29 in float32, 6e-232 in float64 (the largest number^(-3/4)), so
    that weights do not underflow to a 0 that they would not leave again.

    What this has to do with parameters that activate themselves (for w > 0, when w- vanishes):

    * A step of -rate dL/dA on W, A = exp(W), is a step of EGU on A with this rate, exactly. But it
      is no gradient descent on W.
    * Gradient descent on W is W <- W - rate A dL/dA: a step of EGU with the rate `rate A`, another
      for each weight and each step. To first order it is mirror descent on A with -log A (Burg's
      entropy), dA/dt = -A^2 dL/dA. With one rate for all weights it is not EGU, not even to first
      order, unless all A are equal.
    * Gradient descent on u, w = u^2, agrees with EGU on w at four times the rate to first order in
      it, dw/dt = -4 w dL/dw (Amid and Warmuth 2020); no other map does, but for factors and shifts.

    Sources: Kivinen and Warmuth 1997, "Exponentiated gradient versus gradient descent for linear
    predictors", for a single unit. Ghai, Hazan and Singer 2020, "Exponentiated gradient meets
    gradient descent", for the form without the parts, with their beta being twice ours.

    Attributes:
      log_beta: with `total_mass`, one variable for each parameter.
    """

    def __init__(
        self,
        learning_rate: float | tf.Variable,
        beta: float = BETA,
        total_mass: float | None = None,
        name: str | None = None,
    ):
        """Raises ValueError for numbers that are not finite and > 0."""
        super().__init__(name=name)
        if not tf.is_tensor(learning_rate):
            _checks.positive("learning_rate", learning_rate)
        self.learning_rate = learning_rate
        self.beta = _checks.positive("beta", beta)
        self.total_mass = None if total_mass is None else _checks.positive("total_mass", total_mass)
        self.log_beta: list[tf.Variable] = []
        self._known = frozenset()

    @once
    def _initialize(self, parameters: Sequence[tf.Variable]):
        for parameter in parameters:
            self._check_parameter(parameter)
        if self.total_mass is None:
            return
        log_beta = []
        with tf.init_scope():
            for parameter in parameters:
                value = tf.convert_to_tensor(parameter)
                beta = tf.constant(self.beta, value.dtype)
                if value.shape.rank > 1:
                    beta = self._fitting_beta(value)
                beta = tf.Variable(tf.math.log(beta), trainable=False, name="log_beta")
                log_beta.append(beta)
        self.log_beta.extend(log_beta)  # the list that a checkpoint may have been restored to
        self._known = _places(parameters)

    def _check_parameter(self, parameter: tf.Variable) -> None:
        if not isinstance(parameter, tf.Variable):
            raise ValueError(f"parameters must be variables, got {type(parameter).__name__}")
        dtype = parameter.dtype
        if not dtype.is_floating:
            raise ValueError(f"parameters must be of a floating type, got {dtype.name}")
        high = float(dtype.max) / 40  # the reciprocal, too, is a normal number
        for name, value in (("beta", self.beta), ("total_mass", self.total_mass)):
            if value is not None and not 1 / high <= value <= high:
                raise ValueError(
                    f"{name} must be in [{1 / high:.2g}, {high:.2g}] for {dtype.name} parameters, "
                    f"got {value!r}"
                )

    def _fitting_beta(self, w: tf.Tensor) -> tf.Tensor:
        """The beta of each unit for which sum_i sqrt(w_i^2 + 4 beta^2) is the total mass."""
        mass = tf.constant(self.total_mass, w.dtype)
        norm = float(tf.reduce_max(tf.reduce_sum(tf.abs(w), axis=0)))
        if not norm < float(mass):
            raise ValueError(
                "total_mass must exceed the sum of the absolute initial weights of each unit, "
                f"got {self.total_mass!r} and a sum of {norm:g}"
            )
        # Of numbers of about 1, no square overflows, and what underflows is too little to matter.
        unit = _power_of_two(self.total_mass)
        w, mass = w / unit, mass / unit
        # Newton's method for a convex function of 2 beta, from the right: it never overshoots.
        twice = mass / w.shape[0] * tf.ones_like(w[:1])
        for _ in range(_NEWTON_STEPS):
            s = tf.sqrt(tf.square(w) + tf.square(twice))
            excess = tf.reduce_sum(s, axis=0, keepdims=True) - mass
            slope = tf.reduce_sum(twice / s, axis=0, keepdims=True)
            twice = tf.maximum(twice - excess / slope, 1e-3 * twice)
        return twice / 2 * unit

    def apply(self, updates: Sequence[tf.Tensor | None], parameters: Sequence[tf.Variable]):
        """Updates the parameters in place; those whose update is None stay.

        Raises:
          ValueError: updates of another number, type or shape than the parameters; parameters that
            are no variables, of no floating type, or of one that cannot hold beta; with
            `total_mass`, other parameters than at the first call, or, at that, a mass that is too
            small for the weights. Nothing is updated then.
        """
        for name, values in (("updates", updates), ("parameters", parameters)):
            if not isinstance(values, Sequence):
                raise ValueError(f"{name} must be a list or a tuple, got {type(values).__name__}")
        self._initialize(parameters)
        if len(updates) != len(parameters):
            raise ValueError(
                f"updates must be as many as the {len(parameters)} parameters, got {len(updates)}"
            )
        if self.total_mass is not None and _places(parameters) != self._known:
            names = [parameter.name for parameter in parameters]
            raise ValueError(
                f"parameters must be the {len(self.log_beta)} of the first call in their order, "
                "the same variables and no copies, since each has a beta of its own, got "
                f"{len(names)}: {names}"
            )
        updates = [g if g is None else tf.convert_to_tensor(g) for g in updates]
        for g, w in zip(updates, parameters, strict=True):
            self._check_parameter(w)
            if g is None:
                continue
            if g.dtype != w.dtype:
                raise ValueError(
                    f"updates must have the types of their parameters, got {g.dtype.name} for "
                    f"{w.dtype.name}"
                )
            if not g.shape.is_compatible_with(w.shape):
                raise ValueError(
                    f"updates must have the shapes of their parameters, got {g.shape} for {w.shape}"
                )
        for i, (g, w) in enumerate(zip(updates, parameters, strict=True)):
            if g is None:
                continue
            exponent = self._rate(g.dtype) * g
            if self.total_mass is None:
                self._free(w, exponent, tf.constant(self.beta, g.dtype))
            elif w.shape.rank > 1:
                self._normalized(w, exponent, self.log_beta[i])
            else:
                self._free(w, exponent, tf.exp(self.log_beta[i]))

    def _rate(self, dtype: tf.DType) -> tf.Tensor:
        if tf.is_tensor(self.learning_rate):
            return tf.cast(self.learning_rate, dtype)
        return tf.constant(self.learning_rate, dtype)  # tf.cast would round it to float32 first

    def _free(self, w: tf.Variable, exponent: tf.Tensor, beta: tf.Tensor) -> None:
        exponent = tf.clip_by_value(exponent, -_LARGEST_EXPONENT, _LARGEST_EXPONENT)
        larger = _larger_part(w, beta, _power_of_two(self.beta))
        smaller = beta * (beta / larger)
        plus, minus = tf.where(w >= 0, larger, smaller), tf.where(w >= 0, smaller, larger)
        w.assign(plus * tf.exp(-exponent) - minus * tf.exp(exponent))

    def _normalized(self, w: tf.Variable, exponent: tf.Tensor, log_beta: tf.Variable) -> None:
        larger = _log_of_larger_part(w, log_beta)
        smaller = 2 * log_beta - larger
        logs = tf.where(w >= 0, [larger, smaller], [smaller, larger])
        logs += tf.stack([-exponent, exponent])
        mass = tf.reduce_logsumexp(logs, axis=[0, 1])[None]
        shift = tf.math.log(tf.constant(self.total_mass, w.dtype)) - mass
        plus, minus = tf.unstack(tf.exp(logs + shift))
        w.assign(plus - minus)
        least = math.log(self.total_mass) + _LEAST_BETA * math.log(w.dtype.max)
        log_beta.assign(tf.maximum(log_beta + shift, least))


def _places(parameters: Sequence[tf.Variable]) -> frozenset:
    """Which parameters these are, in a form in which no module takes them for its own."""
    return frozenset(enumerate(parameter.ref() for parameter in parameters))


def _power_of_two(value: float) -> float:
    """The largest one up to this value: to divide by it, and multiply again, rounds nothing."""
    return 2.0 ** math.floor(math.log2(value))


def _larger_part(w: tf.Tensor, beta: tf.Tensor, unit: float) -> tf.Tensor:
    """(sqrt(w^2 + 4 beta^2) + |w|) / 2, with squares in units of about beta."""
    size = tf.abs(w)
    v, b = w / unit, beta / unit
    both = (tf.sqrt(tf.square(v) + 4 * tf.square(b)) + tf.abs(v)) / 2 * unit
    largest = float(w.dtype.max)
    alone = 2.0 ** min(_ALONE, math.floor((math.log2(largest) - 1) / 2))
    return tf.where(size > min(alone * unit, largest), size, both)


def _log_of_larger_part(w: tf.Tensor, log_beta: tf.Tensor) -> tf.Tensor:
    """log_beta + asinh(|w| / 2 beta), finite also where w = 0 and beta^2 underflows."""
    size, beta = tf.abs(w), tf.exp(log_beta)
    both = tf.math.log((tf.sqrt(tf.square(w) + 4 * tf.square(beta)) + size) / 2)
    half = tf.math.log(size / 2)  # -inf for w = 0
    top = tf.maximum(half, log_beta)
    a, b = tf.exp(half - top), tf.exp(log_beta - top)
    limit = float(w.dtype.max) ** 0.45  # up to here squares are in range, and so are 1 / squares
    squares_fit = (beta > 1 / limit) & (tf.maximum(size, beta) < limit)
    return tf.where(squares_fit, both, top + tf.math.log(a + tf.sqrt(tf.square(a) + tf.square(b))))
