"""Networks of the registry with the weights that come with the library.

`results.csv` has a line for each: how good it is, what trained it, and the SHA-256 of its file.
"""

import csv
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
TABLE = "results.csv"


def table() -> list[dict[str, str]]:
    """The lines of results.csv."""
    path = FOLDER / TABLE
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def datasets(network: str) -> list[str]:
    """The names of the data sets on which there are weights of a network."""
    return [row["dataset"] for row in table() if row["network"] == network]


def file_name(network: str, dataset: str) -> str:
    """Of the weights of a network on a data set."""
    return f"{network}-{dataset}.safetensors"


def metadata(network: str, dataset: str) -> dict[str, Any]:
    """What the file of a network's weights says of itself: see `training.publish`."""
    from weirdonetworks import weights  # needs TensorFlow

    return weights.read(FOLDER / file_name(network, dataset))[1]
