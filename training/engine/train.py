"""Trains a network on a data set: in memory, or with the files that make it last."""

import contextlib
import dataclasses
import importlib.util
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

import weirdonetworks as wn
from training.data import Dataset
from training.engine.loop import Loop
from training.engine.recipes import Recipe, recipe_for
from training.engine.run import Run, resolve
from training.engine.scoring import Scorer
from training.engine.workdir import METRICS, Workdir
from weirdonetworks import _checks
from weirdonetworks.commands import app
from weirdonetworks.pretrained import DEFAULT

SCALED = "inputs scaled to about [-1, 1] or unit variance"  # what else may help a failure


def fit(
    network: str,
    dataset: Dataset,
    recipe: Recipe | str | None = None,
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
      recipe: how to train, or the name of a recipe; the network's own for this data set by default.
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
    again = f"python -m training.train --resume --workdir={workdir}"
    with files.alone(), app.going_on_with(again):
        run = _train(network, dataset, recipe, seed, True, files, resume, tensorboard, paths or {})
        if (files.path / "result.json").exists():
            return files.read("result.json")
        return run.write_result(files)


def failure(result: Mapping[str, Any], dataset: Dataset) -> str | None:
    """What is wrong with a result that is none, in words: guesses, or a loss beyond all measure.

    The test accuracy is that of guessing if it is not three standard deviations above the share of
    the most frequent class; the loss is beyond measure at ten times that of guessing, log classes.
    """
    labels = dataset.test.labels
    share = np.bincount(labels).max() / len(labels)
    bound = share + 3 * np.sqrt(share * (1 - share) / len(labels))
    if result.get("training_loss", 0) > 10 * np.log(dataset.num_classes):
        return f"the training loss has grown to {result['training_loss']:.3g}"
    if result["test_accuracy"] <= bound:
        return (
            f"the test accuracy, {100 * result['test_accuracy']:.2f} %, is that of guessing: "
            f"{100 * share:.2f} % of the images are of one class"
        )
    return None


def _recipe(
    network: str, dataset: Dataset, recipe: Recipe | str | None, overrides: Mapping[str, Any]
) -> Recipe:
    if not isinstance(dataset, Dataset):
        raise ValueError(
            "dataset must be a Dataset, such as training.load('mnist_5k'), "
            f"got {type(dataset).__name__}"
        )
    _checks.choice("network", network, wn.list_networks())
    if recipe is None or isinstance(recipe, str):
        name = DEFAULT if recipe is None else recipe
        return recipe_for(network, dataset.name, len(dataset.train), name, **overrides)
    if not isinstance(recipe, Recipe):
        raise ValueError(f"recipe must be a Recipe or its name, got {type(recipe).__name__}")
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
    last_checkpoint = None
    if files:
        # The recipe's name follows from its fields, which decide.
        files.claim({**config, **(paths or {})}, resume, ("data_dir", "manual_dir", "recipe"))
        files.clean()
        epoch = files.restore(loop.checkpoint)
        last_checkpoint = files.checkpoint(epoch) if epoch else None
        rows = files.read_metrics(loop.epoch)
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
                    f"{error}{kept}. Try a smaller --learning_rate{again}, or {SCALED}"
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
                last_checkpoint = files.save(loop.checkpoint, loop.epoch)
            _report_epoch(bar, row, events, told=progress)
    history = pd.DataFrame(rows, columns=list(METRICS))
    return Run(module, history, config, dataset, loop, scorer)


def _progress_bar(loop: Loop, epochs: int, network: str, progress: bool) -> tqdm:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    in_notebook = hasattr(shell, "kernel")
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
