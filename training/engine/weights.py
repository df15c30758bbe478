"""The weights that a network is used with: averaged over the steps, and of few bits."""

from collections.abc import Sequence

import sonnet as snt
import tensorflow as tf


class UsedWeights(tf.Module):
    """A network's weights, w, as they are trained, and as they are used, Q(a).

        a_0 = w_0,   a_t = d_t a_{t-1} + (1 - d_t) w_t,   d_t = min(averaging, (1 + t) / (10 + t)),

    after step t; a = w without averaging. Q rounds to `bits` (`rounded`), and is nothing without.
    While the network is trained, it holds w; between, from `use` to `resume`, Q(a). The gradient of
    a step is taken at Q(w) and applied to w: straight through the rounding.

    Sources: Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging" (a);
    Bengio, Léonard and Courville 2013, "Estimating or propagating gradients through stochastic
    neurons" (the gradient).
    """

    def __init__(self, network: snt.Module, averaging: float, bits: int | None):
        super().__init__()
        self.averaging, self.bits = averaging, bits
        self._network = network
        self.trained = [_copy(v) for v in network.trainable_variables]
        self.average = [_copy(v) for v in network.trainable_variables] if averaging else []

    def restart(self) -> None:
        """Takes the network's weights for w_0."""
        for copies in (self.trained, self.average):
            for copy, v in zip(copies, self._network.trainable_variables, strict=False):
                copy.assign(v)

    def resume(self) -> None:
        """The network holds w, to be trained."""
        for v, w in zip(self._network.trainable_variables, self.trained, strict=True):
            v.assign(w)

    def use(self) -> None:
        """The network holds Q(a), to be used; w is kept."""
        variables = self._network.trainable_variables
        for w, v in zip(self.trained, variables, strict=True):
            w.assign(v)
        for v, a in zip(variables, self.average or self.trained, strict=True):
            v.assign(self._round(a))

    def round(self) -> list[tf.Tensor]:
        """The network holds Q(w), for a gradient; returns w, for `restore`."""
        values = [v.read_value() for v in self._network.trainable_variables]
        if self.bits:
            for v, w in zip(self._network.trainable_variables, values, strict=True):
                v.assign(self._round(w))
        return values

    def restore(self, values: Sequence[tf.Tensor]) -> None:
        """The network holds these again."""
        if self.bits:
            for v, w in zip(self._network.trainable_variables, values, strict=True):
                v.assign(w)

    def follow(self, step: tf.Tensor) -> None:
        """Averages, after step t = 1, 2, ..."""
        t = tf.cast(step, tf.float32)
        d = tf.minimum(self.averaging, (1 + t) / (10 + t))
        for a, w in zip(self.average, self._network.trainable_variables, strict=False):
            share = tf.cast(d, a.dtype)
            a.assign(share * a + (1 - share) * w)

    def _round(self, w: tf.Tensor) -> tf.Tensor:
        w = tf.convert_to_tensor(w)
        return rounded(w, self.bits) if self.bits and w.shape.rank > 1 else w


def rounded(w: tf.Tensor, bits: int) -> tf.Tensor:
    """Q(w) = s round(w / s), s = max |w| / (2^(bits - 1) - 1): 2^bits - 1 values for a matrix.

    Ties go to even numbers. 0 stays 0, and for 2 bits there are -s, 0 and s.
    """
    levels = 2 ** (bits - 1) - 1
    scale = tf.reduce_max(tf.abs(w)) / levels
    scale = tf.where(scale > 0, scale, tf.ones_like(scale))
    return scale * tf.round(w / scale)


def _copy(variable: tf.Variable) -> tf.Variable:
    return tf.Variable(variable.read_value(), trainable=False, name="copy")
