"""One part of the study, with one seed."""

from typing import Any

import numpy as np
import pandas as pd
import sonnet as snt
import tensorflow as tf
from scipy.optimize import linear_sum_assignment

import weirdonetworks as wn
from training.data import Dataset, Split
from training.engine import Recipe, scale
from training.engine.loop import Loop
from training.engine.scoring import Scorer
from training.studies.landscape import students
from training.studies.landscape.__main__ import ALL, NETWORKS
from weirdonetworks import analysis

_IMAGES = 2000  # of the training split, on which losses are measured
_STEPS, _PROBES = 60, 2  # of Lanczos's iteration
_OTHER = 1000  # added to a seed for the other end of a path
_POINTS = 21


def trial(axes: dict[str, Any], seed: int, choice: None, **settings: int) -> dict[str, Any]:
    """Rows of a table of the part's name. Raises FloatingPointError if a training diverges."""
    part = {"students": _students, "dimension": _dimension, "spectrum": _spectrum, "paths": _paths}
    return part[axes["part"]](axes, seed, settings)


def _students(axes: dict[str, Any], seed: int, settings: dict[str, int]) -> dict[str, Any]:
    names = ("teacher", "inputs", "starts", "steps")
    if settings["teacher"] > settings["inputs"]:  # fewer units than the teacher's might do
        raise ValueError(
            f"teacher must be at most inputs, {settings['inputs']}, got {settings['teacher']}"
        )
    outcome = students.look(
        axes["degree"], axes["units"], seed=seed, **{name: settings[name] for name in names}
    )
    row = {
        "least": settings["teacher"],
        "starts": len(outcome.loss),
        "found": int(outcome.found.sum()),
        "median_loss": float(np.median(outcome.loss)),
        "worst_loss": float(outcome.loss.max()),
    }
    return {"students": [row]}


def _train(network: snt.Module, data: Dataset, epochs: int, seed: int, rate: float) -> None:
    recipe = Recipe(epochs=epochs, learning_rate=rate)
    loop = Loop(network, data.train, recipe, seed)
    for _ in range(epochs):
        loop.run_epoch()


def _made(axes: dict[str, Any], seed: int) -> snt.Module:
    name, arguments = NETWORKS[axes["network"]]
    tf.random.set_seed(seed)
    network = wn.create_network(name, axes["dataset"].num_classes, **arguments)
    network(scale(axes["dataset"].train.images[:1]))
    return network


def _trained(axes: dict[str, Any], seed: int, settings: dict[str, int]) -> snt.Module:
    network = _made(axes, seed)
    _train(network, axes["dataset"], settings["epochs"], seed, 3e-3)
    return network


def _dimension(axes: dict[str, Any], seed: int, settings: dict[str, int]) -> dict[str, Any]:
    data, network = axes["dataset"], _made(axes, seed)
    numbers = wn.nets.count_numbers(network).trained
    trained = network
    if axes["dimension"] != ALL:
        if axes["dimension"] >= numbers:
            return {"dimension": []}
        trained = analysis.RandomSubspace(network, axes["dimension"], seed)
    # A number of a subspace moves many weights a little: it is moved further.
    rate = 3e-3 if axes["dimension"] == ALL else 1e-1
    _train(trained, data, settings["epochs"], seed, rate)
    scorer = Scorer(trained)
    row = {
        "numbers": numbers,
        "validation_accuracy": scorer.accuracy(data.validation),
        "test_accuracy": scorer.accuracy(data.test),
    }
    return {"dimension": [row]}


def _loss(split: Split):
    images, labels = scale(split.images[:_IMAGES]), tf.constant(split.labels[:_IMAGES])

    def loss(network: snt.Module) -> tf.Tensor:
        logits = network(images, is_training=False)
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        )

    return loss


def _spectrum(axes: dict[str, Any], seed: int, settings: dict[str, int]) -> dict[str, Any]:
    network, loss = _trained(axes, seed, settings), _loss(axes["dataset"].train)
    found = analysis.hessian_spectrum(network, loss, _STEPS, _PROBES, seed)
    flat = 1e-3 * found.largest
    row = {
        "numbers": found.size,
        "loss": float(loss(network)),
        "test_accuracy": Scorer(network).accuracy(axes["dataset"].test),
        "largest": found.largest,
        "smallest": found.smallest,
        "trace": found.trace()[0],
        "flat": found.share(-flat, flat)[0],
        # How many directions of the largest curvature would have the same trace.
        "stiff": found.trace()[0] / found.largest,
    }
    nodes = [
        {"probe": probe, "eigenvalue": value, "share": weight}
        for probe, (values, weights) in enumerate(zip(found.nodes, found.weights, strict=True))
        for value, weight in zip(values, weights, strict=True)
    ]
    return {"spectrum": [row], "eigenvalues": nodes}


def _weights(network: snt.Module) -> list[np.ndarray]:
    return [v.numpy() for v in network.trainable_variables]


def _paths(axes: dict[str, Any], seed: int, settings: dict[str, int]) -> dict[str, Any]:
    data, loss = axes["dataset"], _loss(axes["dataset"].train)
    first, second = (_trained(axes, s, settings) for s in (seed, seed + _OTHER))
    a, b = _weights(first), _weights(second)
    permute_units(first, second, scale(data.train.images[:_IMAGES]))
    aligned = _weights(second)
    rows = []
    for path, end in (("straight", b), ("permuted", aligned)):
        rows += _along(path, analysis.loss_along(first, loss, [a, end], _POINTS))
    curve = analysis.BezierPath(first, a, b, seed)
    _train(curve, data, settings["epochs"], seed, 3e-3)
    places = np.linspace(0, 1, _POINTS)
    sets = [[w.numpy() for w in curve.weights(t)] for t in places]
    _, losses = analysis.loss_along(first, loss, sets, points=2)
    rows += _along("curved", (places, losses))
    return {"paths": rows}


def _along(path: str, told: tuple[np.ndarray, np.ndarray]) -> list[dict[str, Any]]:
    return [{"path": path, "t": t, "loss": value} for t, value in zip(*told, strict=True)]


def permute_units(first: snt.Module, second: snt.Module, images: tf.Tensor) -> None:
    """Puts the hidden units of `second`, an MLP, into an order in which they are like `first`'s.

    Of all orders of a layer, the one whose activations on the images correlate most: the nearest
    permutation to the rotation of `align_networks`. The function of the network stays as it is.
    """
    pairs = [analysis.activations(network, images) for network in (first, second)]
    layers = analysis.dense_layers(second)
    for number, (target, source) in enumerate(zip(*pairs, strict=True)):
        order = linear_sum_assignment(-_correlation(target, source))[1]
        before, after = layers[number], layers[number + 1]
        before.w.assign(before.w.numpy()[:, order])
        before.b.assign(before.b.numpy()[order])
        after.w.assign(after.w.numpy()[order])


def _correlation(target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """[units of target, units of source]; of a unit that never changes, 0."""

    def whitened(values):
        values = values - values.mean(axis=0)
        spread = values.std(axis=0)
        return values / np.where(spread > 0, spread, np.inf)

    return whitened(target).T @ whitened(source) / len(target)


def barrier(losses: pd.DataFrame) -> float:
    """How far the loss rises above the straight line between its ends, at most."""
    t, values = losses["t"].to_numpy(), losses["loss"].to_numpy()
    return float(np.max(values - ((1 - t) * values[0] + t * values[-1])))
