"""What the tests of the training program share: programs, digits, a small finished run."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from training.data import SPLITS, Dataset, Split, load
from training.engine import recipe_for, train_and_evaluate
from training.engine.workdir import Workdir

REPOSITORY = Path(__file__).parents[2]


class SmallRun(NamedTuple):
    """A finished run: its folder, and its settings as arguments and as words of the command."""

    workdir: Path
    network: str
    overrides: dict[str, Any]
    words: tuple[str, ...]


@pytest.fixture(scope="session")
def forget() -> Callable[..., None]:
    """Deletes files of a run, as if they had never been written: no damage."""

    def forget(workdir: Path, *starts: str) -> None:
        files = Workdir(workdir)
        sums = files.sums()
        for name in [name for name in sums if name.startswith(starts)]:
            del sums[name]
            (workdir / name).unlink()
        files.write_sums(sums)

    return forget


@pytest.fixture(scope="session")
def mnist_5k() -> Dataset:
    return load("mnist_5k")


@pytest.fixture(scope="session")
def few_digits(mnist_5k) -> Dataset:
    """400 training images, 100 to validate and 100 to test."""
    parts = {"train": 400, "validation": 100, "test": 100}
    splits = {name: getattr(mnist_5k, name) for name in parts}
    cut = {
        name: Split(split.images[: parts[name]], split.labels[: parts[name]])
        for name, split in splits.items()
    }
    return Dataset("few_digits", 10, **cut)


@pytest.fixture(scope="session")
def few_digits_file(few_digits, tmp_path_factory) -> str:
    """The path of a file with `few_digits`: a value of the axis `dataset` of studies."""
    arrays = {}
    for name in SPLITS:
        split = getattr(few_digits, name)
        arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels}
    path = tmp_path_factory.mktemp("data") / "few_digits.npz"
    np.savez(path, **arrays)
    return str(path)


@pytest.fixture(scope="session")
def start() -> Callable[..., subprocess.Popen]:
    """Starts Python with these words as a user would, where nothing asks TensorFlow for silence."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}

    def popen(*words: str, cwd: Path) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=environment | {"PYTHONPATH": str(REPOSITORY)},
        )

    return popen


@pytest.fixture(scope="session")
def small_run(tmp_path_factory, mnist_5k) -> SmallRun:
    """A finished run with dropout; for reading only, copy it to change it."""
    workdir = tmp_path_factory.mktemp("small") / "run"
    overrides = {"epochs": 2, "batch_size": 50, "learning_rate": 0.005}
    words = ["--network=mlp", *(f"--{name}={value}" for name, value in overrides.items())]
    network_args = {"hidden_sizes": (16,), "dropout": 0.1}
    words += [f"--network_arg={name}={value}" for name, value in network_args.items()]
    overrides |= {"network_args": network_args}
    train_and_evaluate("mlp", mnist_5k, recipe_for("mlp", "mnist_5k", **overrides), workdir)
    return SmallRun(workdir, "mlp", overrides, tuple(words))
