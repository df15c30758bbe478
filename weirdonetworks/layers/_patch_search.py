"""What layers that look for something on a canvas share: patches, weights, place or mean."""

import abc
import math

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.functional.patches import patches


class PatchSearch(Module):
    """w = softmax(s), y = sum_i w_i place_i or y = V^T sum_i w_i p_i, with the s of a subclass."""

    def __init__(self, patch_size: int, stride: int, value_size: int | None, name: str | None):
        """Raises ValueError for sizes that are not integers >= 1."""
        super().__init__(name=name)
        self.patch_size = _checks.integer("patch_size", patch_size)
        self.stride = _checks.integer("stride", stride)
        self.value_size = value_size
        if value_size is not None:
            self.value_size = _checks.integer("value_size", value_size)
            self.value = Linear(self.value_size, with_bias=False, name="value")

    @once
    def _initialize(self, canvas: tf.Tensor, cue: tf.Tensor, windows: tf.Tensor):
        self.channels, self.cue_shape = canvas.shape[3], tuple(cue.shape[1:])
        self.input_dtype = canvas.dtype
        self._make(windows.shape[2])

    @abc.abstractmethod
    def _make(self, patch_numbers: int) -> None:
        """Makes the parts that depend on the size of a patch."""

    @abc.abstractmethod
    def _scores(self, cue: tf.Tensor, windows: tf.Tensor) -> tf.Tensor:
        """[batch, cue], [batch, patches, size] -> [batch, patches], of unit variance at first."""

    def weights(self, canvas: tf.Tensor, cue: tf.Tensor | None = None) -> tf.Tensor:
        """How much each patch counts, from left to right and from above: [batch, patches].

        Raises:
          ValueError: tensors that the layer refuses.
        """
        return self._look(canvas, cue)[1]

    def _look(self, canvas: tf.Tensor, cue: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """The patches and their weights."""
        canvas = _tensor_checks.images("canvas", canvas)
        name, cue = ("canvas", canvas) if cue is None else ("cue", _check_cue(cue, canvas))
        channels, shape = canvas.shape[3], tuple(cue.shape[1:])
        known = getattr(self, "cue_shape", shape)
        if shape != known:
            raise ValueError(
                f"{name} must be {known} after the batch as at the first call, got {shape}"
            )
        if channels != getattr(self, "channels", channels):
            raise ValueError(
                f"canvas must have {self.channels} channels as at the first call, got {channels}"
            )
        _tensor_checks.same_dtype(self, canvas)
        windows = patches(canvas, self.patch_size, self.stride)
        self._initialize(canvas, cue, windows)
        cue = tf.reshape(cue, [-1, math.prod(shape)])
        return windows, tf.nn.softmax(self._scores(cue, windows))

    def __call__(self, canvas: tf.Tensor, cue: tf.Tensor | None = None) -> tf.Tensor:
        windows, weights = self._look(canvas, cue)
        if self.value_size is None:
            return tf.matmul(weights, tf.constant(self._places(canvas.shape), weights.dtype))
        # The mean of V^T p_i is V^T of the mean, as weights sum to one.
        return self.value(tf.einsum("bi,bip->bp", weights, windows))

    def _places(self, shape: tf.TensorShape) -> np.ndarray:
        """Row and column of the centre of each patch, [patches, 2]."""
        axes = [
            np.arange(0, side - self.patch_size + 1, self.stride) + (self.patch_size - 1) / 2
            for side in shape[1:3]
        ]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def _check_cue(cue: tf.Tensor, canvas: tf.Tensor) -> tf.Tensor:
    cue = _tensor_checks.of_type("cue", cue, "canvas", canvas.dtype)
    if not cue.shape.rank or cue.shape.rank < 2 or not all(cue.shape[1:]):
        raise ValueError(
            "cue must be [batch, ...] with static sizes >= 1 after the batch, "
            f"got shape {cue.shape}"
        )
    if not cue.shape[:1].is_compatible_with(canvas.shape[:1]):
        raise ValueError(
            f"cue must be of as many examples as canvas, {canvas.shape[0]}, got {cue.shape[0]}"
        )
    return cue
