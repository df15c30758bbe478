"""How many numbers a network has, counted so that networks can be compared."""

import math
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks


class Numbers(NamedTuple):
    """The numbers of a network.

    Attributes:
      trained: all trainable ones: weights, biases, gains, positions, exponents.
      nonzero: those of them that are not 0.
      fixed: what a formula or a seed gives, and no training changes: a cosine transform, the
        interpolation of rotations, random weights. Tables of places are none where a formula gives
        them, as of permutations.
    """

    trained: int
    nonzero: int
    fixed: int

    @property
    def addressed(self) -> float:
        """What the non-zeros cost with their places, in numbers of 32 bits.

        k (1 + H(p) / (32 p)) for k non-zeros, their share p and the binary entropy H: no more than
        `trained` numbers need, if few are not 0.
        """
        if not 0 < self.nonzero < self.trained:
            return float(self.nonzero)
        p = self.nonzero / self.trained
        entropy = -p * math.log2(p) - (1 - p) * math.log2(1 - p)
        return self.nonzero * (1 + entropy / (32 * p))


def count_numbers(network: snt.Module) -> Numbers:
    """The numbers of a network that was called, so that it has its variables.

    A tensor that was made from data, as principal components or a mean image, is to be a variable
    that counts; numbers of draws, as those of dropout, are none of the network's.

    Raises:
      ValueError: no Sonnet module, or one without variables, as before its first call.

    >>> import tensorflow as tf
    >>> import weirdonetworks as wn
    >>> network = wn.create_network("dct_mlp", frequencies=8, hidden_sizes=(32,))
    >>> logits = network(tf.zeros([1, 28, 28]))
    >>> wn.nets.count_numbers(network)
    Numbers(trained=2410, nonzero=2368, fixed=448)
    """
    if not isinstance(network, snt.Module):
        raise ValueError(f"network must be a Sonnet module, got {_checks.received(network)}")
    variables = tf.Module.variables.fget(network)  # Sonnet's raises where there are none
    if not variables:
        raise ValueError(f"network must have been called before it is counted, got {network!r}")
    trained = [v.numpy() for v in variables if v.trainable]
    others = [v for v in variables if not v.trainable and v.dtype.is_floating]
    formulas = sum(getattr(m, "num_fixed", 0) for m in (network, *network.submodules))
    return Numbers(
        sum(value.size for value in trained),
        sum(int(np.count_nonzero(value)) for value in trained),
        formulas + sum(math.prod(v.shape) for v in others),
    )
