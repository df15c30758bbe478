"""One network, looked at while it learns."""

from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.analyse.spectra import describe
from training.data import Split
from training.engine import Recipe
from training.engine.loop import Loop
from training.engine.scoring import Scorer
from training.studies.level_spacings.__main__ import STEPS
from weirdonetworks.analysis import MarchenkoPastur, level_spacings

RECIPE = {"batch_size": 100, "learning_rate": 2e-3}


def trial(
    axes: dict[str, Any], seed: int, choice: None, *, epochs: int, images: int, width: int
) -> dict[str, list[dict[str, Any]]]:
    """Tables: `runs`, a row; `spacings`, a row for each look at each layer.

    Raises FloatingPointError if the training diverges.
    """
    dataset, step = axes["dataset"], axes["step"]
    some = np.random.default_rng(seed).permutation(len(dataset.train))[:images]
    train = Split(dataset.train.images[some], dataset.train.labels[some])
    tf.random.set_seed(seed)
    network = create(step, dataset.num_classes, width)
    recipe = Recipe(**{**RECIPE, **STEPS[step], "epochs": epochs, "step": step})
    loop = Loop(network, train, recipe, seed)
    spacings = look(network, 0, seed)
    for epoch in range(1, epochs + 1):
        loop.run_epoch()
        if epoch & (epoch - 1) == 0 or epoch == epochs:
            spacings += look(network, epoch, seed)
    scorer = Scorer(network)
    row = {
        "validation_accuracy": scorer.accuracy(dataset.validation),
        "test_accuracy": scorer.accuracy(dataset.test),
    }
    return {"runs": [row], "spacings": spacings}


def create(step: str, num_classes: int, width: int) -> snt.Module:
    """The network of a step: with orthogonal matrices, if the step needs a bound."""
    if step == "lipschitz":
        return wn.nets.LipschitzMLP(num_classes, (width, width), iterations=3)
    return wn.nets.MLP(num_classes, (width, width))


def look(network: snt.Module, epoch: int, seed: int) -> list[dict[str, Any]]:
    """A row for each hidden layer with levels: how many, outliers, ratio of gaps and its error.

    `independent` is the ratio of as many independent levels of the same density, the control.
    """
    if isinstance(network, wn.nets.LipschitzMLP):
        return [{"epoch": epoch, "layer": 2, **_angles(network.layers[1].w.numpy(), seed)}]
    rows = []
    for found in describe(network)[0][:-1]:
        law = MarchenkoPastur(found["outputs"] / found["inputs"], found["variance"])
        shares = np.random.default_rng([seed, found["layer"]]).uniform(size=found["levels"])
        independent = np.sqrt([law.quantile(share) for share in shares])
        rows.append({"epoch": epoch, "independent": level_spacings(independent).mean} | {
            key: found[key]
            for key in ("layer", "levels", "outliers", "distance", "gap_ratio", "gap_error")
        })  # fmt: skip
    return rows


def _angles(weights: np.ndarray, seed: int) -> dict[str, Any]:
    """Of the eigenvalues of the nearest orthogonal matrix; they come in pairs, of which one counts.

    Those of a random one repel as eigenvalues of complex Hermitian matrices do.
    """
    u, _, v = np.linalg.svd(weights.astype(np.float64))
    angles = np.angle(np.linalg.eigvals(u @ v))
    levels = angles[(angles > 1e-9) & (angles < np.pi - 1e-9)]
    found = level_spacings(levels)
    uniform = np.random.default_rng(seed).uniform(size=len(levels))
    return {
        "levels": len(levels),
        "outliers": 0,
        "gap_ratio": found.mean,
        "gap_error": found.error,
        "independent": level_spacings(uniform).mean,
    }
