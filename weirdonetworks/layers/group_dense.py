"""The dense layer over a group: all that commutes with it."""

import math

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional.sparse import SparseMap
from weirdonetworks.groups import ImageAction, get_group


class GroupDense(Module):
    """y_g = sum_h W_{h g^-1} x_h + b: [batch, |G|, in] -> [batch, |G|, output_size].

    The layer for features x_g = f(g x) of an orbit (such as `LiftDense` makes): every linear map
    that commutes with the group is of this form. Where the input of the network is turned by k,
    its features are permuted, x_g -> x_{gk}, and so are the outputs, y_g -> y_{gk}. Only the
    composition table counts here, so that this holds for every group, also where rotations of
    images are interpolated (`LiftDense` is then what is approximate).

    One weight matrix for each element of the group, |G| in output_size weights in place of
    |G|^2 in output_size. (With features x_g = f(g^-1 x), as others define them, the weights depend
    on g^-1 h.) For cyclic groups the whole matrix is block-circulant, a correlation over the group,
    and is applied in the Fourier basis, where each frequency is by itself: about |G| / 2 times
    fewer multiplications.

    Initialisation: W ~ 1 / sqrt(|G| in), truncated normal, as `snt.Linear` on all |G| in inputs;
    b = 0.

    Source: Cohen and Welling 2016, "Group equivariant convolutional networks", without the
    translations, and with it all convolution.
    """

    def __init__(
        self, output_size: int, group: ImageAction | str = "cyclic4", name: str | None = None
    ):
        """Raises ValueError for a size < 1 or an action that is not closed."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.group = get_group(group)
        if self.group.table is None:
            raise ValueError(
                f"group must be closed under composition, got {_checks.received(group)}"
            )
        self.input_size = None
        n = self.group.size
        circulant = np.add.outer(np.arange(n), np.arange(n)) % n
        self._is_cyclic = np.array_equal(self.group.table, circulant)
        quotients = self.group.table[:, self.group.inverses].reshape(-1)  # h g^-1 for each (h, g)
        self._entries = SparseMap(np.arange(n * n), quotients, np.ones(n * n), (n * n, n))

    @once
    def _initialize(self, inputs: tf.Tensor):
        n, self.input_size = inputs.shape[1:]
        self.input_dtype = inputs.dtype
        w = snt.initializers.TruncatedNormal(stddev=1 / math.sqrt(n * self.input_size))
        shape = [n, self.input_size, self.output_size]
        self.w = tf.Variable(w(shape, inputs.dtype), name="w")
        self.b = tf.Variable(tf.zeros([self.output_size], inputs.dtype), name="b")

    def matrix(self) -> tf.Tensor:
        """The whole layer as one matrix, [|G| in, |G| output_size].

        Raises:
          ValueError: before the first call, which makes the weights.
        """
        if self.input_size is None:
            raise ValueError(f"GroupDense must be called before it has a matrix, got {self!r}")
        n = self.group.size
        w = tf.reshape(self._entries(self.w), [n, n, self.input_size, self.output_size])
        w = tf.transpose(w, [0, 2, 1, 3])
        return tf.reshape(w, [n * self.input_size, n * self.output_size])

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.floating("GroupDense inputs", inputs)
        n, known = self.group.size, self.input_size
        shape = inputs.shape
        if shape.rank != 3 or shape[1] != n or not shape[2] or known not in (None, shape[2]):
            features = f"{known}] as at the first call" if known else "features] with static sizes"
            raise ValueError(
                f"GroupDense inputs must be [batch, {n}, {features}, got shape {shape}"
            )
        _tensor_checks.same_dtype(self, inputs)
        self._initialize(inputs)
        if self._is_cyclic:
            return self._correlate(inputs) + self.b
        y = tf.matmul(tf.reshape(inputs, [-1, n * shape[2]]), self.matrix())
        return tf.reshape(y, [-1, n, self.output_size]) + self.b

    def _correlate(self, x: tf.Tensor) -> tf.Tensor:
        """y_g = sum_h w_{h - g} x_h: for each frequency, y^ = conj(w^) x^ in real arithmetic."""
        n = self.group.size
        k = np.arange(n // 2 + 1)
        angles = 2 * np.pi * np.outer(k, np.arange(n)) / n
        cos, sin = (tf.constant(part, x.dtype) for part in (np.cos(angles), np.sin(angles)))
        xc, xs = (tf.einsum("kg,bgi->kbi", part, x) for part in (cos, sin))
        wc, ws = (tf.einsum("kg,gio->kio", part, self.w) for part in (cos, sin))
        w = tf.concat([tf.concat([wc, -ws], axis=2), tf.concat([ws, wc], axis=2)], axis=1)
        yc, ys = tf.split(tf.matmul(tf.concat([xc, xs], axis=2), w), 2, axis=2)
        # Frequencies between the first and n / 2 stand for their mirror images as well.
        share = tf.constant(np.where(2 * k % n == 0, 1, 2) / n, x.dtype)[:, None]
        parts = [tf.einsum("kg,kbo->bgo", share * wave, y) for wave, y in ((cos, yc), (sin, ys))]
        # Without this, TFLite's converter loses the size of the batch.
        yc, ys = (tf.reshape(part, [-1, n, self.output_size]) for part in parts)
        return yc + ys
