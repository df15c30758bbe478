"""A finished run becomes weights in the library, a line of its table, and a card."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

import weirdonetworks as wn
from training.cards import kept, pictures
from training.cards.measure import mean_gradients, measure
from training.cli.flags import command_line
from training.data import Dataset, load
from training.engine.loop import scale
from training.engine.recipes import recipe_for
from training.engine.run import Run, load_run, resolve
from training.report.provenance import provenance
from training.report.tables import to_csv
from weirdonetworks import _checks, pretrained
from weirdonetworks.commands.folder import Folder

SEED = 0  # of what is published, whatever comes out
HALF = 2e-4  # of the accuracy may change by storing halves of the digits
LOGITS = 20  # embedded digits whose logits the tests compare


def publish(
    workdir: str | Path,
    dataset: Dataset,
    library: Path = pretrained.FOLDER,
    results: Path = kept.RESULTS,
    pages: Path = kept.PAGES,
) -> dict[str, Any]:
    """Publishes a run, and returns its line of the table.

    A recipe of another name than the network's own has a line in its card, and no pictures. The
    weights are stored as float16 if that changes the test accuracy by no more than HALF, and
    as float32 otherwise; all that is measured is measured with what is stored. The card tells all
    of the run's configuration that its result depends on, which is not where its data were.

    Raises:
      ValueError: no finished run, another seed than SEED, a recipe without a name, or data that
        are known by a path.
    """
    run = load_run(workdir, dataset)
    config = _checked(run)
    name, recipe = config["dataset"], config["recipe"]
    key = pretrained.key(name, recipe)
    dtype, change = _round(run)
    measured = measure(run)
    digits = load("mnist_5k").test.images[:LOGITS]
    logits = run.network(scale(tf.constant(digits))).numpy()
    measured.tables["logits"] = pd.DataFrame(
        logits, columns=[f"logit_{k}" for k in range(logits.shape[1])]
    )
    told = {"network": run.name, "recipe": recipe, "dataset": name, "seed": config["seed"]}
    if recipe == pretrained.DEFAULT:
        del told["recipe"]
    command = command_line("training.train", told)
    path = library / pretrained.file_name(run.name, key)
    library.mkdir(parents=True, exist_ok=True)
    wn.save_weights(
        run.network,
        path,
        {
            "network": run.name,
            "arguments": config["network_args"],
            "num_classes": config["num_classes"],
            "image_shape": config["image_shape"],
            "dataset": name,
            "recipe": recipe,
            "data_sha256": config["data_sha256"],
            "input": "float32 [batch, height, width, channels], uint8 pixels / 255",
            "test_accuracy": measured.numbers["test_accuracy"],
            **quantiles(run),
            "command": command,
            "seed": config["seed"],
            "weirdonetworks": wn.__version__,
        },
        dtype,
    )
    line = {
        "network": run.name,
        "dataset": name,
        "recipe": recipe,
        **measured.numbers,
        "seconds": float(run.history["seconds"].sum()),
        "dtype": dtype,
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    _replace_line(library, line)
    card = {**provenance(command), "config": config, "float16_changes_accuracy_by": change}
    kept.keep(kept.folder(run.name, key, results), card, measured)
    if recipe != pretrained.DEFAULT:
        return line
    gradients = mean_gradients(run.network, dataset.test.images[:1000])
    shown = Folder(pages / run.name)
    shown.save_figure(pictures.draw_gradients(gradients, dataset.classes), f"{name}-gradients.png")
    shown.save_figure(pictures.draw_behaviour(measured, dataset.classes), f"{name}.png")
    return line


def quantiles(run: Run) -> dict[str, list[float]]:
    """0, 1, ..., 100 % of the energies and of the largest probabilities of the test images."""
    said = wn.classify(run.network, run.dataset.test.images)
    values = {"energies": said.energy, "probabilities": said.probabilities.max(axis=1)}
    steps = np.linspace(0, 1, 101)
    return {f"test_{key}": np.quantile(value, steps).tolist() for key, value in values.items()}


def _checked(run: Run) -> dict[str, Any]:
    """What the result of the run depends on, if it may be published."""
    config = run.config
    if os.sep in config["dataset"]:
        raise ValueError(
            f"run must be of data that have a name, got {_checks.received(config['dataset'])}: "
            "keep its network by weirdonetworks.save_weights"
        )
    if len(run.history) < config["epochs"]:
        raise ValueError(
            f"run must be finished, got epoch {len(run.history)} of {config['epochs']}: go on with "
            "python -m training.train --resume"
        )
    if config["seed"] != SEED:
        raise ValueError(f"run must be of seed {SEED}, got {config['seed']}")
    name = config.get("recipe") or pretrained.DEFAULT  # without one, told how it differs from that
    recipe = recipe_for(run.name, config["dataset"], len(run.dataset.train), name)
    expected, _ = resolve(run.name, run.dataset, recipe, SEED)
    other = [key for key in expected if expected[key] != config.get(key) and key != "recipe"]
    if other:
        raise ValueError(
            f"run must be of the recipe {name} of {run.name} on {config['dataset']}, or of another "
            "that has a name, got "
            f"{', '.join(f'{key}={_checks.received(config.get(key))}' for key in other)}"
        )
    return expected


def _round(run: Run) -> tuple[str, float]:
    """Rounds the weights to float16 if the accuracy allows it; how, and by how much it changes."""
    exact = run.evaluate("test")
    before = [variable.numpy() for variable in run.network.variables]
    floating = [v for v in run.network.variables if v.dtype.is_floating]
    with np.errstate(over="ignore"):
        for variable in floating:
            variable.assign(variable.numpy().astype(np.float16).astype(np.float32))
    change = run.evaluate("test") - exact
    if abs(change) <= HALF and all(np.all(np.isfinite(v)) for v in floating):
        return "float16", change
    for variable, value in zip(run.network.variables, before, strict=True):
        variable.assign(value)
    return "float32", change


def _replace_line(library: Path, line: dict[str, Any]) -> None:
    """Writes the table with this line, in the order of the registry; recipes with names last."""
    lines = [line]
    if (library / pretrained.TABLE).exists():
        key = ("network", "dataset", "recipe")
        held = kept.table(library).to_dict("records")
        lines += [row for row in held if any(row[k] != line[k] for k in key)]
    order = wn.list_networks()
    lines.sort(
        key=lambda row: (
            row["recipe"] != pretrained.DEFAULT, row["dataset"] != "mnist", row["dataset"],
            order.index(row["network"]), row["parameters"],
        )
    )  # fmt: skip
    Folder(library).write_text(pretrained.TABLE, to_csv(lines, list(line)))
