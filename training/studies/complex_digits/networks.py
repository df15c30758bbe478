"""The three networks: of complex numbers, of their parts, of their moduli."""

from collections.abc import Callable

import sonnet as snt
import tensorflow as tf

from training.data.mnist_kspace import ZERO
from weirdonetworks.functional import modulus
from weirdonetworks.nets import MLP, ComplexMLP


class Seen(snt.Module):
    """network(see((pixels - zero) / scale)): [batch, H, W, 2] in [0, 1] -> [batch, num_classes]."""

    def __init__(
        self, see: Callable[[tf.Tensor], tf.Tensor], network: snt.Module, scale: float = 1.0
    ):
        super().__init__(name="seen")
        self.see, self.network, self.scale = see, network, scale

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        return self.network(self.see((images - ZERO / 255) / self.scale), is_training=is_training)


def create(kind: str, classes: int, places: int, units: int, scale: float = 1.0) -> Seen:
    """The network of a kind, for so many complex numbers an image.

    Two hidden layers, of `units` complex ones, or of real ones such that there are as many numbers.
    """
    if kind == "complex":
        return Seen(tf.identity, ComplexMLP(classes, (units, units)), scale)
    wanted = 2 * (places + units + classes + 1) * units + classes
    inputs, see = (2 * places, tf.identity) if kind == "real" else (places, modulus)
    width = min(
        range(1, 4 * units + 1), key=lambda width: abs(numbers(inputs, width, classes) - wanted)
    )
    return Seen(see, MLP(classes, (width, width)), scale)


def numbers(inputs: int, width: int, classes: int) -> int:
    """Of a real network with two hidden layers of this width."""
    return (inputs + width + classes + 2) * width + classes
