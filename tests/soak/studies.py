"""Random studies: nearest class means of pictures, their shrinkage chosen by a ladder."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.soak.damage import spoil
from tests.soak.pictures import picture_classes
from tests.soak.process import command
from training.data import Dataset
from training.experiments import Ladder, Report, Setting, Study, pages
from training.experiments.command import Command
from training.report.tables import to_csv

FEATURES = {
    "pixels": lambda x: x,
    "squares": lambda x: x**2,
    "roots": np.sqrt,
    "signs": lambda x: np.sign(x - 0.5),
}


def trial(axes: dict[str, Any], seed: int, choice: float | None, share: float) -> dict[str, Any]:
    """Means of a bootstrap sample of the training images, shrunk towards the mean of all."""
    dataset: Dataset = axes["dataset"]
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(dataset.train), size=max(10, int(share * len(dataset.train))))

    def features(split):
        flat = split.images.reshape(len(split), -1) / 255
        return FEATURES[axes["features"]](flat)

    x, labels = features(dataset.train)[chosen], dataset.train.labels[chosen]
    means = np.stack(
        [x[labels == k].mean(axis=0) if (labels == k).any() else 0 * x[0]
         for k in range(dataset.num_classes)]
    )  # fmt: skip
    means += (choice or 0) * (x.mean(axis=0) - means)
    row = {}
    for name in ("validation", "test"):
        split = getattr(dataset, name)
        distances = ((features(split)[:, None] - means) ** 2).sum(axis=2)
        row[f"{name}_accuracy"] = np.mean(distances.argmin(axis=1) == split.labels)
    time.sleep(0.005)  # so that some moments fall between the writes
    return {"runs": [row], "means": [{"class": k, "mean": m.mean()} for k, m in enumerate(means)]}


def report(results) -> Report:
    """The mean accuracy of each kind of features."""
    runs = results["runs"]
    table = runs.groupby(["dataset", "features"], as_index=False)["test_accuracy"].mean()
    table["dataset"] = [Path(name).name for name in table["dataset"]]
    return Report({"runs": table})


class OfStudy:
    """A study, by its command; see `runs.Run`."""

    name = "study"
    told = ("|",)  # tables

    def __init__(self, rng: np.random.Generator, folder: Path):
        self.data = folder / "data"
        self.data.mkdir()
        paths = []
        for i in range(rng.integers(1, 3)):
            images, labels = picture_classes(rng)
            paths.append(str(self.data / f"pictures{i}.npz"))
            np.savez(paths[-1], images=images, labels=labels)
        kinds = rng.choice(list(FEATURES), size=rng.integers(1, 4), replace=False).tolist()
        ladder = Ladder((0.03, 0.1), rungs=(0.01, 0.03, 0.1, 0.3, 1.0), name="shrinkage")
        self._study = Study(
            name="nearest_means",
            question="Which features?",
            axes={"features": kinds, "dataset": paths},
            seeds=tuple(range(rng.integers(2, 4))),
            choose=ladder if rng.random() < 0.5 else None,
            settings={"share": Setting(float(rng.choice([0.5, 1.0])), "Of the images.", 0.0)},
            trial="tests.soak.studies:trial",
            report="tests.soak.studies:report",
        )
        self._workers = int(rng.choice([0, 1, 2], p=[0.7, 0.1, 0.2]))
        trials = len(kinds) * len(paths) * len(self._study.seeds)
        self.detail = f"{trials} trials, {self._workers} workers"

    def _command(self, words: list[str]) -> None:
        own = Command(self._study, ["python", "-m", "tests.soak"])
        command(own.main, own.flags, words)

    def work(self, workdir: Path, resume: bool = True) -> Callable[[], None]:
        """Runs the study, or goes on: the command is the same."""
        words = [f"--workdir={workdir}", f"--workers={self._workers}"]
        return lambda: self._command(words)

    def look(self, workdir: Path) -> Callable[[], Any]:
        """Shows its report again, and returns the tables of its results."""

        def work() -> Any:
            try:
                self._command(["--report", f"--workdir={workdir}"])
            except SystemExit as ended:
                if ended.code:
                    raise
            tables = pages.read_results(workdir / pages.RESULTS)
            return {name: to_csv(table) for name, table in tables.items()}

        return work

    def spoil_data(self, seed: int) -> str:
        """Does one damage to its data."""
        return spoil(self.data, seed)
