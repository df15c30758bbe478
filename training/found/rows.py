"""What searches found: the best network and recipe of at most so many numbers."""

import json
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).with_name("searches")
EPOCHS = 20  # at least so many train a row; searches may have fewer
_NO_LAYOUT = {"mlp", "quadratic", "comodulation", "posynomial", "hashed", "autoactivation"}
_SEEN_AGAIN = {"windows", "crosswise"}  # pixels, by overlapping windows or two readings
_SYMMETRIC = {"turned"}


class Row(NamedTuple):
    """The best network of at most so many numbers in its class.

    Attributes:
      kind: "P", "D", "W" or "S"; with "+", if it is trained on distorted images.
      at_most: numbers.
      network: its name.
      recipe: fields of its `Recipe`; the epochs are those of the search, or EPOCHS if it had fewer.
      validation_accuracy: by which it was chosen, of one seed.
    """

    kind: str
    at_most: int
    network: str
    recipe: dict[str, Any]
    validation_accuracy: float


def rows(dataset: str, folder: Path = FOLDER) -> dict[str, Row]:
    """By name, from the fewest numbers; where several searches had one aim, the best of them."""
    found: dict[str, Row] = {}
    for path in sorted(folder.glob("*.json")):
        told = json.loads(path.read_text())
        if told["search"]["dataset"] != dataset:
            continue
        kind = kind_of(told["search"]["families"], told["search"]["step"])
        for at_most, best in told["best"].items():
            recipe = best["recipe"] | {"epochs": max(EPOCHS, best["recipe"]["epochs"])}
            row = Row(kind, int(at_most), best["network"], recipe, best["validation_accuracy"])
            key = f"{kind}-{at_most}"
            if key not in found or row.validation_accuracy > found[key].validation_accuracy:
                found[key] = row
    return dict(sorted(found.items(), key=lambda item: (item[1].kind, item[1].at_most)))


def rows_for(dataset: str) -> dict[str, Row]:
    """Those that were found on this data set if there are any, and else those of mnist."""
    return rows(dataset) or rows("mnist")


def kind_of(families: list[str], step: str) -> str:
    """The class of what such a search may find; raises ValueError for a step the table has not."""
    seen = "P" if set(families) <= _NO_LAYOUT else "D"
    kind = "W" if set(families) & _SEEN_AGAIN else seen
    kind = "S" if set(families) <= _SYMMETRIC else kind
    if step not in ("plain", "augment"):
        raise ValueError(f"step must be plain or augment, as the table says, got {step!r}")
    return kind if step == "plain" else f"{kind}+"
