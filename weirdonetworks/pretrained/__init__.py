"""Networks of the registry with the weights that come with the library.

`results.csv` has a line for each: how good it is, what trained it, and the SHA-256 of its file.
"""

import csv
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
TABLE = "results.csv"
DEFAULT = "default"  # the recipe of a network's own


def table() -> list[dict[str, str]]:
    """The lines of results.csv."""
    path = FOLDER / TABLE
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def key(dataset: str, recipe: str) -> str:
    """How weights are called: by their data set, and the recipe if it is not the network's own."""
    return dataset if recipe == DEFAULT else f"{dataset}-{recipe}"


def keys(network: str) -> list[str]:
    """How all weights of a network are called: "mnist", "mnist-W+-1800", ..."""
    return [key(row["dataset"], row["recipe"]) for row in table() if row["network"] == network]


def file_name(network: str, key: str) -> str:
    """Of the weights of a network that are called so."""
    return f"{network}-{key}.safetensors"


def metadata(network: str, key: str) -> dict[str, Any]:
    """What the file of a network's weights says of itself: see `training.publish`."""
    from weirdonetworks import weights  # needs TensorFlow

    return weights.read(FOLDER / file_name(network, key))[1]
