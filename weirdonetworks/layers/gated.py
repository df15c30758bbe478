"""Dense layers in which one linear form is the gate of another."""

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._initializers import VarianceScaling
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.layers.comodulation import SCALES

GATES = ("exp", "softmax", "nested")


class GatedDense(Module):
    """y = (V x + v) * g(x): [batch, in] -> [batch, output_size], with one of three gates g.

    * `exp`: exp(W x + w);
    * `softmax`: m softmax(W x + w) over the m = output_size units. The factor m makes the mean of
      the gates 1, whatever the number of units; without it, outputs shrink as 1 / m;
    * `nested`: exp((W x + w) exp(U x + u)).

    V is what is modulated, W what modulates: they cannot be exchanged, as in `ComodulationDense`.

    Initialisation: for x ~ N(0, I), the outputs have mean 0 and standard deviation `scale`, in
    [0.01, 10]. V and W ~ s / sqrt(in), biases 0, where s solves

        s^2 E g^2 = scale^2,    E g^2 = exp(2 s^2) (exp), 1 + (1 - 1 / m) (exp(s^2) - 1) (softmax),

    the latter exact for small s and for many units (for two, outputs are a tenth too small at scale
    1; beyond, outputs of few units are smaller: 0.9 of scale 3 with 64). U
    starts at 0, where the nested gate is the exponential one, and learns: for any U but 0, E g^2 is
    infinite (with t z = U x, z ~ N(0, 1), it is E exp(2 s^2 exp(2 t z)), the exponential of an
    exponential against the density of a Gaussian).

    Overflow in float32 where W x + w, respectively (W x + w) exp(U x + u), exceeds 88: nothing
    bounds them, as nothing does in the formulas. `softmax` never overflows.
    """

    def __init__(
        self,
        output_size: int,
        gate: str = "exp",
        with_bias: bool = True,
        scale: float = 1.0,
        name: str | None = None,
    ):
        """Raises ValueError for a size that is not an integer >= 1, an unknown gate, or a scale
        outside [0.01, 10]."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.gate = _checks.choice("gate", gate, GATES)
        self.with_bias = _checks.flag("with_bias", with_bias)
        self.scale = _checks.number("scale", scale, *SCALES)
        w_init = VarianceScaling(self._variance(), "normal")
        self.v = Linear(self.output_size, self.with_bias, w_init, name="v")
        self.w = Linear(self.output_size, self.with_bias, w_init, name="w")
        if self.gate == "nested":
            zeros = snt.initializers.Zeros()
            self.u = Linear(self.output_size, self.with_bias, zeros, name="u")

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype

    def _variance(self) -> float:
        """s^2."""
        s2 = np.geomspace(1e-5, 1e2, 10_000)
        many = 1 - 1 / self.output_size
        square = 1 + many * np.expm1(s2) if self.gate == "softmax" else np.exp(2 * s2)
        return float(np.interp(2 * np.log(self.scale), np.log(s2 * square), s2))

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        y, z = self.v(inputs), self.w(inputs)
        if self.gate == "softmax":
            return y * (self.output_size * tf.nn.softmax(z))
        return y * tf.exp(z * tf.exp(self.u(inputs)) if self.gate == "nested" else z)
