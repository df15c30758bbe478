"""The files of a run: what was asked for, what happened, what came out."""

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.report.folder import Folder
from training.report.tables import to_csv

METRICS = (
    "epoch",
    "loss",
    "train_accuracy",
    "validation_accuracy",
    "learning_rate",
    "seconds",
)


class Workdir(Folder):
    """A folder that holds one run: config.json, metrics.csv, checkpoints, result.json, pictures."""

    def __init__(self, path: str | os.PathLike):
        """Raises ValueError for a path in which TensorFlow would see a pattern."""
        super().__init__(path)
        if re.search(r"[*?[\\]", str(path)):
            raise ValueError(
                "workdir must not contain any of * ? [ \\, from which TensorFlow cannot restore, "
                f"got {str(path)!r}"
            )

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
                    f"{self.path / 'config.json'} is damaged, of no run, or of an earlier "
                    f"version: it lacks its {key}"
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


def _first_line(error: Exception) -> str:
    text = re.sub(r"\{\{.*?\}\} *| *\[Op:\w+\]", "", str(error)).strip()  # TensorFlow's own places
    return (text or type(error).__name__).splitlines()[0]


def num_parameters(network: snt.Module) -> int:
    """The number of trainable numbers."""
    return int(sum(np.prod(variable.shape) for variable in network.trainable_variables))
