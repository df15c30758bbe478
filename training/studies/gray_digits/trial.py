"""One code of pixels, and networks that read it."""

import dataclasses
import functools
from typing import Any

import numpy as np
import tensorflow as tf

from training.data import SPLITS, Dataset, Split
from training.engine import Recipe
from training.engine.trainer import Repeated
from training.experiments import CHOICE_SEED
from training.studies.gray_digits.__main__ import GREY
from weirdonetworks.functional import gray_code

NUMBERS = 50_000


def trial(axes: dict[str, Any], seed: int, choice: float, *, epochs: int) -> dict[str, Any]:
    """A row: accuracies, units, numbers, seconds; what chooses a rate does not see the test set.

    Raises FloatingPointError if the training diverges.
    """
    runs = _runs(axes["dataset"], axes["code"], axes["bits"], epochs)
    row = runs.run(seed, choice, SPLITS[1:2] if seed == CHOICE_SEED else SPLITS[1:])
    numbers = row.pop("parameters")
    return {**row, "units": runs.network.hidden_sizes[0], "numbers": numbers}


@functools.lru_cache(maxsize=8)
def _runs(dataset: Dataset, code: str, bits: int, epochs: int) -> Repeated:
    coded, classes = coded_dataset(dataset, code, bits), dataset.num_classes
    arguments = {"hidden_sizes": (units(np.prod(coded.image_shape), classes),)}
    return Repeated("mlp", coded, Recipe(arguments, epochs=epochs))


def units(inputs: int, classes: int) -> int:
    """Of one hidden layer, such that the network has about `NUMBERS` numbers."""
    return round((NUMBERS - classes) / (inputs + 1 + classes))


def coded_dataset(dataset: Dataset, code: str, bits: int) -> Dataset:
    """Images whose channels are the codes of the pixels."""
    table = encode(code, bits)

    def coded(split: Split) -> Split:
        pixels = table[split.images]
        return Split(pixels.reshape(*pixels.shape[:3], -1), split.labels)

    return dataclasses.replace(dataset, **{name: coded(getattr(dataset, name)) for name in SPLITS})


def encode(code: str, bits: int) -> np.ndarray:
    """The codes of all 256 grey values, of 0 to 255, [256, channels]: the values themselves, the
    nearest below of 2^bits from 0 to 255, or digits that are 0 or 255."""
    values = np.arange(256, dtype=np.uint8)[:, None]
    if code == GREY:
        return values
    digits = gray_code(tf.constant(values[:, 0] / 255), bits).numpy()
    binary = np.cumsum(digits, axis=1) % 2
    rounded = binary @ 2.0 ** np.arange(bits)[::-1] / (2**bits - 1)
    codes = {"gray": digits, "binary": binary, "rounded": rounded[:, None]}
    return np.rint(255 * codes[code]).astype(np.uint8)
