"""From boundary data to images: direct sampling, learned attention, a dense network, a constant.

All map voltages [batch, patterns, electrodes] and `places`, the indices of some points of the grid,
to logits [batch, places]. Networks see the voltages divided by their root mean square, and its
logarithm as one more number.
"""

from collections.abc import Callable

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.studies.impedance import direct
from training.studies.impedance.data import points
from training.studies.impedance.disc import ELECTRODES, PATTERNS, electrodes
from weirdonetworks.functional import attention
from weirdonetworks.functional.attention import galerkin_attention, softmax_attention

# Mean and standard deviation of the logarithm of the root mean square over random inclusions.
_LEVEL = (-2.96, 0.6)


def linear_attention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    """Q (K^T V) / n, n the number of keys."""
    return attention.linear_attention(q, k, v, normalize=False) / k.shape[-2]


def scaled(voltages: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Voltages of mean square 1, and [batch] numbers that tell what they were divided by."""
    size = tf.sqrt(tf.reduce_mean(tf.square(voltages), axis=[1, 2]))
    return voltages / size[:, None, None], (tf.math.log(size) - _LEVEL[0]) / _LEVEL[1]


class DirectSampling(snt.Module):
    """logit = slope I(x) + offset: I is attention without softmax, probes to electrodes.

    A head for each current: the queries are the probes of the points, the keys the electrodes, the
    values the voltages. Slope and offset are all that is learned.
    """

    def __init__(self, gamma: float = 0.0, name: str | None = None):
        super().__init__(name=name)
        self._queries, self._keys = direct.queries(points(), gamma), direct.keys()
        self.slope = tf.Variable(10.0, name="slope")
        self.offset = tf.Variable(-10.0, name="offset")

    def index(self, voltages: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """I(x), [batch, places], in the type of the voltages."""
        q = tf.gather(tf.cast(self._queries, voltages.dtype), places, axis=1)
        k = tf.cast(self._keys, voltages.dtype)
        size = tf.sqrt(tf.reduce_sum(tf.reduce_mean(tf.square(voltages), -1), -1) / 2)
        heads = linear_attention(q, k, voltages[..., None])[..., 0]
        return tf.abs(tf.reduce_sum(heads, axis=1)) / size[:, None]

    def __call__(self, voltages: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        return self.slope * self.index(voltages, places) + self.offset


class Attention(snt.Module):
    """y = W concat_h attention(W_q queries, W_k tokens, W_v tokens), [batch, tokens, features]."""

    def __init__(self, attention: Callable[..., tf.Tensor], size: int, heads: int):
        super().__init__()
        self._attention, self._heads = attention, heads
        self._q, self._k, self._v, self._out = (snt.Linear(size) for _ in range(4))

    def __call__(self, queries: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        q, k, v = map(self._split, (self._q(queries), self._k(tokens), self._v(tokens)))
        y = tf.transpose(self._attention(q, k, v), [0, 2, 1, 3])
        return self._out(tf.reshape(y, [-1, queries.shape[1], self._out.output_size]))

    def _split(self, x: tf.Tensor) -> tf.Tensor:
        parts = [-1, x.shape[1], self._heads, x.shape[-1] // self._heads]
        return tf.transpose(tf.reshape(x, parts), [0, 2, 1, 3])


class BoundaryAttention(snt.Module):
    """Electrodes attend to one another, then points to electrodes; an MLP ends each of both.

    A token is an electrode: its voltages and where it is. A query is a point: its harmonics Re x^k,
    Im x^k, those of the probes of direct sampling. Guo, Cao and Chen 2022, "Transformer meets
    boundary value inverse problems", have a U-Net of attention over the interior instead.
    """

    def __init__(
        self,
        attention: Callable[..., tf.Tensor],
        size: int = 32,
        heads: int = 4,
        harmonics: int = 8,
    ):
        super().__init__()
        k = np.arange(1, harmonics + 1)
        self._points, self._electrodes = (
            np.concatenate([x.real, x.imag], axis=1).astype(np.float32)
            for x in (points()[:, None] ** k, electrodes()[:, None] ** k)
        )
        self._tokens, self._queries, self._out = (snt.Linear(n) for n in (size, size, 1))
        self._within, self._across = (Attention(attention, size, heads) for _ in range(2))
        self._mlps = [snt.nets.MLP([2 * size, size], activation=tf.nn.relu) for _ in range(2)]
        self._norms = [snt.LayerNorm(-1, True, True) for _ in range(4)]

    def __call__(self, voltages: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        voltages, level = scaled(voltages)
        within, beside, across, above = self._norms
        where = tf.tile(self._electrodes[None], [tf.shape(voltages)[0], 1, 1])
        levels = tf.tile(level[:, None, None], [1, ELECTRODES, 1])
        x = self._tokens(tf.concat([tf.transpose(voltages, [0, 2, 1]), levels, where], -1))
        x += self._within(within(x), within(x))
        x += self._mlps[0](beside(x))
        q = self._queries(tf.gather(self._points, places))[None]
        z = q + self._across(q, across(x))
        z += self._mlps[1](above(z))
        return self._out(z)[..., 0]


class Dense(snt.Module):
    """An MLP from all voltages to all points."""

    def __init__(self, *hidden_sizes: int):
        super().__init__()
        self._mlp = snt.nets.MLP([*hidden_sizes, len(points())], activation=tf.nn.relu)

    def __call__(self, voltages: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        voltages, level = scaled(voltages)
        flat = tf.reshape(voltages, [-1, PATTERNS * ELECTRODES])
        return tf.gather(self._mlp(tf.concat([flat, level[:, None]], axis=1)), places, axis=1)


class Constant(snt.Module):
    """One image for all data, the control: what can be had without looking."""

    def __init__(self):
        super().__init__()
        self.logits = tf.Variable(tf.zeros([len(points())]), name="logits")

    def __call__(self, voltages: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        return tf.tile(tf.gather(self.logits, places)[None], [tf.shape(voltages)[0], 1])


MODELS: dict[str, Callable[[], snt.Module]] = {
    "constant": Constant,
    "direct sampling": DirectSampling,
    "Sobolev sampling": lambda: DirectSampling(0.5),
    "softmax": lambda: BoundaryAttention(softmax_attention),
    "linear": lambda: BoundaryAttention(linear_attention),
    "galerkin": lambda: BoundaryAttention(galerkin_attention),
    "dense": lambda: Dense(31),
    "large dense": lambda: Dense(256, 256),
}
