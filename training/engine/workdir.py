"""The files of a run: what was asked for, what happened, what came out."""

import csv
import io
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.report.tables import to_csv

METRICS = (
    "epoch",
    "loss",
    "train_accuracy",
    "validation_accuracy",
    "learning_rate",
    "seconds",
)


class Workdir:
    """A folder that holds one run: config.json, metrics.csv, checkpoints, result.json, pictures.

    Every file is replaced as a whole, so a crash leaves the old or the new one, never half of it.
    """

    def __init__(self, path: str | os.PathLike):
        """Raises ValueError for a path in which TensorFlow would see a pattern."""
        self.path = Path(path)
        if re.search(r"[*?[\\]", str(path)):
            raise ValueError(
                "workdir must not contain any of * ? [ \\, from which TensorFlow cannot restore, "
                f"got {str(path)!r}"
            )

    def claim(
        self, config: Mapping[str, Any], resume: bool, free: Sequence[str] = ("data_dir", "manual_dir")
    ) -> None:
        """Makes the folder the one of this configuration.

        Entries of the names in `free` may differ: they say where things are, not what they are.

        Raises:
          ValueError: it holds another configuration (the message tells the entries that differ),
            or this one and `resume` is False, or files of another origin.
          OSError: it cannot be written.
        """
        config = json.loads(json.dumps(config))
        if (self.path / "config.json").exists():
            held = self.read("config.json")
            differing = [
                f"{key}: {held.get(key, 'none')!r} there, {config.get(key, 'none')!r} here"
                for key in sorted({*held, *config} - {*free})
                if held.get(key) != config.get(key)
            ]
            if differing:
                raise ValueError(
                    f"workdir {self.path} holds a run of another configuration "
                    f"({'; '.join(differing)}): give another --workdir"
                )
            if not resume:
                raise ValueError(
                    f"workdir {self.path} holds a run of this configuration already: "
                    "continue it with --resume, or give another --workdir"
                )
        elif self.path.exists() and (not self.path.is_dir() or self._has_other_files()):
            raise ValueError(
                f"workdir {self.path} exists and holds no run: give a new or empty folder"
            )
        else:
            self.write("config.json", config)

    def _has_other_files(self) -> bool:
        # A run that was killed at its very first file has left no more than this.
        return any(entry.name != ".config.json.new" for entry in self.path.iterdir())

    def write(self, name: str, value: Any) -> None:
        """Writes a JSON file."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            temporary = self.path / f".{name}.new"
            temporary.write_text(text, encoding="utf-8")
            os.replace(temporary, self.path / name)
        except OSError as error:
            raise OSError(
                f"workdir {self.path} cannot be written ({error.strerror}): give another --workdir"
            ) from error

    def read(self, name: str) -> Any:
        """Reads a JSON file that holds an object.

        Raises:
          ValueError: it is missing or damaged.
        """
        try:
            value = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ValueError(
                f"workdir {self.path} has no {name}: give the folder of a run"
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
            raise ValueError(f"{self.path / name} cannot be read ({error})") from error
        if not isinstance(value, dict):
            raise ValueError(f"{self.path / name} cannot be read (it must hold a JSON object)")
        return value

    def read_config(self) -> dict[str, Any]:
        """The configuration of the run in this folder.

        Raises:
          ValueError: it is missing or damaged, or of something else.
        """
        config = self.read("config.json")
        kinds = {"network": str, "network_args": dict, "dataset": str, "data_sha256": str}
        for key, kind in {**kinds, "num_classes": int, "image_shape": list}.items():
            if not isinstance(config.get(key), kind):
                raise ValueError(
                    f"{self.path / 'config.json'} is damaged, or of no run: it lacks its {key}"
                )
        return config

    def write_metrics(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Writes metrics.csv, a row an epoch."""
        self.write_text("metrics.csv", to_csv(rows, METRICS))

    def read_metrics(self, epochs: int) -> list[dict[str, float]]:
        """The rows of metrics.csv up to the newest checkpoint, which is of this epoch.

        Raises:
          ValueError: it is damaged, or there are too few rows, or several without a checkpoint.
        """
        path = self.path / "metrics.csv"
        if not path.exists() and not epochs:
            return []
        try:
            texts = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
            rows = [{key: float(text[key]) for key in METRICS} for text in texts[:epochs]]
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise ValueError(
                f"{path} cannot be read ({error}): train again in another --workdir"
            ) from error
        # Further rows are of epochs whose checkpoint was not finished: one, before the first is.
        if len(texts) < epochs or (not epochs and len(texts) > 1):
            raise ValueError(
                f"{path} has {len(texts)} rows, but the newest checkpoint is "
                f"{f'of epoch {epochs}' if epochs else 'missing'}: train again in another --workdir"
            )
        return [{**row, "epoch": int(row["epoch"])} for row in rows]

    def checkpoints(self, checkpoint: tf.train.Checkpoint) -> tf.train.CheckpointManager:
        """The manager of the run's checkpoints; the last two are kept."""
        folder = str(self.path / "checkpoints")
        return tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)

    def save(self, manager: tf.train.CheckpointManager, epoch: int) -> str:
        """Saves the checkpoint of an epoch and returns its path.

        Raises:
          OSError: it cannot be written.
        """
        try:
            return manager.save(checkpoint_number=epoch)
        except tf.errors.OpError as error:
            raise OSError(
                f"workdir {self.path} cannot be written ({_first_line(error)}): make room there "
                "and continue with --resume"
            ) from error

    def newest_checkpoint(self) -> str | None:
        """The path of the newest checkpoint that is there, or None before the first.

        Raises:
          ValueError: the list of checkpoints is damaged, or none on it is there.
        """
        # TensorFlow's own function would take a damaged list or a lost file for "none yet".
        state = self.path / "checkpoints" / "checkpoint"
        if not state.exists():
            return None
        text = state.read_text(encoding="utf-8", errors="replace")
        names = re.findall(r'^all_model_checkpoint_paths: "(.+)"$', text, re.MULTILINE)
        present = [name for name in names if (state.parent / f"{name}.index").exists()]
        if not present:
            raise ValueError(
                f"{state} is damaged or its checkpoints are lost: train again in another --workdir"
            )
        return str(state.parent / present[-1])

    def newest_epoch(self) -> int:
        """The epoch of the newest checkpoint, 0 before the first."""
        path = self.newest_checkpoint()
        return int(path.rpartition("-")[2]) if path else 0

    def restore(self, checkpoint: tf.train.Checkpoint, everything: bool = True) -> str | None:
        """Restores the newest checkpoint and returns its path, or None if there is none.

        Raises:
          ValueError: it is damaged, or of another network.
        """
        path = self.newest_checkpoint()
        if path is None:
            return None
        try:
            status = checkpoint.restore(path)
            if everything:
                status.assert_consumed()
            else:
                status.assert_existing_objects_matched().expect_partial()
        except Exception as error:  # TensorFlow's reader promises no types
            raise ValueError(
                f"checkpoint {path} is damaged or of another network ({_first_line(error)}): "
                "delete it to go back to the one before, or train again in another --workdir"
            ) from error
        return path

    def save_figure(self, figure, name: str) -> Path:
        """Saves a matplotlib figure as a PNG file."""
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.path / f".{name}.new"
        figure.savefig(temporary, format="png", dpi=120)
        os.replace(temporary, self.path / name)
        return self.path / name


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def num_parameters(network: snt.Module) -> int:
    """The number of trainable numbers."""
    return int(sum(np.prod(variable.shape) for variable in network.trainable_variables))


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "dm-sonnet": snt.__version__,
        "numpy": np.__version__,
        "weirdonetworks": wn.__version__,
    }
