"""Trains a network on a data set: in memory, or with the files that make it last."""

import contextlib
import dataclasses
import importlib.util
import inspect
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sonnet as snt
import tensorflow as tf
from tqdm import tqdm

import weirdonetworks as wn
from training.cli import app
from training.data import SPLITS, Dataset, Split
from training.engine import steps
from training.engine.invariant_start import average_over_rotations
from training.engine.loop import Loop, scale
from training.engine.recipes import Recipe, recipe_for
from training.engine.scoring import Scorer
from training.engine.workdir import METRICS, Workdir, num_parameters
from training.report.figures import draw_metrics
from training.report.provenance import versions
from weirdonetworks import _checks


@dataclasses.dataclass(eq=False, repr=False)
class Run:
    """A network that is, or was, trained.

    Attributes:
      network: the trained module, images [batch, height, width, channels] in [0, 1] -> logits.
      history: a row for each epoch: loss, accuracies, learning rate, seconds.
      config: everything that the result depends on.
      dataset: what it was trained on; None for a run that was loaded without it.
    """

    network: snt.Module
    history: pd.DataFrame
    config: dict[str, Any]
    dataset: Dataset | None = None
    _loop: Loop | None = None
    _scorer: Scorer | None = None

    def __repr__(self) -> str:
        epochs, dataset = len(self.history), self.config["dataset"]
        return f"Run({self.name} on {dataset}, {epochs} epochs, {self.parameters:,} parameters)"

    @property
    def name(self) -> str:
        """Of the network."""
        return self.config["network"]

    @property
    def parameters(self) -> int:
        """How many trainable numbers the network has."""
        return num_parameters(self.network)

    @property
    def scorer(self) -> Scorer:
        """Compiled for this network, once."""
        if self._scorer is None:
            self._scorer = Scorer(self.network)
        return self._scorer

    def evaluate(self, split: str | Split = "test") -> float:
        """The share of the images of a split that are classified correctly.

        Raises:
          ValueError: an unknown split, or none of a run that was loaded without its data.
        """
        return self.scorer.accuracy(self._split(split))

    def _split(self, split: str | Split) -> Split:
        if isinstance(split, Split):
            return split
        _checks.choice("split", split, SPLITS)
        if self.dataset is None:
            raise ValueError(
                "split must be a Split, since this run was loaded without its data, "
                f"got {split!r}"
            )
        return getattr(self.dataset, split)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """The softmax of the logits of uint8 images, [n, classes].

        Raises:
          ValueError: images of another type or shape than those that it was trained on.
        """
        shape = tuple(self.config["image_shape"])
        images = np.asarray(images)
        if images.ndim == 3 and shape[-1] == 1:
            images = images[..., None]
        if images.dtype != np.uint8 or images.shape[1:] != shape:
            raise ValueError(
                f"images must be uint8 [n, {', '.join(map(str, shape))}], "
                f"got {images.dtype} {list(images.shape)}"
            )
        return self.scorer.probabilities(images)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The likeliest class of each of these uint8 images, int [n]."""
        return np.argmax(self.probabilities(images), axis=1)

    def plot(self):
        """A matplotlib figure: loss and accuracy by epoch."""
        return draw_metrics(self.history, f"{self.name} on {self.config['dataset']}")

    def save(self, workdir: str | Path) -> dict[str, Any]:
        """Writes the files of a finished run, as the command line does, and returns its result.

        Raises:
          ValueError: a folder that holds something else, or a run that was loaded, not trained.
          OSError: it cannot be written.
        """
        if self._loop is None:
            raise ValueError(f"a run that was loaded is in its folder already, got {workdir!r}")
        files = Workdir(workdir)
        files.claim(self.config, resume=False)
        files.write_metrics(self.history.to_dict("records"))
        files.save(files.checkpoints(self._loop.checkpoint), self._loop.epoch)
        return _write_result(self, files)


def resolve(
    network: str, dataset: Dataset, recipe: Recipe, seed: int = 0
) -> tuple[dict[str, Any], snt.Module]:
    """Everything that the result of a run depends on, and the network that it describes.

    Raises:
      ValueError: an unknown name, a value that the network refuses, or a network that cannot take
        images of this shape.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise ValueError(f"seed must be an integer in [0, 2^31), got {seed!r}")
    for reserved in ("num_classes", "name"):
        if reserved in recipe.network_args:
            raise ValueError(f"network_args must not hold {reserved}, got {recipe.network_args}")
    network_args = _as_json("network_args", recipe.network_args)
    _checks.choice("network", network, wn.list_networks())
    parameters = inspect.signature(wn.nets.NETWORKS[network].__init__).parameters
    if "image_shape" in parameters:
        network_args.setdefault("image_shape", dataset.image_shape[:2])
    module = wn.create_network(network, dataset.num_classes, **network_args)
    defaults = {
        name: parameter.default
        for name, parameter in list(parameters.items())[1:]
        if name not in ("num_classes", "name")
    }
    config = {
        "network": network,
        "dataset": dataset.name,
        "num_classes": int(dataset.num_classes),
        "image_shape": list(dataset.image_shape),
        "data_sha256": dataset.sha256,
        "seed": seed,
        **dataclasses.asdict(recipe),
    }
    config["network_args"] = {**defaults, **network_args}
    step_args = _as_json("step_args", recipe.step_args)
    config["step_args"] = {**steps.default_arguments(recipe.step), **step_args}
    return json.loads(json.dumps(config)), module


