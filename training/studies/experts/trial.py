"""A group of pretrained networks, combined by all rules, scored once on the test set."""

import functools
from typing import Any

import numpy as np
import tensorflow as tf

import weirdonetworks as wn
from training.data import Dataset, Split
from training.engine.loop import scale
from training.report.calibration import calibration, expected_calibration_error
from training.studies.experts.rules import rules
from weirdonetworks import _checks

# Its published weights are those of quadratic_mlp, and it would vote twice.
TWINS = ("polynomial_mlp",)
_WEIGHTS_OF = {"mnist_5k": "mnist"}
_BATCH = 500


def trial(
    axes: dict[str, Any], seed: int, choice: None, *, experts: int
) -> dict[str, list[dict[str, Any]]]:
    """The table `runs` has a row for each rule, and one for the mean of the experts alone."""
    dataset = axes["dataset"]
    names = group(dataset.name, seed, experts)
    validation, test = (
        np.stack([_logits(dataset, name, split) for name in names], axis=1)
        for split in ("validation", "test")
    )
    rows = []
    for name, (rule, weights) in rules(validation, dataset.validation.labels).items():
        told = " ".join(f"{w:.4f}" for w in weights)
        rows.append({"rule": name, **scores(rule(test), dataset.test.labels), "weights": told})
    alone = [scores(_normalized(test[:, i]), dataset.test.labels) for i in range(experts)]
    means = {key: float(np.mean([one[key] for one in alone])) for key in alone[0]}
    rows.insert(0, {"rule": "mean expert", **means, "weights": ""})
    return {"runs": [row | {"experts": " ".join(names)} for row in rows]}


def group(dataset: str, seed: int, count: int) -> list[str]:
    """The networks of a seed, of those with weights on this data set and on fashion_mnist.

    Raises:
      ValueError: a data set without weights, or more experts than there are networks.
    """
    there = wn.list_networks(pretrained=_WEIGHTS_OF.get(dataset, dataset))
    both = [name for name in there if name in wn.list_networks(pretrained="fashion_mnist")]
    pool = [name for name in both if name not in TWINS]
    _checks.integer("experts", count, 2, len(pool))
    return list(np.random.default_rng(seed).permutation(pool)[:count])


def scores(log_probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, mean negative log likelihood (infinite for a class of probability 0) and expected
    calibration error in 15 bins."""
    probabilities = np.exp(log_probabilities)
    return {
        "test_accuracy": float(np.mean(log_probabilities.argmax(axis=1) == labels)),
        "nll": float(-np.mean(log_probabilities[np.arange(len(labels)), labels])),
        "calibration_error": expected_calibration_error(calibration(probabilities, labels)),
    }


def _normalized(logits: np.ndarray) -> np.ndarray:
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


@functools.lru_cache(maxsize=100)
def _logits(dataset: Dataset, name: str, split: str) -> np.ndarray:
    """[n, classes], of the published weights; kept, as networks are in several groups."""
    network = wn.create_network(name, pretrained=_WEIGHTS_OF.get(dataset.name, dataset.name))
    run = tf.function(lambda images: network(scale(images), is_training=False), autograph=False)
    images: Split = getattr(dataset, split)
    parts = range(0, len(images), _BATCH)
    found = [run(tf.constant(images.images[i : i + _BATCH])).numpy() for i in parts]
    return np.concatenate(found).astype(np.float64)
