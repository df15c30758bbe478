"""A curved way from one set of weights to another, on which the loss stays low."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._module import takes_is_training
from weirdonetworks.functional.stochastic import random_bits
from weirdonetworks.layers._draws import Draws


class BezierPath(Draws):
    """The network with the weights w(t) = (1 - t)^2 a + 2 t (1 - t) m + t^2 b; m is trained.

    In training each call draws t from [0, 1), so that descent lowers the mean of the loss over the
    curve; otherwise t = 1/2. m starts at (a + b) / 2, where the curve is the straight line. For the
    loss along it, give `weights(t)` of several t to `loss_along`.

    Calls are those of the network, whose own weights stay as they are.

    Source: Garipov, Izmailov, Podoprikhin, Vetrov and Wilson 2018, "Loss surfaces, mode
    connectivity, and fast ensembling of DNNs".
    """

    # Its own variables are not trained: they are those of one set, or of another.
    _TF_MODULE_IGNORED_PROPERTIES = Draws._TF_MODULE_IGNORED_PROPERTIES | {"_network"}

    def __init__(
        self,
        network: snt.Module,
        first: Sequence[Any],
        second: Sequence[Any],
        seed: int = 0,
        name: str | None = None,
    ):
        """first, second: a and b, an array for each trainable variable of the network, in order.

        Raises:
          ValueError: no Sonnet module, one that was not called before, or sets that do not fit it.
        """
        super().__init__(seed=seed, name=name)
        if not isinstance(network, snt.Module):
            raise ValueError(f"network must be a Sonnet module, got {_checks.received(network)}")
        variables = tf.Module.trainable_variables.fget(network)
        if not variables:
            raise ValueError(
                f"network must have been called, so that it has weights, got {network!r}"
            )
        object.__setattr__(self, "_network", network)
        shapes = [tuple(v.shape) for v in variables]
        self._ends = []
        for name_, values in (("first", first), ("second", second)):
            arrays = _arrays(name_, values)
            if [value.shape for value in arrays] != shapes:
                raise ValueError(
                    f"{name_} must have the shapes of the network's trainable variables, "
                    f"{shapes}, got {[value.shape for value in arrays]}"
                )
            self._ends.append(
                [tf.constant(x, v.dtype) for x, v in zip(arrays, variables, strict=True)]
            )
        self.middle = [
            tf.Variable((a + b) / 2, name=f"middle_{i}")
            for i, (a, b) in enumerate(zip(*self._ends, strict=True))
        ]

    def weights(self, t: float | tf.Tensor) -> list[tf.Tensor]:
        """w(t), a tensor for each trainable variable of the network.

        Raises:
          ValueError: a t that is no number, or a tensor that is no scalar.
        """
        if not tf.is_tensor(t):
            t = _checks.number("t", t, -math.inf, math.inf)
        elif t.shape.rank != 0:
            raise ValueError(f"t must be a scalar, got shape {t.shape}")
        found = []
        for a, m, b in zip(self._ends[0], self.middle, self._ends[1], strict=True):
            s = tf.cast(t, m.dtype)
            found.append((1 - s) ** 2 * a + 2 * s * (1 - s) * m + s**2 * b)
        return found

    def __call__(self, inputs: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        self._initialize()
        t = 0.5
        if is_training:
            t = tf.cast(random_bits([], self._next_seed()) // 2**8, tf.float32) / 2**24
        variables = tf.Module.trainable_variables.fget(self._network)
        values = {id(v): w for v, w in zip(variables, self.weights(t), strict=True)}
        with snt.custom_variable_getter(lambda v: values.get(id(v), v)):
            if takes_is_training(self._network):
                return self._network(inputs, is_training=is_training)
            return self._network(inputs)


def _arrays(name: str, values: Any) -> list[np.ndarray]:
    """Real, finite arrays."""
    try:
        arrays = [np.asarray(value) for value in values]
        ok = all(a.dtype.kind in "biuf" and np.isfinite(a).all() for a in arrays)
    except (TypeError, ValueError):
        ok = False
    if not ok:
        raise ValueError(
            f"{name} must be arrays of finite numbers, one for each trainable variable, "
            f"got {_checks.received(values)}"
        )
    return arrays
