"""Scores a finished run again, upright and turned.

python -m training.evaluate --workdir=runs/... [--rotations]
"""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf
from absl import flags

import weirdonetworks as wn
from training.cli import app
from training import data
from training.engine import workdir as results
from training.cli import flags as shared
from training.engine.scoring import ANGLES, Scorer


def load_run(workdir: str | Path) -> tuple[snt.Module, dict[str, Any]]:
    """The trained network of a run and its configuration.

    Raises:
      ValueError: no run there, no checkpoint, or a damaged one.
    """
    run = results.Workdir(workdir)
    config = run.read("config.json")
    for key, kind in (("network", str), ("network_args", dict), ("dataset", str)):
        if not isinstance(config.get(key), kind):
            raise ValueError(f"{run.path / 'config.json'} is damaged: it lacks the {key} of a run")
    module = wn.create_network(config["network"], data.NUM_CLASSES, **config["network_args"])
    module(tf.zeros([1, *data.IMAGE_SHAPE]))
    if run.restore(tf.train.Checkpoint(network=module), everything=False) is None:
        raise ValueError(f"workdir {run.path} has no checkpoint: train there first")
    return module, config


def evaluate(
    workdir: str | Path,
    *,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    angles: tuple[float, ...] = (),
) -> dict[str, Any]:
    """The test accuracy of a run, and the accuracy at each of the angles (degrees).

    With angles, rotations.csv and rotations.png are written to the workdir.
    """
    module, config = load_run(workdir)
    test = data.load(config["dataset"], data_dir=data_dir, manual_dir=manual_dir).test
    scorer = Scorer(module)
    scores: dict[str, Any] = {"test_accuracy": scorer.accuracy(test)}
    if angles:
        accuracies = scorer.accuracy_by_angle(test, angles)
        scores["accuracy_by_angle"] = accuracies.tolist()
        scores["rotated_accuracy"] = float(np.mean(accuracies))
        scores["worst_rotated_accuracy"] = float(np.min(accuracies))
        _write_rotations(results.Workdir(workdir), config, angles, accuracies)
    return scores


def _write_rotations(run: results.Workdir, config, angles, accuracies) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["degrees", "accuracy"])
    writer.writerows(zip(angles, accuracies.tolist(), strict=True))
    run.write_text("rotations.csv", text.getvalue())
    figure, axes = results.new_figure(figsize=(6, 3.4))
    axes.plot(angles, 100 * accuracies, "o-", markersize=3)
    axes.set(
        xlabel="rotation in degrees",
        ylabel="test accuracy in %",
        ylim=(0, 101),
        title=f"{config['network']}, trained on upright {config['dataset']}",
    )
    run.save_figure(figure, "rotations.png")


_ROTATIONS = flags.DEFINE_boolean(
    "rotations",
    False,
    "Score at 24 angles as well (5, 20, ..., 350 degrees); writes rotations.csv and rotations.png.",
)
flags.declare_key_flag("workdir")
flags.declare_key_flag("data_dir")
flags.declare_key_flag("manual_dir")


def main() -> None:
    if not shared.WORKDIR.value:
        raise ValueError("workdir must be given: --workdir=FOLDER of a run")
    scores = evaluate(
        shared.WORKDIR.value,
        data_dir=shared.DATA_DIR.value,
        manual_dir=shared.MANUAL_DIR.value,
        angles=ANGLES if _ROTATIONS.value else (),
    )
    print(f"test accuracy  {100 * scores['test_accuracy']:.2f} %")
    if _ROTATIONS.value:
        print(f"24 angles      {100 * scores['rotated_accuracy']:.2f} % on average, ", end="")
        print(f"{100 * scores['worst_rotated_accuracy']:.2f} % at worst")
        print(f"written to     {shared.WORKDIR.value}/rotations.csv, rotations.png")


if __name__ == "__main__":
    app.run(main)
