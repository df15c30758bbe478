"""A network of which a random subspace of the weights is trained, and nothing else."""

from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional.sparse import SparseMap

_TAPS = 4  # numbers of z that each weight hears


class RandomSubspace(Module):
    """The network with the weights w = w_0 + P z, of which z, `dimension` numbers, is trained.

    w_0 are the weights that the network has when this is made, or first called; z starts at 0. P is
    drawn from `seed`: each weight is a sum of a few numbers of z with random signs, so that columns
    are of length 1 and all but orthogonal: |P z| is about |z|. Neither is trained. The least
    dimension at which training still succeeds is the intrinsic dimension of the task: Li et al.
    have 750 for nine tenths of the accuracy of a network of 199,210 weights on MNIST.

    Calls are those of the network, which keeps w_0: see `weights` for those in use.

    Source: Li, Farkhoor, Liu and Yosinski 2018, "Measuring the intrinsic dimension of objective
    landscapes" (their P has one entry in sqrt(n)).
    """

    # Its own variables are not trained: w_0 is kept as this module's.
    _TF_MODULE_IGNORED_PROPERTIES = Module._TF_MODULE_IGNORED_PROPERTIES | {"_network"}

    def __init__(self, network: snt.Module, dimension: int, seed: int = 0, name: str | None = None):
        """Raises ValueError for no Sonnet module, or integers out of range; at the first call, for
        a dimension above the number of weights."""
        super().__init__(name=name)
        if not isinstance(network, snt.Module):
            raise ValueError(f"network must be a Sonnet module, got {_checks.received(network)}")
        self.dimension = _checks.integer("dimension", dimension)
        self.seed = _checks.integer("seed", seed, minimum=0)
        object.__setattr__(self, "_network", network)

    @once
    def _initialize(self, *args: Any, **kwargs: Any):
        self._network(*args, **kwargs)
        variables = self._network.trainable_variables
        size = sum(v.shape.num_elements() for v in variables)
        if self.dimension > size:
            raise ValueError(
                f"dimension must be at most the number of weights, {size}, got {self.dimension}"
            )
        generator = np.random.default_rng(_checks.integer("seed", self.seed, minimum=0))
        taps = min(_TAPS, self.dimension)
        columns = generator.integers(self.dimension, size=size * taps)
        signs = generator.choice([-1.0, 1.0], size * taps)
        counts = np.maximum(np.bincount(columns, minlength=self.dimension), 1)
        self._p = SparseMap(
            np.repeat(np.arange(size), taps),
            columns,
            signs / np.sqrt(counts[columns]),
            (size, self.dimension),
        )
        self._sizes = [v.shape.num_elements() for v in variables]
        flat = tf.concat([tf.reshape(v, [-1]) for v in variables], axis=0)
        self.w_0 = tf.Variable(flat, trainable=False, name="w_0")
        self.z = tf.Variable(tf.zeros([self.dimension], flat.dtype), name="z")

    @property
    def num_fixed(self) -> int:
        """The signs of P; w_0 is counted as a variable."""
        return len(self._p.indices) * self._p.indices.shape[1] if hasattr(self, "_p") else 0

    def weights(self) -> list[tf.Tensor]:
        """w = w_0 + P z, a tensor for each trainable variable of the network.

        Raises:
          ValueError: before the first call.
        """
        if not hasattr(self, "z"):
            raise ValueError(f"RandomSubspace must be called before it has weights, got {self!r}")
        parts = tf.split(self.w_0 + self._p(self.z), self._sizes)
        variables = self._network.trainable_variables
        return [tf.reshape(part, v.shape) for part, v in zip(parts, variables, strict=True)]

    def __call__(self, *args: Any, **kwargs: Any) -> tf.Tensor:
        self._initialize(*args, **kwargs)
        variables = self._network.trainable_variables
        values = {id(v): w for v, w in zip(variables, self.weights(), strict=True)}
        with snt.custom_variable_getter(lambda v: values.get(id(v), v)):
            return self._network(*args, **kwargs)
