"""Dropout that a checkpoint restores to the bit."""

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks


class Dropout(snt.Module):
    """y = x * mask / (1 - rate) with mask ~ Bernoulli(1 - rate), in training; y = x otherwise.

    Any shape of floating inputs. Source: Srivastava et al. 2014, "Dropout: a simple way to
    prevent neural networks from overfitting".

    `snt.Dropout` draws from TensorFlow's global generator, whose state no checkpoint holds and
    which XLA ignores. Here the mask is a pure function of (seed, number of calls), and that number
    is a variable: a run that is resumed continues with the masks of the run that was not
    interrupted, eager and compiled calls draw the same ones, and replicas draw different ones.
    """

    def __init__(self, rate: float, seed: int = 0, name: str | None = None):
        """Raises ValueError for a rate outside [0, 1) and a negative seed."""
        super().__init__(name=name)
        self.rate = _checks.number("rate", rate, 0, 1, open_high=True)
        self.seed = _checks.integer("seed", seed, minimum=0)
        self.calls = tf.Variable(
            0,
            dtype=tf.int32,
            trainable=False,
            name="calls",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
        inputs = _checks.floating("Dropout inputs", inputs)
        if not is_training or self.rate == 0:
            return inputs
        replica = tf.distribute.get_replica_context()
        replica_id = replica.replica_id_in_sync_group if replica is not None else 0
        seed = tf.stack([self.seed + 7919 * tf.cast(replica_id, tf.int32), self.calls])
        self.calls.assign_add(1)
        uniform = tf.random.stateless_uniform(tf.shape(inputs), seed, dtype=inputs.dtype)
        return tf.where(uniform >= self.rate, inputs / (1 - self.rate), tf.zeros_like(inputs))
