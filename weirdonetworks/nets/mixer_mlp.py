"""A network that mixes patches and channels in turn."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._initializers import VarianceScaling
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.functional.activations import Activation
from weirdonetworks.functional.patches import patches
from weirdonetworks.layers.activation import activate, create_activation
from weirdonetworks.layers.dropout import Dropout


class MixerMLP(Module):
    """Patches and channels in turn, by dense layers: images -> [batch, num_classes].

        t_i = E patch_i + e,                                 patches -> `size` numbers,
        T <- T + phi(A T + a 1^T),   T <- T + phi(T B + 1 b^T),   `depth` blocks,
        logits = W vec(T) + w.

    Images are [batch, H, W, C] or [batch, H, W]; T is [n, size] for n patches, of which no two
    overlap. A is [n, n], B [size, size]: a block has n (n + 1) + size (size + 1) numbers, and is
    used `repeats` times, which costs none. There is no normalisation.

    Initialisation: E ~ 1 / sqrt(in); A and B ~ 1 / sqrt(in blocks), blocks = depth repeats, so that
    the sum over all blocks does not grow with their number; biases 0.

    Source: Tolstikhin et al. 2021, "MLP-Mixer"; theirs have a hidden layer in each of the two maps,
    layer normalisation, and the mean of T before the logits.
    """

    def __init__(
        self,
        num_classes: int = 10,
        patch_size: int = 7,
        size: int = 16,
        depth: int = 1,
        repeats: int = 1,
        activation: str | Activation = "gelu",
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes, a depth or repeats that are not integers >= 1, an unknown
        activation, or a dropout rate outside [0, 1); at the first call, for patches that do not
        divide the images, or an activation that changes the number of what it is given."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.patch_size = _checks.integer("patch_size", patch_size)
        self.size = _checks.integer("size", size)
        self.depth = _checks.integer("depth", depth, maximum=_checks.MOST_SIZES)
        self.repeats = _checks.integer("repeats", repeats, maximum=_checks.MOST_SIZES)
        self.activation = create_activation(activation)
        self.embedding = Linear(self.size, name="embedding")
        self.blocks: list[list[Linear]] = []
        self.dropout = Dropout(_checks.rate("dropout", dropout))
        self.head = Linear(self.num_classes, name="head")
        self.image_shape = None

    @once
    def _initialize(self, images: tf.Tensor, tokens: tf.Tensor):
        self.image_shape, self.input_dtype = tuple(images.shape[1:]), images.dtype
        small = VarianceScaling((self.depth * self.repeats) ** -2)
        sizes = {"patches": tokens.shape[1], "channels": self.size}
        self.blocks.extend(
            [Linear(n, w_init=small, name=f"mix_{kind}_{i}") for kind, n in sizes.items()]
            for i in range(self.depth)
        )

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        images = _tensor_checks.same_images(self, images)
        x = patches(images, self.patch_size)
        number = x.shape[1]
        self._initialize(images, x)
        t = self.embedding(tf.reshape(x, [-1, x.shape[2]]))
        t = tf.reshape(t, [-1, number, self.size])
        for mix_patches, mix_channels in self.blocks:
            for _ in range(self.repeats):
                t += self._turned(mix_patches, t, is_training)
                t += self._along_last(mix_channels, t, is_training)
        t = self.dropout(tf.reshape(t, [-1, number * self.size]), is_training)
        return self.head(t)

    def _along_last(self, mix: Linear, t: tf.Tensor, is_training: bool) -> tf.Tensor:
        """phi(t W + b), all rows of the batch as one matrix."""
        rows, columns = t.shape[1:]
        mixed = activate(self.activation, mix(tf.reshape(t, [-1, columns])), is_training)
        if mixed.shape[1] != columns:
            raise ValueError(
                f"activation must keep all axes of what it is added to, {columns} numbers, "
                f"got {mixed.shape[1]}"
            )
        return tf.reshape(mixed, [-1, rows, columns])

    def _turned(self, mix: Linear, t: tf.Tensor, is_training: bool) -> tf.Tensor:
        mixed = self._along_last(mix, tf.transpose(t, [0, 2, 1]), is_training)
        return tf.transpose(mixed, [0, 2, 1])