def _as_json(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as config.json will hold them."""
    try:
        return json.loads(json.dumps(arguments))
    except TypeError as error:
        raise ValueError(f"{name} must be JSON: {error}, got {arguments}") from None


def fit(
    network: str,
    dataset: Dataset,
    recipe: Recipe | None = None,
    *,
    seed: int = 0,
    progress: bool = True,
    **overrides: Any,
) -> Run:
    """Trains a network of the zoo in memory, without files.

        run = fit("quadratic_mlp", dataset, epochs=15, seed=0)

    Args:
      network: a name of `wn.list_networks()`.
      dataset: see `training.load` and `Dataset.from_arrays`.
      recipe: how to train; the network's own for this data set by default.
      seed: of the initial weights, the order of the images, dropout and transformations.
      progress: whether to show a bar.
      **overrides: fields of the recipe.

    Raises:
      ValueError: bad arguments, or data that the network cannot take.
      FloatingPointError: a loss or a weight that is not finite; names the step.
    """
    return _train(network, dataset, _recipe(network, dataset, recipe, overrides), seed, progress)


def train_and_evaluate(
    network: str,
    dataset: Dataset,
    recipe: Recipe,
    workdir: str | Path,
    *,
    seed: int = 0,
    resume: bool = False,
    tensorboard: bool = False,
    paths: Mapping[str, str | None] | None = None,
) -> dict[str, Any]:
    """`fit` with files: trains, scores on the test set and returns the contents of result.json.

    Args:
      network, dataset, recipe, seed: as of `fit`.
      workdir: a new or empty folder for config.json, metrics.csv, result.json, curves.png and the
        checkpoints; with `resume`, also one in which a run of this configuration was interrupted
        (it continues after the last whole epoch) or has ended (its result is returned).
      tensorboard: whether to write events as well.
      paths: where the data were found, to be kept in config.json.

    Raises:
      ValueError: bad arguments, data or workdir.
      OSError: a workdir that cannot be written.
      FloatingPointError: a loss or a weight that is not finite; names the step and the last good
        checkpoint.
    """
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise ImportError("tensorboard must be installed: pip install 'weirdonetworks[training]'")
    files = Workdir(workdir)
    with app.going_on_with(f"python -m training.train --resume --workdir={workdir}"):
        run = _train(network, dataset, recipe, seed, True, files, resume, tensorboard, paths or {})
        if (files.path / "result.json").exists():
            return files.read("result.json")
        return _write_result(run, files)


def _recipe(
    network: str, dataset: Dataset, recipe: Recipe | None, overrides: Mapping[str, Any]
) -> Recipe:
    if not isinstance(dataset, Dataset):
        raise ValueError(
            "dataset must be a Dataset, such as training.load('mnist_5k'), "
            f"got {type(dataset).__name__}"
        )
    if recipe is None:
        return recipe_for(network, dataset.name, **overrides)
    return dataclasses.replace(recipe, **overrides)


def _train(
    network: str,
    dataset: Dataset,
    recipe: Recipe,
    seed: int,
    progress: bool,
    files: Workdir | None = None,
    resume: bool = False,
    tensorboard: bool = False,
    paths: Mapping[str, str | None] | None = None,
) -> Run:
    config, module = resolve(network, dataset, recipe, seed)
    tf.random.set_seed(seed)
    loop = Loop(module, dataset.train, recipe, seed)
    rows: list[dict[str, float]] = []
    last_checkpoint, manager = None, None
    if files:
        files.claim({**config, **(paths or {})}, resume)
        last_checkpoint = files.restore(loop.checkpoint)
        rows = files.read_metrics(loop.epoch)
        manager = files.checkpoints(loop.checkpoint)
    scorer = Scorer(module)
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(_progress_bar(loop, recipe.epochs, network, progress))
        events = None
        if files and tensorboard:
            events = tf.summary.create_file_writer(str(files.path / "tensorboard"))
            stack.callback(events.close)
        while loop.epoch < recipe.epochs:
            start = time.perf_counter()
            try:
                metrics = loop.run_epoch(_reporter(bar, loop, recipe.epochs))
            except FloatingPointError as error:
                kept = f"; last good checkpoint: {last_checkpoint or 'none'}" if files else ""
                again = " in another --workdir" if files else ""
                raise FloatingPointError(
                    f"{error}{kept}. Try a smaller --learning_rate{again}"
                ) from None
            row = {
                "epoch": loop.epoch,
                "loss": metrics.loss,
                "train_accuracy": metrics.accuracy,
                "validation_accuracy": scorer.accuracy(dataset.validation),
                "learning_rate": loop.learning_rate,
                "seconds": time.perf_counter() - start,
            }
            rows.append(row)
            if files:
                # Metrics first: a crash in between leaves a row too many, which a resume drops.
                files.write_metrics(rows)
                last_checkpoint = files.save(manager, loop.epoch)
            _report_epoch(bar, row, events, told=progress)
    history = pd.DataFrame(rows, columns=list(METRICS))
    return Run(module, history, config, dataset, loop, scorer)


def _write_result(run: Run, files: Workdir) -> dict[str, Any]:
    result = {
        "network": run.name,
        "dataset": run.config["dataset"],
        "test_accuracy": run.evaluate("test"),
        "validation_accuracy": float(run.history["validation_accuracy"].iloc[-1]),
        "parameters": run.parameters,
        "seed": run.config["seed"],
        "epochs": run.config["epochs"],
        "seconds": float(sum(run.history["seconds"])),
        "versions": versions(),
    }
    figure = run.plot()
    figure.suptitle(
        f"{run.name} on {result['dataset']}: {100 * result['test_accuracy']:.2f} % on test"
    )
    files.save_figure(figure, "curves.png")
    files.write("result.json", result)
    return result


def load_run(workdir: str | Path, dataset: Dataset | None = None) -> Run:
    """The trained network of a run, its history and its configuration.

    Args:
      workdir: the folder of a run.
      dataset: that of the run, if its splits are to be scored.

    Raises:
      ValueError: no run there, no checkpoint, or a damaged one; another data set.
    """
    files = Workdir(workdir)
    config = files.read_config()
    if dataset is not None and dataset.sha256 != config["data_sha256"]:
        raise ValueError(
            f"dataset must be the one of the run in {files.path}, {config['dataset']}, "
            f"got {dataset.name}, whose contents differ"
        )
    module = wn.create_network(config["network"], config["num_classes"], **config["network_args"])
    module(tf.zeros([1, *config["image_shape"]]))
    if files.restore(tf.train.Checkpoint(network=module), everything=False) is None:
        raise ValueError(f"workdir {files.path} has no checkpoint: train there first")
    history = pd.DataFrame(files.read_metrics(files.newest_epoch()), columns=list(METRICS))
    return Run(module, history, config, dataset)


def initial_network(config: Mapping[str, Any]) -> snt.Module:
    """The network of a run with the weights that its training began with."""
    module = wn.create_network(config["network"], config["num_classes"], **config["network_args"])
    tf.random.set_seed(config["seed"])
    module(scale(tf.zeros([1, *config["image_shape"]], tf.uint8)), is_training=False)
    if config["invariant_start"]:
        average_over_rotations(module, tuple(config["image_shape"]))
    return module


def _progress_bar(loop: Loop, epochs: int, network: str, progress: bool) -> tqdm:
    in_notebook = "ipykernel" in sys.modules
    return tqdm(
        total=epochs * loop.steps_per_epoch,
        initial=int(loop.step),
        desc=network,
        unit=" steps",
        # No bar where nobody watches: a line an epoch is printed there.
        disable=(False if in_notebook else None) if progress else True,
        # No times in a notebook, whose outputs are kept.
        bar_format="{desc} {bar:20} {n_fmt}/{total_fmt}{postfix}" if in_notebook else None,
        dynamic_ncols=True,
        mininterval=0,  # each call of the loop is reported and shown: several a second
        miniters=1,
    )


def _reporter(bar: tqdm, loop: Loop, epochs: int):
    first, epoch = int(loop.step), loop.epoch + 1

    def report(done: int, loss: float, accuracy: float) -> None:
        bar.set_postfix_str(
            f"epoch {epoch}/{epochs} loss {loss:.4f} accuracy {100 * accuracy:.2f} %", refresh=False
        )
        bar.update(first + done - bar.n)

    return report


def _report_epoch(bar: tqdm, row: Mapping[str, float], events, told: bool) -> None:
    if bar.disable and told:
        print(
            f"epoch {row['epoch']}: loss {row['loss']:.4f}, "
            f"training {100 * row['train_accuracy']:.2f} %, "
            f"validation {100 * row['validation_accuracy']:.2f} %, {row['seconds']:.1f} s",
            file=sys.stderr,
            flush=True,
        )
    if events is not None:
        with events.as_default(step=row["epoch"]):
            for key, value in row.items():
                if key != "epoch":
                    tf.summary.scalar(key, value)
        events.flush()
