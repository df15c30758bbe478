"""The smallest weights are taken out, and training goes back to where it began."""

import math
from collections.abc import Sequence

import numpy as np
import sonnet as snt
import tensorflow as tf


def trainings(density: float) -> int:
    """How often a network is trained: once, and again for each halving of its weights."""
    return 1 + math.ceil(-math.log2(density)) if density < 1 else 1


class Pruning(tf.Module):
    """Iterative magnitude pruning with rewinding: a network of which few weights are not 0.

    It is trained `trainings(density)` times, for equally many epochs. After each training but the
    last, of all entries of matrices that are left those of the smallest |w| are taken out, over
    the whole network, so that with the last training density N of N are left; equally many of each
    hundred every time, at most half. Those that stay, and all vectors, go back to what they were
    after the first epoch; the optimizer and the learning rate start anew.

    Sources: Frankle and Carbin 2019, "The lottery ticket hypothesis"; Frankle, Dziugaite, Roy and
    Carbin 2020, "Linear mode connectivity and the lottery ticket hypothesis" (rewinding).
    """

    def __init__(
        self, network: snt.Module, optimizer: Sequence[tf.Variable], density: float, epochs: int
    ):
        """optimizer: its variables, as they are at the start of a training. epochs: in all, a
        multiple of the number of trainings."""
        super().__init__()
        self.rounds = trainings(density)
        self.density, self.epochs = density, epochs // self.rounds
        self._network, self._optimizer = network, list(optimizer)
        self._start = [v.numpy() for v in self._optimizer]
        variables = network.trainable_variables
        self.early = [tf.Variable(v.read_value(), trainable=False, name="early") for v in variables]
        self.masks = [
            tf.Variable(tf.ones_like(v), trainable=False, name="mask") for v in self._matrices()
        ]
        self.done = tf.Variable(0, dtype=tf.int32, trainable=False, name="done")

    def _matrices(self) -> list[tf.Variable]:
        return [v for v in self._network.trainable_variables if v.shape.rank > 1]

    def restart(self) -> None:
        """All weights are there again, of the first training."""
        self.done.assign(0)
        for mask in self.masks:
            mask.assign(tf.ones_like(mask))

    def before(self, epoch: int) -> bool:
        """What has to be done before this epoch; whether a training begins anew."""
        variables = self._network.trainable_variables
        if epoch == 1:
            for early, v in zip(self.early, variables, strict=True):
                early.assign(v)
        done = int(self.done) + 1
        if epoch % self.epochs or epoch // self.epochs != done or done >= self.rounds:
            return False
        self._prune(self.density ** (done / (self.rounds - 1)))
        for early, v in zip(self.early, variables, strict=True):
            v.assign(early)
        self.apply()
        for v, value in zip(self._optimizer, self._start, strict=True):
            v.assign(value)
        self.done.assign_add(1)
        return True

    def _prune(self, density: float) -> None:
        """The masks of the largest weights among those that are left: this share of all."""
        weights = [
            np.where(mask.numpy() > 0, np.abs(v.numpy().astype(np.float64)), -1)
            for v, mask in zip(self._matrices(), self.masks, strict=True)
        ]
        flat = np.concatenate([w.ravel() for w in weights])
        kept = np.zeros(len(flat))
        # Of equals, those that come first.
        kept[np.argsort(-flat, kind="stable")[: math.ceil(density * len(flat))]] = 1
        places = np.split(kept, np.cumsum([w.size for w in weights])[:-1])
        for mask, place in zip(self.masks, places, strict=True):
            mask.assign(place.reshape(mask.shape))

    def apply(self) -> None:
        """What was taken out is 0."""
        for v, mask in zip(self._matrices(), self.masks, strict=True):
            v.assign(v * mask)
