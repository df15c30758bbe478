"""Trains a network of the zoo and reports its test accuracy.

python -m training.train --network=quadratic_mlp --dataset=mnist_5k

Each network has a recipe (training/recipes.py); flags override it. The last epoch's weights are
scored on the test set, once, at the end; what is chosen, is chosen on the validation split.
"""

import contextlib
import dataclasses
import datetime
import importlib.util
import inspect
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sonnet as snt
import tensorflow as tf
from absl import flags
from tqdm import tqdm

import weirdonetworks as wn
from training.cli import app
from training import data
from training.engine import workdir as results
from training.engine import steps
from training.cli import flags as shared
from training.engine.loop import Loop
from training.engine.optimizers import OPTIMIZERS, SCHEDULES
from training.engine.recipes import recipe_for
from training.engine.scoring import Scorer


def resolve_config(
    network: str, dataset: str, seed: int = 0, **overrides: Any
) -> tuple[dict[str, Any], snt.Module]:
    """Everything that the result of a run depends on, and the network that it describes.

    `overrides` are fields of `recipes.Recipe`; None leaves a field to the network's recipe.

    Raises:
      ValueError: an unknown name, or a value that the network or the recipe refuses.
    """
    if dataset not in data.DATASETS:
        raise ValueError(f"dataset must be one of {list(data.DATASETS)}, got {dataset!r}")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise ValueError(f"seed must be an integer in [0, 2^31), got {seed!r}")
    recipe = recipe_for(network, dataset, **overrides)
    for reserved in ("num_classes", "name"):
        if reserved in recipe.network_args:
            raise ValueError(f"network_args must not hold {reserved}, got {recipe.network_args}")
    network_args = _as_json("network_args", recipe.network_args)
    module = wn.create_network(network, data.NUM_CLASSES, **network_args)
    signature = inspect.signature(type(module).__init__)
    defaults = {
        name: parameter.default
        for name, parameter in list(signature.parameters.items())[1:]
        if name not in ("num_classes", "name")
    }
    config = {"network": network, "dataset": dataset, "seed": seed, **dataclasses.asdict(recipe)}
    config["network_args"] = {**defaults, **network_args}
    step_args = _as_json("step_args", recipe.step_args)
    config["step_args"] = {**steps.default_arguments(recipe.step), **step_args}
    return config, module


