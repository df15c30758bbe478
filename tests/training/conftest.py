"""What the tests of the training program share: programs, digits, a small finished run."""

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

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


@contextmanager
def without_xla() -> Iterator[None]:
    """What asks for XLA is translated for it, once, and run as a graph.

    The machine code of XLA is most of the time of a short run. Its bits are asked of loops in
    `engine/test_loop.py`, of networks and their gradients in `tests/conformance`, and of runs in
    processes of their own.
    """
    real = tf.function

    def function(python=None, *, jit_compile=None, **kwargs):
        if python is None:
            return functools.partial(function, jit_compile=jit_compile, **kwargs)
        graph = real(python, **kwargs)
        if not jit_compile:
            return graph
        translate = real(lambda *args: graph(*args), jit_compile=True, autograph=False)
        translated = []

        def run(*args):
            if not translated:  # raises for what XLA cannot take
                translated.append(translate.experimental_get_compiler_ir(*args)(stage="hlo"))
            return graph(*args)

        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf, "function", function)
        yield


@pytest.fixture
def graphs() -> Iterator[None]:
    """`without_xla` in a test."""
    with without_xla():
        yield


@pytest.fixture(scope="session")
def as_graphs() -> Callable[[], Any]:
    """`without_xla` where it is wanted, as in fixtures of modules."""
    return without_xla


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
    """A finished run with dropout, without XLA; for reading only, copy it to change it."""
    workdir = tmp_path_factory.mktemp("small") / "run"
    overrides = {"epochs": 2, "batch_size": 50, "learning_rate": 0.005}
    words = ["--network=mlp", *(f"--{name}={value}" for name, value in overrides.items())]
    network_args = {"hidden_sizes": (16,), "dropout": 0.1}
    words += [f"--network_arg={name}={value}" for name, value in network_args.items()]
    overrides |= {"network_args": network_args}
    with without_xla():
        train_and_evaluate("mlp", mnist_5k, recipe_for("mlp", "mnist_5k", **overrides), workdir)
    return SmallRun(workdir, "mlp", overrides, tuple(words))
