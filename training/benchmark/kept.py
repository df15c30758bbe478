"""What was measured, as it is kept in the repository."""

from pathlib import Path

import pandas as pd

from training.experiments.study import Report
from training.report.tables import read_csv, to_csv
from weirdonetworks.commands.folder import Folder

FOLDER = Path(__file__).parent / "results"
GROWTH = "growth.csv"  # powers of the number of tokens, of attention
COLUMNS = ("contender", "rate", "lowest", "highest", "ratio", "peak_mb")
# What a ratio tells, by group: of how many times another costs, or how many times it is as fast.
RATIOS = {
    "loops": "ours is .. times as fast",
    "quadratic": "times as fast as the outer product",
    "synchronous": "times the cost of the shared network",
    "steps": "times the cost of plain",
    "iterates": "times the cost of tf.exp",
    "attention": "times as fast as softmax of 4,096, for each token",
    "pursuit": "times as fast as scikit-learn",
}
UNITS = {"iterates": "numbers/s", "attention": "tokens/s", "pursuit": "vectors/s"}


def to_csv_of(rows: list[dict]) -> str:
    """The table of a group as a file holds it: the columns that it has."""
    frame = pd.DataFrame(rows)
    return to_csv(frame, [column for column in COLUMNS if column in frame])


def tables(folder: Path = FOLDER) -> dict[str, pd.DataFrame]:
    """The tables of all groups in a folder, for people.

    Raises:
      ValueError: there are none, or one is damaged.
    """
    found = {name: folder / f"{name}.csv" for name in RATIOS if (folder / f"{name}.csv").exists()}
    if not found:
        raise ValueError(f"{folder} must hold results of the benchmark, got none")
    return {name: _shown(name, read_csv(path)) for name, path in found.items()}


def report() -> Report:
    """The tables of the repository, and why those are transcribed that are."""
    config, found = Folder(FOLDER).read("config.json"), {**tables(), "growth": growth()}
    why = dict.fromkeys(config["transcribed"], config["reason"])
    return Report(found, transcribed=why)


def growth(folder: Path = FOLDER) -> pd.DataFrame:
    """The powers of a folder, a row for each form."""
    frame = read_csv(folder / GROWTH)
    rows = {}
    for row in frame.to_dict("records"):
        own = rows.setdefault(row["form"], {"": row["form"]})
        for what in ("seconds", "memory"):
            own[f"{what}, from {row['from']} tokens"] = f"n^{row[what]:.2f}"
    shown = pd.DataFrame(list(rows.values()))
    return shown[sorted(shown, key=lambda name: ("", "s", "m").index(name[:1]))]


def _shown(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame({"": frame["contender"]})
    if "rate" in frame:
        shown[UNITS.get(name, "images/s")] = [f"{rate:,.0f}" for rate in frame["rate"]]
    shown[RATIOS[name]] = [f"{ratio:.3g}" for ratio in frame["ratio"]]
    if "peak_mb" in frame:
        shown["peak MB"] = [f"{megabytes:.0f}" for megabytes in frame["peak_mb"]]
    return shown
