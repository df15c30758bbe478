"""Where a run of a schedule stands, and its file."""

import dataclasses
import hashlib
import io
import json
from typing import Any, NamedTuple

import numpy as np

from training.engine.workdir import Workdir
from training.fitting.cooking.tables import Data
from training.report.tables import to_csv

COLUMNS = (
    "restart",
    "phase",
    "kind",
    "seconds",
    "train_error",
    "validation_error",
    "parameters",
    "held",
    "terms",
    "complete",
)
_FILE = "state.npz"


@dataclasses.dataclass(frozen=True)
class State:
    """Where a restart stands: parameters, which of them are held, terms of layers by path."""

    x: np.ndarray
    held: np.ndarray
    sizes: dict[str, int]


class Progress(NamedTuple):
    """All that the next phase depends on: the rows so far, the state, the best restart's state and
    last row, and (restart, phase) of the next one."""

    rows: list[dict[str, Any]]
    state: State | None
    best: tuple[State, dict[str, Any]] | None
    following: tuple[int, int]


def save(folder: Workdir, progress: Progress) -> None:
    """Writes state.npz, which is replaced as a whole, and then phases.csv.

    Raises:
      OSError: they cannot be written.
    """
    rows, state, best, following = progress
    meta = {
        "rows": rows,
        "following": following,
        "sizes": state.sizes,
        "best": best and {"row": best[1], "sizes": best[0].sizes},
    }
    arrays = {"x": state.x, "held": state.held}
    if best:
        arrays |= {"best_x": best[0].x, "best_held": best[0].held}
    buffer = io.BytesIO()
    np.savez(buffer, meta=json.dumps(meta), **arrays)
    folder.write_bytes(_FILE, buffer.getvalue())
    folder.write_text("phases.csv", to_csv(rows, COLUMNS))


def load(folder: Workdir | None) -> Progress:
    """What `save` wrote, or the beginning if there is none.

    Raises:
      ValueError: it is damaged.
    """
    path = folder and folder.path / _FILE
    if not path or not path.exists():
        return Progress([], None, None, (0, 0))
    try:
        with np.load(io.BytesIO(folder.read_bytes(_FILE))) as file:
            meta = json.loads(str(file["meta"]))
            state = State(file["x"], file["held"], meta["sizes"])
            best = None
            if meta["best"]:
                sizes = meta["best"]["sizes"]
                best = State(file["best_x"], file["best_held"], sizes), meta["best"]["row"]
            return Progress(meta["rows"], state, best, tuple(meta["following"]))
    except Exception as error:  # NumPy's reader promises no types
        raise ValueError(
            f"{path} cannot be read ({error}): begin again in another workdir"
        ) from error


def fingerprint(data: Data) -> str:
    """The SHA-256 of the data's types, shapes and numbers."""
    digest = hashlib.sha256()
    for array in map(np.asarray, data):
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
