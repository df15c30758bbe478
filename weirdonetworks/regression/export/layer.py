"""A law as a layer of the zoo."""

from fractions import Fraction

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks._module import Module
from weirdonetworks.layers import PosynomialDense, SignomialDense
from weirdonetworks.layers.posynomial import FLOORS, log_maximum
from weirdonetworks.regression.equation import Equation

# A PosynomialDense keeps s = 20 tanh(theta / 20) within +-20; up to 19 theta is known well.
_SPREAD = 20.0
_LOG_SPREAD = 19.0


class LawModule(Module):
    """y = sign z^(1/p), with z from a `SignomialDense` or log z from a `PosynomialDense`.

    [batch, in] -> [batch, 1]. Where z <= 0, y is 0 for p > 0 and NaN for p < 0, with gradient zero.
    Above exp(600) in float64 (see `PosynomialDense`) y, or z of a `SignomialDense`, is bounded.
    """

    def __init__(
        self,
        layer: PosynomialDense | SignomialDense,
        power: Fraction,
        sign: int = 1,
        name: str | None = None,
    ):
        """Raises ValueError for a power of 0, a sign other than 1 and -1, or another layer, such
        as a `PosynomialDense` without logarithmic output."""
        super().__init__(name=name)
        if not isinstance(layer, SignomialDense) and not getattr(layer, "log_output", False):
            raise ValueError(
                "layer must be a SignomialDense or a PosynomialDense with log_output=True, "
                f"got {layer!r}"
            )
        if power == 0:
            raise ValueError(f"power must not be 0, got {power!r}")
        if sign not in (1, -1):
            raise ValueError(f"sign must be 1 or -1, got {sign!r}")
        self.layer = layer
        self.power = power
        self.sign = sign

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        z, root = self.layer(inputs), float(1 / self.power)
        if isinstance(self.layer, PosynomialDense):
            return self.sign * tf.exp(tf.minimum(z * root, log_maximum(z.dtype)))
        real = z > 0
        y = tf.where(real, z, tf.ones_like(z)) ** root
        none = tf.constant(0.0 if self.power > 0 else np.nan, z.dtype)
        return self.sign * tf.where(real, y, none)


def to_layer(law: Equation, log_input: bool = False) -> snt.Module:
    """See `Law.to_layer`."""
    law = law.explicit()
    log_c = np.log(np.abs(law.coefficients))
    center = (log_c.max() + log_c.min()) / 2
    posynomial = law.is_posynomial and log_c.max() - center <= _LOG_SPREAD
    settings = {"floor": FLOORS[0], "log_input": log_input}
    if posynomial:
        layer = PosynomialDense(1, len(log_c), log_output=law.power != 1, **settings)
    else:
        layer = SignomialDense(1, len(log_c), **settings)
    layer(tf.ones([1, len(law.names)], tf.float64))
    layer.raw_exponents.assign(np.array(law.exponents, np.float64).T)
    if posynomial:
        layer.b.assign([center])
        layer.theta.assign(_SPREAD * np.arctanh((log_c - center) / _SPREAD)[:, None])
    else:
        layer.c.assign(law.coefficients[:, None])
    return layer if law.power == 1 else LawModule(layer, law.power, law.sign)
