"""A finished run scored again, upright and turned."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from training.data import Dataset
from training.engine.run import Run, load_run
from training.engine.scoring import ANGLES
from training.engine.workdir import Workdir
from training.report.tables import to_csv
from weirdonetworks.commands.figures import new_figure


def by_angle(run: Run, angles: tuple[float, ...] = ANGLES) -> np.ndarray:
    """The test accuracy at each of these angles, in degrees.

    Raises:
      ValueError: images that are no pictures.
    """
    run.dataset.check_pictures("angles", angles)
    return run.scorer.accuracy_by_angle(run.dataset.test, angles)


def evaluate(
    workdir: str | Path, dataset: Dataset, *, angles: tuple[float, ...] = (), shifts: int = 0
) -> dict[str, Any]:
    """The test accuracy of a run, and the accuracy at each of the angles (degrees).

    With angles, rotations.csv and rotations.png are written to the workdir; with shifts, the mean
    over all shifts by at most so many pixels is scored, too. `epochs` and `of` tell how many epochs
    of how many have been trained: a run that was interrupted is scored, too.

    Raises:
      ValueError: no run there, another data set, or images that are no pictures.
    """
    run = load_run(workdir, dataset)
    scores: dict[str, Any] = {
        "test_accuracy": run.evaluate("test"),
        "epochs": len(run.history),
        "of": run.config["epochs"],
    }
    if shifts:
        scores["shifted_accuracy"] = run.over_shifts(shifts).evaluate("test")
    if angles:
        accuracies = by_angle(run, angles)
        scores["accuracy_by_angle"] = accuracies.tolist()
        scores["rotated_accuracy"] = float(np.mean(accuracies))
        scores["worst_rotated_accuracy"] = float(np.min(accuracies))
        files = Workdir(workdir)
        table = pd.DataFrame({"degrees": angles, "accuracy": accuracies})
        files.write_text("rotations.csv", to_csv(table))
        files.save_figure(_draw(run, angles, accuracies), "rotations.png")
    return scores


def _draw(run: Run, angles, accuracies):
    figure, axes = new_figure(figsize=(6, 3.4))
    axes.plot(angles, 100 * accuracies, "o-", markersize=3)
    axes.set(
        xlabel="rotation in degrees",
        ylabel="test accuracy in %",
        ylim=(0, 101),
        title=f"{run.name}, trained on upright {run.config['dataset']}",
    )
    return figure
