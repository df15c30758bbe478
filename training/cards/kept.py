"""Where the measurements of published networks are, and what they say."""

from pathlib import Path

import pandas as pd

from training.cards.measure import Measured
from training.report.tables import read_csv, to_csv
from weirdonetworks import pretrained
from weirdonetworks.commands.folder import Sealed

RESULTS = Path(__file__).with_name("results")
PAGES = Path(__file__).parents[2] / "docs" / "networks"
CARD = "config.json"
TABLES = ("calibration", "confusion", "corruptions", "rotation", "logits")
OF_BOUNDED = "certified"  # a table of networks with a bound by construction


def table(library: Path | None = None) -> pd.DataFrame:
    """A line for all weights that are published, by default in the library.

    Raises:
      ValueError: there are none.
    """
    return read_csv((library or pretrained.FOLDER) / pretrained.TABLE)


def folder(network: str, key: str, results: Path = RESULTS) -> Sealed:
    """That of the weights of a network that are called so: see `pretrained.key`."""
    return Sealed(results / f"{network}-{key}")


def keep(files: Sealed, card: dict, measured: Measured) -> None:
    """Writes a card's numbers and tables."""
    files.write(CARD, {**card, "numbers": measured.numbers})
    for name, content in measured.tables.items():
        files.write_text(f"{name}.csv", to_csv(content))


def read(network: str, key: str, results: Path = RESULTS) -> tuple[dict, Measured]:
    """A card: what trained the network, and what was measured.

    Raises:
      ValueError: it is not there, or damaged.
    """
    files = folder(network, key, results)
    card = files.read(CARD)
    bounded = (files.path / f"{OF_BOUNDED}.csv").exists()
    names = (*TABLES, OF_BOUNDED) if bounded else TABLES
    for name in names:
        files.read_bytes(f"{name}.csv")
    tables = {name: read_csv(files.path / f"{name}.csv") for name in names}
    return card, Measured(card["numbers"], tables)
