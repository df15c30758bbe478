"""A network that sees all patches of an image by the same weights."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.functional.activations import Activation
from weirdonetworks.functional.patches import patches
from weirdonetworks.nets._units import Hidden


class PatchMLP(Module):
    """t_i = g(patch_i), logits = W h([t_1, ..., t_n]) + b, with one g for all patches.

    Images [batch, H, W, C] or [batch, H, W] -> [batch, num_classes]. g are hidden layers of
    `patch_sizes`, h those of `hidden_sizes`, on what g makes of all patches. By default no pixel is
    in two patches; with a `stride` below `patch_size` they overlap, and the network is a
    convolution in all but name.

    `unit` is what the hidden layers are made of, as in `DCTMLP`.
    """

    def __init__(
        self,
        num_classes: int = 10,
        patch_size: int = 7,
        stride: int | None = None,
        patch_sizes: tuple[int, ...] = (14, 8),
        hidden_sizes: tuple[int, ...] = (16,),
        unit: str = "dense",
        activation: str | Activation = "gelu",
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, no patch_sizes, an unknown unit
        or activation, or a dropout rate outside [0, 1); at the first call, for patches that do not
        fit the images."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.patch_size = _checks.integer("patch_size", patch_size)
        self.stride = None if stride is None else _checks.integer("stride", stride)
        self.patch_sizes = _checks.sizes("patch_sizes", patch_sizes, allow_empty=False)
        self.hidden_sizes = _checks.sizes("hidden_sizes", hidden_sizes)
        self.patch = Hidden(self.patch_sizes, unit, activation, name="patch")
        self.hidden = Hidden(self.hidden_sizes, unit, activation, dropout)
        self.head = Linear(self.num_classes, name="head")
        self.image_shape = None

    @once
    def _initialize(self, images: tf.Tensor):
        self.image_shape, self.input_dtype = tuple(images.shape[1:]), images.dtype

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        images = _tensor_checks.same_images(self, images)
        x = patches(images, self.patch_size, self.stride)
        self._initialize(images)
        t = self.patch(tf.reshape(x, [-1, x.shape[2]]), is_training)
        t = tf.reshape(t, [-1, x.shape[1] * t.shape[1]])  # maxout halves it
        return self.head(self.hidden(t, is_training))
