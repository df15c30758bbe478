"""One code of pixels, and a network that reads it."""

import time
from typing import Any

import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.engine import Recipe
from training.engine.loop import Loop
from training.engine.scoring import Scorer
from training.experiments import CHOICE_SEED
from training.studies.gray_digits.__main__ import GREY

NUMBERS = 50_000


def trial(axes: dict[str, Any], seed: int, choice: float, *, epochs: int) -> dict[str, Any]:
    """A row: accuracies, units, numbers, seconds; what chooses a rate does not see the test set.

    Raises FloatingPointError if the training diverges.
    """
    dataset = axes["dataset"]
    started = time.perf_counter()
    tf.random.set_seed(seed)
    network = CodedMLP(axes["code"], axes["bits"], dataset.num_classes)
    recipe = Recipe(epochs=epochs, learning_rate=choice)
    loop = Loop(network, dataset.train, recipe, seed)
    for _ in range(epochs):
        loop.run_epoch()
    scorer = Scorer(network)
    row = {
        "validation_accuracy": scorer.accuracy(dataset.validation),
        "units": network.units,
        "numbers": wn.nets.count_numbers(network).trained,
        "seconds": time.perf_counter() - started,
    }
    if seed != CHOICE_SEED:
        row["test_accuracy"] = scorer.accuracy(dataset.test)
    return row


class CodedMLP(snt.Module):
    """An MLP of one hidden layer on the code of each pixel, as wide as about `NUMBERS` allow."""

    def __init__(self, code: str, bits: int, num_classes: int = 10):
        super().__init__(name="coded_mlp")
        self.code, self.bits, self.num_classes = code, bits, num_classes
        self.units = self.mlp = None

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        x = snt.flatten(encode(images, self.code, self.bits))
        if self.mlp is None:
            classes = self.num_classes
            self.units = round((NUMBERS - classes) / (x.shape[1] + 1 + classes))
            self.mlp = wn.nets.MLP(classes, (self.units,))
        return self.mlp(x, is_training)


def encode(x: tf.Tensor, code: str, bits: int) -> tf.Tensor:
    """Grey values in [0, 1], of any shape: as they are, rounded down to one of 2^bits from 0 to 1,
    or, with an axis more, their digits."""
    if code == GREY:
        return x
    digits = wn.functional.gray_code(x, bits)
    if code == "gray":
        return digits
    binary = tf.math.floormod(tf.cumsum(digits, axis=-1), 2)
    if code == "binary":
        return binary
    weights = tf.constant([2.0 ** (bits - 1 - i) for i in range(bits)], x.dtype)
    return tf.linalg.matvec(binary, weights) / (2**bits - 1)
