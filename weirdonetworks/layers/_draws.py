"""Random bits that a checkpoint restores."""

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._module import Module
from weirdonetworks._once import once


@snt.allow_empty_variables  # of those that are trained
class Draws(Module):
    """A module that draws random bits, which are a pure function of (key, number of calls).

    TensorFlow's global generator has a state that no checkpoint holds and which XLA ignores. Here
    two variables decide: a run that is resumed continues with the draws of the run that was not
    interrupted, eager and compiled calls draw the same, and replicas draw differently. The key is
    `seed`, or drawn from the global generator at the first call, where `tf.random.set_seed`
    governs it.
    """

    takes_is_training = True  # as an activation, see `layers.activation.activate`

    def __init__(self, seed: int | None = None, name: str | None = None):
        """Raises ValueError for a negative seed."""
        super().__init__(name=name)
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

    @property
    def counters(self) -> tuple[tf.Variable, ...]:
        """What decides about the draws, and is no weight: none before the first call."""
        return (self.key, self.calls) if hasattr(self, "calls") else ()

    def _next_seed(self) -> tf.Tensor:
        """A seed, [2], for the stateless generators of TensorFlow; another one at each call."""
        replica = tf.distribute.get_replica_context()
        replica_id = replica.replica_id_in_sync_group if replica is not None else 0
        # Odd multiples of a large number keep the keys of replicas apart, modulo 2^32.
        seed = tf.stack([self.key + 0x61C88647 * tf.cast(replica_id, tf.int32), self.calls])
        self.calls.assign_add(1)
        return seed
