"""A network of complex numbers, whose scores do not see a global phase."""

import math

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional.complex_parts import mod_relu, modulus
from weirdonetworks.layers.complex import ComplexDense


class ComplexMLP(Module):
    """z_l = mod_relu(z_{l-1} W_l; b_l), logits = |z_L W| + b: images -> [batch, num_classes].

    Complex images [batch, H, W, 2], (real, imaginary) in the last axis. `zero` is what stands for 0
    in both parts, as 128 / 255 where pixels hold numbers of both signs (as those of the data set
    mnist_kspace): it is taken off first.

    No layer adds complex numbers of its own, so a phase of all inputs turns all z_l, and leaves
    moduli and scores as they are: logits(e^(i t) x) = logits(x) for all weights.

    Initialisation: weights keep the mean square modulus (`ComplexDense`), and b = 0: the hidden
    layers begin as linear ones, whose thresholds -b are learned.

    Sources: Arjovsky, Shah and Bengio 2016, "Unitary evolution recurrent neural networks" (the
    rectifier); Trabelsi et al. 2018, "Deep complex networks".
    """

    def __init__(
        self,
        num_classes: int = 10,
        hidden_sizes: tuple[int, ...] = (100, 100),
        zero: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not integers >= 1, or a zero outside of [0, 1]; at a
        call, for images that are not complex."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        self.hidden_sizes = _checks.sizes("hidden_sizes", hidden_sizes)
        self.zero = _checks.number("zero", zero, 0, 1)
        self.layers = [
            ComplexDense(size, with_bias=False, name=f"complex_{i}")
            for i, size in enumerate([*self.hidden_sizes, self.num_classes])
        ]
        self.image_shape = None

    @once
    def _initialize(self, images: tf.Tensor):
        self.image_shape, self.input_dtype = tuple(images.shape[1:]), images.dtype
        self.biases = [
            tf.Variable(tf.zeros([layer.output_size], images.dtype), name=f"b_{i}")
            for i, layer in enumerate(self.layers)
        ]

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        images = _tensor_checks.parts("images", images)
        if images.shape.rank and images.shape[-1] != 2 and self.image_shape is None:
            raise ValueError(
                "images must be complex, [batch, height, width, 2] with static sizes and (real, "
                f"imaginary) in the last axis, got shape {images.shape}"
            )
        images = _tensor_checks.same_images(self, images)
        self._initialize(images)
        z = tf.reshape(images - self.zero, [-1, math.prod(self.image_shape) // 2, 2])
        for layer, bias in zip(self.layers[:-1], self.biases[:-1], strict=True):
            z = mod_relu(layer(z), bias)
        return modulus(self.layers[-1](z)) + self.biases[-1]
