"""The files of a run: what was asked for, what happened, what came out."""

import csv
import io
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.engine.recipes import check_network_args
from training.report.tables import to_csv
from weirdonetworks import _checks
from weirdonetworks.commands.folder import LOCK, MANIFEST, Sealed, digest, sync

METRICS = (
    "epoch",
    "loss",
    "train_accuracy",
    "validation_accuracy",
    "learning_rate",
    "seconds",
)


_CHECKPOINTS = "checkpoints"
_KEPT = 2  # checkpoints


class Workdir(Sealed):
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
        _checks.sizes("image_shape", config["image_shape"])
        check_network_args(config["network_args"])
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
            texts = list(csv.DictReader(io.StringIO(self.read_bytes(path.name).decode())))
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

    def save(self, checkpoint: tf.train.Checkpoint, epoch: int) -> str:
        """Saves the checkpoint of an epoch and returns its path; the last two are kept.

        It counts from when all its parts are in the manifest.

        Raises:
          OSError: it cannot be written.
        """
        folder, prefix = self.path / _CHECKPOINTS, self.checkpoint(epoch)
        try:
            checkpoint.write(prefix)
            parts = sorted(folder.glob(f"ckpt-{epoch}.*"))
            for path in (*parts, folder):
                sync(path)
        except (tf.errors.OpError, OSError) as error:
            raise OSError(
                f"workdir {self.path} cannot be written ({_first_line(error)}): make room there "
                "and continue with --resume"
            ) from error
        sums = self.sums()
        kept = [*[one for one in self._epochs() if one != epoch][1 - _KEPT :], epoch]
        files = {f"{_CHECKPOINTS}/{path.name}": [digest(path.read_bytes())] for path in parts}
        self.write_sums(
            {name: own for name, own in sums.items() if _epoch(name) in (None, *kept)} | files
        )
        self.clean()
        return prefix

    def clean(self) -> None:
        """Deletes what killed processes have left: all that the manifest does not list."""
        held = {self.path / name for name in (*self.sums(), LOCK, MANIFEST)}
        for path in [*self.path.glob(".*.new"), *(self.path / _CHECKPOINTS).glob("*")]:
            if path not in held:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _epochs(self) -> list[int]:
        """The epochs whose checkpoints have been written and not been deleted."""
        return sorted({_epoch(name) for name in self.sums()} - {None})

    def damage(self, epoch: int) -> str | None:
        """What is wrong with the checkpoint of an epoch, if something is."""
        names = [name for name in self.sums() if _epoch(name) == epoch]
        for name in names:
            try:
                self.read_bytes(name)
            except FileNotFoundError:
                return f"{name} is lost"
            except (OSError, ValueError):
                return f"{name} is damaged"
        return None if names else "it was not written"

    def newest_epoch(self) -> int:
        """The epoch of the newest checkpoint that is whole, 0 before the first.

        Raises:
          ValueError: none of those that were written is whole.
        """
        return self._newest()[0]

    def _newest(self) -> tuple[int, list[str]]:
        """The epoch of the newest checkpoint that is whole, and what is wrong with newer ones."""
        damages = []
        for epoch in reversed(self._epochs()):
            damage = self.damage(epoch)
            if damage is None:
                return epoch, damages
            damages.append(damage)
        if damages:
            raise ValueError(
                f"workdir {self.path} has no whole checkpoint ({', '.join(damages)}): train again "
                "in another --workdir"
            )
        return 0, []

    def checkpoint(self, epoch: int) -> str:
        """The path of the checkpoint of an epoch."""
        return str(self.path / _CHECKPOINTS / f"ckpt-{epoch}")

    def restore(self, checkpoint: tf.train.Checkpoint, everything: bool = True) -> int:
        """Restores the newest checkpoint that is whole and returns its epoch, 0 before the first.

        A newer one that is not is told on stderr.

        Raises:
          ValueError: none is whole, or it is of another network.
        """
        epoch, damages = self._newest()
        if not epoch:
            return 0
        if damages:
            print(f"{damages[0]} in {self.path}: back to epoch {epoch}", file=sys.stderr)
        path = self.checkpoint(epoch)
        try:
            status = checkpoint.read(path)
            if everything:
                status.assert_consumed()
            else:
                status.assert_existing_objects_matched().expect_partial()
        except Exception as error:  # TensorFlow's reader promises no types
            raise ValueError(
                f"checkpoint {path} is of another network ({_first_line(error)}): train again in "
                "another --workdir"
            ) from error
        return epoch


def _epoch(name: str) -> int | None:
    """The epoch of a checkpoint of which this is a part, if it is one."""
    found = re.fullmatch(rf"{_CHECKPOINTS}/ckpt-(\d+)\..+", name)
    return int(found[1]) if found else None


def _first_line(error: Exception) -> str:
    text = re.sub(r"\{\{.*?\}\} *| *\[Op:\w+\]", "", str(error)).strip()  # TensorFlow's own places
    return (text or type(error).__name__).splitlines()[0]


def num_parameters(network: snt.Module) -> int:
    """The number of trainable numbers."""
    return int(sum(np.prod(variable.shape) for variable in network.trainable_variables))
