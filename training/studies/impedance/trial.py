"""One way from boundary data to images, with one seed, at one learning rate."""

import functools
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.engine.optimizers import create_optimizer, scheduled
from training.engine.trainer import Trainer
from training.engine.workdir import num_parameters
from training.experiments import CHOICE_SEED
from training.studies.impedance import data
from training.studies.impedance.disc import ELECTRODES, PATTERNS
from training.studies.impedance.models import MODELS, BoundaryAttention

NOISES = (0.0, 0.01, 0.05)
THRESHOLDS = np.arange(1, 20) / 20
SHOWN = 3  # images of the test set that are kept
SHADES = "abcdefghijklmnopqrstuvwxyz"  # of an image that is kept, 0 to 1
_BATCH, _PLACES = 32, 48  # images a step, and points of each for attention
_TESTED = 300  # images of the validation set and of the test set


def trial(
    axes: Mapping[str, Any], seed: int, choice: float, *, steps: int, samples: int
) -> dict[str, Any]:
    """Trains a model on noisy data of inclusions of this seed, by Adam and the cross-entropy.

    An image is what is above a threshold, the one of THRESHOLDS with the largest mean IoU on the
    validation set. Test data play no part in it.

    Returns the tables
      runs: mean IoU (intersection over union) and mean relative error |image - truth| / |truth| in
        L2 before the threshold, on data with the noise of the training;
      transfer: the IoU of the same network on test data with each noise of NOISES;
      images: the first images of the test set, before the threshold, a letter a point, with truth.

    Raises:
      FloatingPointError: a validation error that is no number.
    """
    method, noise = axes["method"], axes["noise"]
    start = time.process_time()
    trainer, peak = _trainer(method, steps)
    trainer.begin(seed)
    peak.assign(choice)
    training = _split(seed, data.TRAINING, samples)
    trainer.run(0, steps, training.voltages, training.images, seed, noise)
    seconds = time.process_time() - start
    validation = _split(seed, data.VALIDATION, _TESTED, noise)
    found = images(trainer.network, validation.voltages)
    if not np.isfinite(found).all():
        raise FloatingPointError("the images are no numbers")
    overlaps = [iou(found >= t, validation.images).mean() for t in THRESHOLDS]
    threshold = THRESHOLDS[int(np.argmax(overlaps))]
    row = {
        "validation_iou": max(overlaps),
        "threshold": threshold,
        "parameters": num_parameters(trainer.network),
        "seconds": seconds,
    }
    if seed == CHOICE_SEED:
        return {"runs": [row]}
    transfer, kept = [], []
    for level in dict.fromkeys([noise, *NOISES]):
        test = _split(seed, data.TEST, _TESTED, level)
        found = images(trainer.network, test.voltages)
        overlap = iou(found >= threshold, test.images).mean()
        transfer.append({"tested_noise": level, "test_iou": overlap})
        if level == noise:
            row |= {"test_iou": overlap, "test_error": relative_error(found, test.images).mean()}
            kept = [_told(i, test.inclusions, found[i]) for i in range(SHOWN)]
    return {"runs": [row], "transfer": transfer, "images": kept}


def images(network: snt.Module, voltages: np.ndarray) -> np.ndarray:
    """Probabilities at all points, [count, points]."""
    parts = np.array_split(voltages, max(1, len(voltages) // 100))
    places = tf.range(len(data.points()))
    return np.concatenate([tf.sigmoid(network(tf.constant(v), places)).numpy() for v in parts])


def iou(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Points in both over points in either, [count]; the Dice coefficient is 2 IoU / (1 + IoU)."""
    return (found & truth).sum(axis=1) / (found | truth).sum(axis=1)


def relative_error(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """|found - truth| / |truth| in L2, [count]."""
    return np.linalg.norm(found - truth, axis=1) / np.linalg.norm(truth.astype(float), axis=1)


def _told(i: int, inclusions: data.Inclusions, found: np.ndarray) -> dict[str, Any]:
    centre = inclusions.centre[i]
    shades = np.rint(found * (len(SHADES) - 1)).astype(int)
    return {
        "image": i,
        "x": centre.real,
        "y": centre.imag,
        "radius": inclusions.radius[i],
        "conductivity": inclusions.conductivity[i],
        "points": "".join(SHADES[shade] for shade in shades),
    }


_split = functools.lru_cache(maxsize=32)(data.split)  # of all seeds: a second each


@functools.cache
def _trainer(method: str, steps: int) -> tuple[Trainer, tf.Variable]:
    """A trainer, compiled once a model, and its largest learning rate."""
    points = len(data.points())

    def make() -> snt.Module:
        network = MODELS[method]()
        network(tf.ones([1, PATTERNS, ELECTRODES]), tf.range(points))
        return network

    def loss(network, i, voltages, truth, seed, noise) -> tf.Tensor:
        seeds = tf.random.split(tf.stack([seed, i]), 3)
        rows = tf.random.stateless_uniform([_BATCH], seeds[0], 0, voltages.shape[0], tf.int32)
        places = tf.range(points)
        if isinstance(network, BoundaryAttention):  # whose work grows with the points
            places = tf.random.stateless_uniform([_PLACES], seeds[1], 0, points, tf.int32)
        normal = tf.random.stateless_normal([_BATCH, PATTERNS, ELECTRODES], seeds[2])
        logits = network(tf.gather(voltages, rows) + noise * data.VOLTAGE * normal, places)
        targets = tf.cast(tf.gather(tf.gather(truth, rows), places, axis=1), tf.float32)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits))

    peak = tf.Variable(1.0, trainable=False)
    optimizer, rise = create_optimizer("adam", 1.0), steps // 20
    rate = functools.partial(scheduled, "cosine", peak, total_steps=steps, warmup_steps=rise)
    return Trainer(make, loss, optimizer, rate), peak
