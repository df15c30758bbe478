"""All that a card tells of a trained network."""

import dataclasses
import time
from typing import Any

import numpy as np
import pandas as pd
import sonnet as snt
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from training.cards.corruptions import CORRUPTIONS, corrupted
from training.data import Split
from training.engine.evaluation import by_angle
from training.engine.loop import scale
from training.engine.run import Run
from training.report.calibration import calibration, expected_calibration_error
from weirdonetworks.stability import certified_accuracy

RADII = (0.5, 1.0, 1.58)  # of what is certified, in units of white
_BATCH = 1000  # images at once, of the speed
_SECONDS = 2.0  # the speed is measured for


@dataclasses.dataclass(frozen=True)
class Measured:
    """numbers: by name; tables: by the name of their file."""

    numbers: dict[str, Any]
    tables: dict[str, pd.DataFrame]


def measure(run: Run) -> Measured:
    """Scores a run on its test images as they are, turned and corrupted, and counts its work."""
    test = run.dataset.test
    probabilities = run.scorer.probabilities(test.images)
    found = calibration(probabilities, test.labels)
    turned = by_angle(run, tuple(range(0, 360, 15)))
    numbers = {
        "test_accuracy": run.evaluate("test"),
        "turned_accuracy": float(by_angle(run).mean()),
        "calibration_error": expected_calibration_error(found),
        "parameters": run.parameters,
        "flops": flops(run.network, run.config["image_shape"]),
        "images_per_second": images_per_second(run.network, test.images),
    }
    tables = {
        "calibration": found,
        "confusion": confusion(probabilities, test.labels),
        "rotation": pd.DataFrame({"degrees": range(0, 360, 15), "accuracy": turned}),
        "corruptions": corruptions(run),
    }
    if hasattr(run.network, "lipschitz_bound"):
        tables["certified"] = certified(run)
    return Measured(numbers, tables)


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """How many images of each class (rows) are taken for each (columns)."""
    classes = range(probabilities.shape[1])
    counts = np.zeros([len(classes)] * 2, int)
    np.add.at(counts, (labels, np.argmax(probabilities, axis=1)), 1)
    table = pd.DataFrame(counts, columns=[str(k) for k in classes])
    table.insert(0, "class", list(classes))
    return table


def corruptions(run: Run) -> pd.DataFrame:
    """The test accuracy under each corruption at each strength."""
    test = run.dataset.test
    rows = []
    for name, (_, strengths) in CORRUPTIONS.items():
        for strength in strengths:
            images = corrupted(test.images, name, strength)
            accuracy = run.scorer.accuracy(Split(images, test.labels))
            rows.append({"corruption": name, "strength": strength, "accuracy": accuracy})
    return pd.DataFrame(rows)


def certified(run: Run) -> pd.DataFrame:
    """The share of test images that are proven to be classified right within each distance."""
    test = run.dataset.test
    shares = certified_accuracy(run.network, scale(test.images), test.labels, RADII)
    return pd.DataFrame({"radius": RADII, "accuracy": shares})


def flops(network: snt.Module, image_shape: list[int]) -> int:
    """Floating-point operations for one image, as TensorFlow's profiler counts them.

    A multiplication and an addition count two; it knows no figure of sparse products, which turn
    images, and of some elementwise functions, which count none.
    """
    from tensorflow.python.profiler import model_analyzer, option_builder

    function = tf.function(lambda images: network(images), autograph=False)
    concrete = function.get_concrete_function(tf.TensorSpec([1, *image_shape]))
    graph = convert_variables_to_constants_v2(concrete).graph
    options = option_builder.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return int(model_analyzer.profile(graph, options=options).total_float_ops)


def images_per_second(network: snt.Module, images: np.ndarray) -> float:
    """How many images the compiled network classifies a second, 1000 at once, on this machine."""
    classify = tf.function(
        lambda batch: tf.argmax(network(scale(batch)), axis=1), jit_compile=True, autograph=False
    )
    batch = tf.constant(np.resize(images, (_BATCH, *images.shape[1:])))
    classify(batch).numpy()  # compiles
    times = []
    while sum(times) < _SECONDS:
        start = time.perf_counter()
        classify(batch).numpy()
        times.append(time.perf_counter() - start)
    return _BATCH / float(np.median(times))


def mean_gradients(network: snt.Module, images: np.ndarray) -> np.ndarray:
    """E_x d logit_k / d x over some images: what the output of each class looks for, [k, H, W].

    Channels are added up.
    """
    x = scale(images)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        logits = tf.unstack(tf.reduce_sum(network(x), axis=0))
    gradients = [tape.gradient(logit, x) for logit in logits]
    return np.stack([tf.reduce_sum(g, axis=-1).numpy().mean(axis=0) for g in gradients])
