"""Dropout that a checkpoint restores to the bit."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional.stochastic import random_bits
from weirdonetworks.layers._draws import Draws


class Dropout(Draws):
    """y = x * mask / (1 - rate) with mask ~ Bernoulli(1 - rate), in training; y = x otherwise.

    Any shape of floating inputs. Source: Srivastava et al. 2014, "Dropout: a simple way to
    prevent neural networks from overfitting".

    `snt.Dropout` draws from TensorFlow's global generator, whose state no checkpoint holds and
    which XLA ignores. Here the mask is a pure function of (key, number of calls), two variables: a
    run that is resumed continues with the masks of the run that was not interrupted, eager and
    compiled calls draw the same ones, and replicas draw different ones. The key is `seed`, or
    drawn from the global generator at the first call, where `tf.random.set_seed` governs it.
    """

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None):
        """Raises ValueError for a rate outside [0, 1) and a negative seed."""
        super().__init__(seed=seed, name=name)
        self.rate = _checks.rate("rate", rate)

    def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
        inputs = _tensor_checks.floating("Dropout inputs", inputs)
        if self.rate == 0:
            return inputs
        self._initialize()
        if not is_training:
            return inputs
        keep = random_bits(tf.shape(inputs), self._next_seed()) >= int(self.rate * 2**32)
        return tf.where(keep, inputs / (1 - self.rate), tf.zeros_like(inputs))
