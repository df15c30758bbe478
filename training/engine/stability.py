"""How far a network's class probabilities move when its images are transformed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sonnet as snt
import tensorflow as tf
from tqdm import tqdm

from training.data import Dataset
from training.engine.loop import scale
from training.engine.run import Run, load_run
from training.engine.workdir import Workdir
from training.report.tables import to_csv
from weirdonetworks import _checks, stability
from weirdonetworks.commands.figures import new_figure
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
    """`stability.measure` of the class probabilities, for uint8 images."""
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
    dataset: Dataset,
    action: str = "rotation",
    *,
    images: int = 1000,
    **interval: Any,
) -> dict[str, float]:
    """Measures a run on its first test images along a family and returns the summary.

    Writes stability-ACTION.csv (a row for each s), stability-ACTION-images.csv (a row for each
    image) and stability-ACTION.png to the workdir.

    Args:
      workdir: of a finished run.
      dataset: that of the run.
      action: one of `stability.FAMILIES`.
      images: how many of the test images, from the first.
      interval: `steps`, `low` and `high` of the family.

    Raises:
      ValueError: another action, images that are no pictures, more than there are (or none),
        what the family refuses, or no run.
    """
    run = load_run(workdir, dataset)
    result = measure_run(run, action, images=images, title=action, **interval)
    files = Workdir(workdir)
    files.write_text(f"stability-{action}.csv", _curves(result))
    files.write_text(f"stability-{action}-images.csv", _images(result))
    title = f"{run.name}, trained on {run.config['dataset']}"
    files.save_figure(_draw(result, title), f"stability-{action}.png")
    return result.summary()


def measure_run(
    run: Run, action: str = "rotation", *, images: int = 1000, title: str = "", **interval: Any
) -> Report:
    """`measure` of a run on its first test images. Raises as `report` does."""
    _checks.choice("action", action, FAMILIES)
    run.dataset.check_pictures("action", action)
    test = run.dataset.test
    family = FAMILIES[action](**interval, image_shape=test.images.shape[1:3])
    if not 1 <= images <= len(test):
        raise ValueError(f"images must be 1 to {len(test)}, the test images, got {images}")
    return measure(run.network, test.images[:images], test.labels[:images], family, title)


def _csv(columns: dict[str, Any]) -> str:
    return to_csv(pd.DataFrame(columns))


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
    figure, (left, middle, right) = new_figure(1, 3, figsize=(13, 3.6))
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
