"""Measures how far a finished run's class probabilities move when its images are transformed.

python -m training.stability --workdir=runs/... [--action=rotation]
"""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf
from absl import flags
from tqdm import tqdm

from training.cli import app
from training import data
from training.engine import workdir as results
from training.cli import flags as shared
from training.evaluate import load_run
from training.engine.loop import scale
from weirdonetworks import stability
from weirdonetworks.stability import FAMILIES, Family, Report

_BATCH = 1000


def probabilities(network: snt.Module) -> Callable[[tf.Tensor], tf.Tensor]:
    """The compiled function images -> softmax of the network's logits, [batch, classes].

    Probabilities, since logits of different networks are of different sizes.
    """

    @tf.function(jit_compile=True, autograph=False)
    def function(images):
        return tf.nn.softmax(network(images, is_training=False))

    return function


def measure(network: snt.Module, images, labels, family: Family, title: str = "") -> Report:
    """`stability.measure` of the class probabilities, for uint8 images as `data.load` has them."""
    function = probabilities(network)
    images = scale(images)
    with tqdm(total=len(images) * family.size, desc=title, unit="image", disable=None) as bar:

        def counted(batch):
            bar.update(len(batch))
            return function(batch)

        return stability.measure(counted, images, family, labels, _BATCH)


def summarise(network: snt.Module, images, labels, family: Family) -> dict[str, float]:
    """The means of `measure` by name: see `stability.Report.summary`."""
    return measure(network, images, labels, family).summary()


def report(
    workdir: str | Path,
    action: str = "rotation",
    *,
    images: int = 1000,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    **interval: Any,
) -> dict[str, float]:
    """Measures a run on its first test images along a family and returns the summary.

    Writes stability-ACTION.csv (a row for each s), stability-ACTION-images.csv (a row for each
    image) and stability-ACTION.png to the workdir.

    Args:
      workdir: of a finished run.
      action: one of `stability.FAMILIES`.
      images: how many of the test images, from the first.
      interval: `steps`, `low` and `high` of the family.

    Raises:
      ValueError: another action, more images than there are (or none), what the family refuses,
        or no run.
    """
    if action not in FAMILIES:
        raise ValueError(f"action must be one of {list(FAMILIES)}, got {action!r}")
    family = FAMILIES[action](**interval, image_shape=data.IMAGE_SHAPE[:2])
    network, config = load_run(workdir)
    test = data.load(config["dataset"], data_dir=data_dir, manual_dir=manual_dir).test
    if not 1 <= images <= len(test):
        raise ValueError(f"images must be 1 to {len(test)}, the test images, got {images}")
    result = measure(network, test.images[:images], test.labels[:images], family, action)
    run = results.Workdir(workdir)
    run.write_text(f"stability-{action}.csv", _curves(result))
    run.write_text(f"stability-{action}-images.csv", _images(result))
    title = f"{config['network']}, trained on {config['dataset']}"
    run.save_figure(_draw(result, title), f"stability-{action}.png")
    return result.summary()


def _csv(columns: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True)
    )
    return text.getvalue()


def _curves(result: Report) -> str:
    return _csv(
        {
            result.family.unit: result.family.parameters,
            "accuracy": result.accuracy,
            "distance": result.displacement.mean(axis=0),
        }
    )


def _images(result: Report) -> str:
    upright = result.responses[:, result.family.identity]
    return _csv(
        {
            "image": np.arange(len(upright)),
            "label": result.labels,
            "predicted": np.argmax(upright, axis=1),
            "always_right": result.always_right.astype(int),
            "variance": result.variance.values,
            "difference": result.difference.values,
            "worst_distance": result.worst.distance,
            "worst_at": result.worst.at,
            "instability": result.instability,
        }
    )


def _draw(result: Report, title: str):
    """The accuracy at each s, how sure the network is of some images, and whom it mistakes."""
    family = result.family
    figure, (left, middle, right) = results.new_figure(1, 3, figsize=(13, 3.6))
    xlabel = f"{family.name} ({family.unit})"
    left.plot(family.parameters, 100 * result.accuracy, "o-", markersize=3)
    left.set(xlabel=xlabel, ylabel="test accuracy in %", ylim=(0, 101))
    classes, first = np.unique(result.labels, return_index=True)
    for label, image in zip(classes, first, strict=True):
        curve = result.responses[image, :, label]
        middle.plot(family.parameters, curve, color=f"C{label}", label=label)
    middle.set(xlabel=xlabel, ylabel="probability of the right class", ylim=(-0.02, 1.02))
    middle.set_title("the first image of each class", fontsize="medium")
    middle.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    share = 100 * result.instability_by_class
    right.bar(range(len(share)), np.nan_to_num(share), color=[f"C{k}" for k in range(len(share))])
    right.set(xlabel="class", ylabel="instability in %", ylim=(0, 101), xticks=range(len(share)))
    figure.suptitle(title)
    return figure


_ACTION = flags.DEFINE_enum("action", "rotation", list(FAMILIES), "How images are transformed.")
_IMAGES = flags.DEFINE_integer("images", 1000, "How many test images, from the first.", 1)
_STEPS = flags.DEFINE_integer(
    "steps", None, "How many transformations; even for all 360 degrees, odd otherwise.", 3
)
_LOW = flags.DEFINE_float("low", None, "The first: degrees, pixels, factor or shear.")
_HIGH = flags.DEFINE_float("high", None, "The last.")
flags.declare_key_flag("workdir")
flags.declare_key_flag("data_dir")
flags.declare_key_flag("manual_dir")


def main() -> None:
    if not shared.WORKDIR.value:
        raise ValueError("workdir must be given: --workdir=FOLDER of a run")
    action, count = _ACTION.value, _IMAGES.value
    interval = {"steps": _STEPS.value, "low": _LOW.value, "high": _HIGH.value}
    interval = {name: value for name, value in interval.items() if value is not None}
    scores = report(
        shared.WORKDIR.value,
        action,
        images=count,
        data_dir=shared.DATA_DIR.value,
        manual_dir=shared.MANUAL_DIR.value,
        **interval,
    )
    family = FAMILIES[action](**interval)
    low, high = family.parameters[[0, -1]]
    print(f"class probabilities of {count} test images, ", end="")
    print(f"{action} from {low:g} to {high:g} {family.unit} in steps of {family.step:g}")
    print(f"accuracy       {100 * scores['upright_accuracy']:.2f} % upright, ", end="")
    print(f"{100 * scores['mean_accuracy']:.2f} % on average, ", end="")
    print(f"{100 * scores['worst_accuracy']:.2f} % at worst")
    print(f"always right   {100 * scores['always_right']:.2f} %")
    for name in ("variance", "difference"):
        error = scores[f"{name}_error"]
        print(f"{name:<14} {scores[name]:.4f} (error of the steps about {error:+.1g})")
    print(f"instability    {100 * scores['instability']:.2f} %")
    names = [f"stability-{action}{ending}" for ending in (".csv", "-images.csv", ".png")]
    print(f"written to     {shared.WORKDIR.value}/{', '.join(names)}")


if __name__ == "__main__":
    app.run(main)
