"""Flags that several commands share."""

import ast
from typing import Any

from absl import flags

from training.data import DATASETS

DATASET = flags.DEFINE_enum(
    "dataset",
    "mnist_5k",
    DATASETS,
    "What to train on: mnist_5k is embedded; mnist and fashion_mnist come through TensorFlow "
    "Datasets, from --data_dir, --manual_dir or the network; mnist_rot is made from mnist.",
)
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "TensorFlow Datasets' folder (its own default if not given)."
)
MANUAL_DIR = flags.DEFINE_string(
    "manual_dir", None, "A folder with the four original .gz files of mnist or fashion_mnist."
)
EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Passes over the training split; each network's recipe by default.", 1
)
WORKDIRS = flags.DEFINE_multi_string(
    "workdir",
    None,
    "The folder of the results. By default, a run gets a new one under runs/; tables, comparisons "
    "and studies have one of their own there, such as runs/table-DATASET, where they go on.",
)


class _Workdir:
    """The one folder of a command: the last that was given, as of any flag that is given twice."""

    @property
    def value(self) -> str | None:
        return WORKDIRS.value[-1] if WORKDIRS.value else None


WORKDIR = _Workdir()


def parse_arguments(words: list[str], flag: str = "network_arg") -> dict[str, Any]:
    """["rank=64", "hidden_sizes=(32,16)", "group=cyclic8"], as a flag gave them -> arguments.

    A value is a Python literal; what is none is a string.

    Raises:
      ValueError: a word without "=", or a name given twice.
    """
    arguments = {}
    for word in words:
        name, separator, text = word.partition("=")
        if not separator or not name.isidentifier():
            raise ValueError(f"{flag} must be NAME=VALUE, got {word!r}")
        if name in arguments:
            raise ValueError(f"{flag} must give each name once, got {name!r} twice")
        try:
            arguments[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError):
            arguments[name] = text
    return arguments
