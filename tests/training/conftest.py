"""What the tests of the training program share: commands in this process, a small finished run."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import absl.app
import pytest
from absl.testing import flagsaver

from training.cli import app
from training import data
from training.train import train_and_evaluate

REPOSITORY = Path(__file__).parents[2]


class Outcome(NamedTuple):
    """What a command left: its exit code and what it wrote."""

    exit_code: int
    stdout: str
    stderr: str

    def assert_failed(self, *parts: str, exit_code: int = 1) -> None:
        """One line on stderr, which holds all these parts, and no traceback."""
        assert self.exit_code == exit_code, self
        assert self.stdout == "", self
        assert self.stderr.startswith("error: ") and self.stderr.count("\n") == 1, self
        for part in parts:
            assert part in self.stderr


class SmallRun(NamedTuple):
    """A finished run: its folder, and its settings as arguments and as words of the command."""

    workdir: Path
    settings: dict[str, Any]
    words: tuple[str, ...]


@pytest.fixture(scope="session")
def mnist_5k() -> data.Dataset:
    return data.load("mnist_5k")


@pytest.fixture(scope="session")
def patched_load(mnist_5k) -> Callable[..., data.Dataset]:
    """data.load for the embedded digits, which are read once: that takes seconds each time."""
    load = data.load

    def cached(name, data_dir=None, manual_dir=None):
        if (name, data_dir, manual_dir) == ("mnist_5k", None, None):
            return mnist_5k
        return load(name, data_dir, manual_dir)

    return cached


@pytest.fixture(scope="module")
def quick_data(patched_load) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", patched_load)
        yield


@pytest.fixture
def command(capfd, monkeypatch, tmp_path) -> Callable[..., Outcome]:
    """Runs the main function of a command with these words, in this process and in a new folder.

    A process of its own would spend seconds on importing TensorFlow.
    """
    monkeypatch.chdir(tmp_path)

    def run(module, *words: str) -> Outcome:
        absl.app.define_help_flags()  # once a process; flagsaver would delete what it finds new
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", [f"{module.__name__}.py", *words])
        with flagsaver.flagsaver(), pytest.raises(SystemExit) as ended:
            app.run(module.main)
        return Outcome(ended.value.code or 0, *capfd.readouterr())

    return run


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
def small_run(tmp_path_factory, patched_load) -> SmallRun:
    """A finished run with dropout; for reading only, copy it to change it."""
    workdir = tmp_path_factory.mktemp("small") / "run"
    settings = {"epochs": 2, "batch_size": 50, "learning_rate": 0.005}
    words = ["--network=mlp", *(f"--{name}={value}" for name, value in settings.items())]
    network_args = {"hidden_sizes": (16,), "dropout": 0.1}
    words += [f"--network_arg={name}={value}" for name, value in network_args.items()]
    settings |= {"network": "mlp", "dataset": "mnist_5k", "network_args": network_args}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", patched_load)
        train_and_evaluate(workdir=workdir, **settings)
    return SmallRun(workdir, settings, tuple(words))
