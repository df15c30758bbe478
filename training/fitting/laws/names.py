"""The names of the laws, for the command line: read without SymPy."""

import csv
from pathlib import Path

TABLE = Path(__file__).with_name("feynman.csv")

with open(TABLE, newline="", encoding="utf-8") as _file:
    NAMES = tuple(row["name"] for row in csv.DictReader(_file))
