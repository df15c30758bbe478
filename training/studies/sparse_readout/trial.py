"""One trained network, its hidden units in an order, and accuracies of the first of them."""

import functools
import warnings
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path

from training.data import Dataset, Split
from training.engine import fit
from training.engine.run import Run
from weirdonetworks.analysis import activations, dense_layers
from weirdonetworks.functional import simultaneous_matching_pursuit
from weirdonetworks.layers import SparseReadout

COUNTS = (2, 4, 8, 16, 32, 64, 128)  # of units, below the width, and the width itself


@functools.lru_cache(maxsize=8)  # the methods of a seed share it
def train(dataset: Dataset, width: int, epochs: int, seed: int) -> Run:
    """An MLP of two hidden layers."""
    arguments = {"hidden_sizes": (width, width), "dropout": 0.0}
    return fit("mlp", dataset, seed=seed, progress=False, epochs=epochs, network_args=arguments)


def trial(
    axes: dict[str, Any], seed: int, choice: None, *, epochs: int, width: int, rows: int
) -> dict[str, Any]:
    """Tables: `runs`, the accuracy of the whole network; `curves`, a row for each number of units:
    of the readout that is fitted anew to them."""
    dataset = axes["dataset"]
    run = train(dataset, width, epochs, seed)
    h = hidden(run, dataset.train)[:rows]
    targets = np.eye(dataset.num_classes)[dataset.train.labels[: len(h)]]
    last = dense_layers(run.network)[-1].w.numpy()
    counts = [count for count in COUNTS if count < min(width, len(h))] + [min(width, len(h))]
    order = ORDERS[axes["method"]](h, targets, last, seed)
    h_test = hidden(run, dataset.test)
    curves = []
    for count in counts:
        readout = SparseReadout(targets.shape[1], count)
        readout.fit(h[:, order[:count]], targets)  # all that it is given
        scores = readout(h_test[:, order[:count]]).numpy()
        accuracy = float(np.mean(np.argmax(scores, axis=1) == dataset.test.labels))
        curves.append({"units": count, "test_accuracy": accuracy})
    return {"runs": [{"network_accuracy": run.evaluate("test")}], "curves": curves}


def hidden(run: Run, split: Split) -> np.ndarray:
    """The units of the last hidden layer, float64 [n, width]."""
    images = (split.images / 255).astype(np.float32)
    return activations(run.network, images)[-1].astype(np.float64)


def by_pursuit(h: np.ndarray, targets: np.ndarray, last: np.ndarray, seed: int) -> np.ndarray:
    """As `SparseReadout.fit` takes them: the first k are those that it takes for k."""
    x, y = h - h.mean(axis=0), targets - targets.mean(axis=0)
    return simultaneous_matching_pursuit(tf.constant(x), y, min(x.shape)).support.numpy()


def by_lasso(h: np.ndarray, targets: np.ndarray, last: np.ndarray, seed: int) -> np.ndarray:
    """In the order in which units enter the path, at the largest penalty; others by their size."""
    x = (h - h.mean(axis=0)) / np.maximum(h.std(axis=0), 1e-12)
    y = targets - targets.mean(axis=0)
    largest = np.linalg.norm(x.T @ y, axis=1).max() / len(x)  # at which the first one enters
    penalties = largest * np.geomspace(1, 3e-3, 40)
    with warnings.catch_warnings():
        # Of duality gaps just above 0.1 %: who enters is seen long before.
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, path, _ = enet_path(x, y, l1_ratio=1.0, alphas=penalties, tol=1e-3, max_iter=100)
    sizes = np.linalg.norm(path, axis=0)  # [units, penalties], of all classes
    entered = np.where(sizes.any(axis=1), np.argmax(sizes > 0, axis=1), sizes.shape[1])
    return np.lexsort((-sizes[:, -1], entered))


def by_magnitude(h: np.ndarray, targets: np.ndarray, last: np.ndarray, seed: int) -> np.ndarray:
    """By the size of the weights in the trained readout, times the spread of the unit."""
    return np.argsort(-np.linalg.norm(last, axis=1) * h.std(axis=0), kind="stable")


def at_random(h: np.ndarray, targets: np.ndarray, last: np.ndarray, seed: int) -> np.ndarray:
    """The control."""
    return np.random.default_rng(seed).permutation(h.shape[1])


ORDERS = {
    "pursuit": by_pursuit,
    "lasso": by_lasso,
    "magnitude": by_magnitude,
    "random": at_random,
}