def _as_json(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as config.json will hold them."""
    try:
        return json.loads(json.dumps(arguments))
    except TypeError as error:
        raise ValueError(f"{name} must be JSON: {error}, got {arguments}") from None


def train_and_evaluate(
    network: str,
    dataset: str,
    workdir: str | Path,
    *,
    seed: int = 0,
    resume: bool = False,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    tensorboard: bool = False,
    **overrides: Any,
) -> dict[str, Any]:
    """Trains a network, scores it on the test set and returns the contents of result.json.

    Args:
      network: a name of `wn.list_networks()`.
      dataset: a name of `data.DATASETS`.
      workdir: a new or empty folder for config.json, metrics.csv, result.json, curves.png and the
        checkpoints; with `resume`, also one in which a run of this configuration was interrupted
        (it continues after the last whole epoch) or has ended (its result is returned).
      seed: of the initial weights, the order of the images, dropout and transformations.
      tensorboard: whether to write events as well.
      **overrides: fields of `recipes.Recipe`.

    Raises:
      ValueError: bad arguments, data or workdir.
      OSError: data that cannot be had, a workdir that cannot be written.
      FloatingPointError: a loss or a weight that is not finite; names the step and the last good
        checkpoint.
    """
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise ImportError("tensorboard must be installed: pip install 'weirdonetworks[training]'")
    config, module = resolve_config(network, dataset, seed, **overrides)
    splits = data.load(dataset, data_dir=data_dir, manual_dir=manual_dir)
    recipe = recipe_for(network, dataset, **overrides)
    tf.random.set_seed(seed)  # only now: loading may draw numbers too
    loop = Loop(module, splits.train, seed=seed, **recipe.loop_settings())
    run = results.Workdir(workdir)
    run.claim(config, resume)
    if (run.path / "result.json").exists():
        return run.read("result.json")
    last_checkpoint = run.restore(loop.checkpoint)
    rows = run.read_metrics(loop.epoch)
    manager = run.checkpoints(loop.checkpoint)
    scorer = Scorer(module)
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(_progress_bar(loop, recipe.epochs, network))
        events = None
        if tensorboard:
            events = tf.summary.create_file_writer(str(run.path / "tensorboard"))
            stack.callback(events.close)
        while loop.epoch < recipe.epochs:
            start = time.perf_counter()
            try:
                metrics = loop.run_epoch(_reporter(bar, loop, recipe.epochs))
            except FloatingPointError as error:
                raise FloatingPointError(
                    f"{error}; last good checkpoint: {last_checkpoint or 'none'}. "
                    "Try a smaller --learning_rate in another --workdir"
                ) from None
            row = {
                "epoch": loop.epoch,
                "loss": metrics.loss,
                "train_accuracy": metrics.accuracy,
                "validation_accuracy": scorer.accuracy(splits.validation),
                "learning_rate": loop.learning_rate,
                "seconds": time.perf_counter() - start,
            }
            rows.append(row)
            # Metrics first: a crash in between leaves a row too many, which a resume drops.
            run.write_metrics(rows)
            last_checkpoint = run.save(manager, loop.epoch)
            _report_epoch(bar, row, events)
    result = {
        "network": network,
        "dataset": dataset,
        "test_accuracy": scorer.accuracy(splits.test),
        "validation_accuracy": rows[-1]["validation_accuracy"],
        "parameters": results.num_parameters(module),
        "seed": seed,
        "epochs": recipe.epochs,
        "seconds": sum(row["seconds"] for row in rows),
        "versions": results.versions(),
    }
    run.plot_metrics(rows, f"{network} on {dataset}: {100 * result['test_accuracy']:.2f} % on test")
    run.write("result.json", result)
    return result


def _progress_bar(loop: Loop, epochs: int, network: str) -> tqdm:
    return tqdm(
        total=epochs * loop.steps_per_epoch,
        initial=int(loop.step),
        desc=network,
        unit=" steps",
        disable=None,  # no bar where nobody watches: a line an epoch is printed there
        dynamic_ncols=True,
        mininterval=0,  # each call of the loop is reported and shown: several a second
        miniters=1,
    )


def _reporter(bar: tqdm, loop: Loop, epochs: int):
    first, epoch = int(loop.step), loop.epoch + 1

    def report(steps: int, loss: float, accuracy: float) -> None:
        bar.set_postfix_str(
            f"epoch {epoch}/{epochs} loss {loss:.4f} accuracy {100 * accuracy:.2f} %", refresh=False
        )
        bar.update(first + steps - bar.n)

    return report


def _report_epoch(bar: tqdm, row: Mapping[str, float], events) -> None:
    if bar.disable:
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


_NETWORK = flags.DEFINE_enum("network", "quadratic_mlp", wn.list_networks(), "What to train.")
_NETWORK_ARG = flags.DEFINE_multi_string(
    "network_arg",
    [],
    "An argument of the network's constructor, NAME=VALUE, such as rank=256 or "
    "hidden_sizes=(64,32); may be given several times.",
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", None, "Images a step.", lower_bound=1)
_OPTIMIZER = flags.DEFINE_enum("optimizer", None, list(OPTIMIZERS), "How gradients are applied.")
_LEARNING_RATE = flags.DEFINE_float("learning_rate", None, "Its peak; > 0.", lower_bound=0)
_SCHEDULE = flags.DEFINE_enum(
    "schedule", None, list(SCHEDULES), "How the learning rate falls from its peak to the end."
)
_WARMUP_EPOCHS = flags.DEFINE_float(
    "warmup_epochs", None, "Epochs over which the learning rate rises to its peak.", lower_bound=0
)
_WEIGHT_DECAY = flags.DEFINE_float(
    "weight_decay", None, "Share of the matrices lost per unit of learning rate.", lower_bound=0
)
_LABEL_SMOOTHING = flags.DEFINE_float(
    "label_smoothing",
    None,
    "Share of the target spread evenly over the classes; below 1.",
    lower_bound=0,
)
_STEP = flags.DEFINE_enum(
    "step",
    None,
    list(steps.STEPS),
    "What one update does: plain descent; on transformed images (augment); with a penalty on how "
    "far transformations move the logits; projected off the gradient of that; or between updates, "
    "a dream that lowers it.",
)
_STEP_ARG = flags.DEFINE_multi_string(
    "step_arg",
    [],
    "An argument of the step, NAME=VALUE, such as degrees=30 or weight=0.1; may be given several "
    "times.",
)
_INVARIANT_START = flags.DEFINE_boolean(
    "invariant_start", None, "Start from a first layer that is averaged over the rotations."
)
_SEED = flags.DEFINE_integer(
    "seed",
    0,
    "Of the initial weights, the order of images, dropout and transformations.",
    lower_bound=0,
)
_RESUME = flags.DEFINE_boolean(
    "resume", False, "Continue the run in --workdir (or begin it, if there is none)."
)
_TENSORBOARD = flags.DEFINE_boolean("tensorboard", False, "Write TensorBoard events as well.")
flags.adopt_module_key_flags(shared)


def main() -> None:
    if _RESUME.value and not shared.WORKDIR.value:
        raise ValueError("resume must come with --workdir, the folder of the run to continue")
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    name = f"{_NETWORK.value}-{shared.DATASET.value}-seed{_SEED.value}-{now}"
    workdir = Path(shared.WORKDIR.value or Path("runs") / name)
    result = train_and_evaluate(
        _NETWORK.value,
        shared.DATASET.value,
        workdir,
        seed=_SEED.value,
        resume=_RESUME.value,
        data_dir=shared.DATA_DIR.value,
        manual_dir=shared.MANUAL_DIR.value,
        tensorboard=_TENSORBOARD.value,
        network_args=shared.parse_arguments(_NETWORK_ARG.value),
        epochs=shared.EPOCHS.value,
        batch_size=_BATCH_SIZE.value,
        optimizer=_OPTIMIZER.value,
        learning_rate=_LEARNING_RATE.value,
        schedule=_SCHEDULE.value,
        warmup_epochs=_WARMUP_EPOCHS.value,
        weight_decay=_WEIGHT_DECAY.value,
        label_smoothing=_LABEL_SMOOTHING.value,
        step=_STEP.value,
        step_args=shared.parse_arguments(_STEP_ARG.value, "step_arg"),
        invariant_start=_INVARIANT_START.value,
    )
    print(f"test accuracy  {100 * result['test_accuracy']:.2f} %")
    print(f"parameters     {result['parameters']:,}")
    print(f"training time  {result['seconds']:.1f} s")
    files = "config.json, metrics.csv, result.json, curves.png, checkpoints/"
    print(f"written to     {workdir}/: {files}")
    print(f"score again    python -m training.evaluate --workdir={workdir}")


if __name__ == "__main__":
    app.run(main)
