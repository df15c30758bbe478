"""Dropout that a checkpoint restores to the bit."""

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._once import once


@snt.allow_empty_variables  # of those that are trained
class Dropout(snt.Module):
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
        super().__init__(name=name)
        self.rate = _checks.rate("rate", rate)
        self.seed = None if seed is None else _checks.integer("seed", seed, minimum=0)

    @once
    def _initialize(self):
        if self.seed is None:
            key = tf.random.uniform([], maxval=2**31 - 1, dtype=tf.int32)
        else:
            key = tf.constant(self.seed, tf.int32)
        once_for_all = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.key = tf.Variable(key, trainable=False, name="key", aggregation=once_for_all)
        self.calls = tf.Variable(
            0, dtype=tf.int32, trainable=False, name="calls", aggregation=once_for_all
        )

    def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
        inputs = _checks.floating("Dropout inputs", inputs)
        if self.rate == 0:
            return inputs
        self._initialize()
        if not is_training:
            return inputs
        replica = tf.distribute.get_replica_context()
        replica_id = replica.replica_id_in_sync_group if replica is not None else 0
        # Odd multiples of a large number keep the keys of replicas apart, modulo 2^32.
        seed = tf.stack([self.key + 0x61C88647 * tf.cast(replica_id, tf.int32), self.calls])
        self.calls.assign_add(1)
        # Integers, because XLA makes other fractions of the same random bits; "philox" by name,
        # because XLA is twenty times slower where it has to choose.
        bits = tf.random.stateless_uniform(
            tf.shape(inputs), seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
        )
        keep = bits >= int(self.rate * 2**32)
        return tf.where(keep, inputs / (1 - self.rate), tf.zeros_like(inputs))
