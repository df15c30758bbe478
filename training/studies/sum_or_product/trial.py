"""Networks that learn a target from rows of [0.1, 3], scored there and on [3, 6]."""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.engine.optimizers import Adam, scheduled
from training.engine.trainer import Trainer
from training.engine.workdir import num_parameters
from weirdonetworks.layers import AdditiveMultiplicativeDense

INSIDE, OUTSIDE = (0.1, 3.0), (3.0, 6.0)
ROWS = 256  # to learn from, all of them at each step
SUCCESS = 0.01  # of the standard deviation of the target
_TESTED = 2000
_TRAINING, _VALIDATION, _INSIDE, _OUTSIDE = range(1, 5)  # streams of rows of a seed
_RECORDS = 60  # of the orders, over a run
# Along the valley in which a and the weights make up for each other, gradients are small: what
# Adam remembers of the first, large ones would hold it back. With 0.999, 1 seed in 6 arrived.
_BETAS = (0.9, 0.98)


class Target(NamedTuple):
    """A function of rows, and the smallest network of additive-multiplicative layers for it."""

    variables: int
    function: Callable[[np.ndarray], np.ndarray]
    sizes: tuple[int, ...]


TARGETS = {
    "x1+x2": Target(2, lambda x: x[:, 0] + x[:, 1], (1,)),
    "x1*x2": Target(2, lambda x: x[:, 0] * x[:, 1], (1,)),
    "x1+x2*x3": Target(3, lambda x: x[:, 0] + x[:, 1] * x[:, 2], (2, 1)),
}


class Model(NamedTuple):
    """How to make a network for a target, and its learning rate."""

    make: Callable[[Target], snt.Module]
    learning_rate: float


class Operations(snt.Module):
    """Layers of these sizes: [batch, in] -> [batch, sizes[-1]]."""

    def __init__(self, sizes: Sequence[int], name: str | None = None, **kwargs):
        super().__init__(name=name)
        self.layers = [AdditiveMultiplicativeDense(size, **kwargs) for size in sizes]

    @property
    def alphas(self) -> np.ndarray:
        """The orders of all outputs, layer by layer."""
        full = [np.broadcast_to(layer.alpha, [layer.output_size]) for layer in self.layers]
        return np.concatenate(full)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs


class StandardizedMLP(snt.Module):
    """A ReLU MLP of standardised inputs, [batch, in] -> [batch, 1]; it has no orders."""

    alphas = np.zeros(0)

    def __init__(self, hidden_size: int, name: str | None = None):
        super().__init__(name=name)
        self.mlp = snt.nets.MLP([hidden_size, 1])

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        low, high = INSIDE
        return self.mlp((inputs - (low + high) / 2) * (12**0.5 / (high - low)))


# Learning rates, and Adam's decay rates above, by the validation rows of seeds 0 .. 4.
MODELS = {
    "learned": Model(lambda target: Operations(target.sizes), 0.03),
    "sums only": Model(
        lambda target: Operations(target.sizes, alpha=0, trainable_alpha=False), 0.03
    ),
    "products only": Model(
        lambda target: Operations(target.sizes, alpha=1, trainable_alpha=False), 0.03
    ),
    "MLP of 4": Model(lambda target: StandardizedMLP(4), 0.01),
    "MLP of 32": Model(lambda target: StandardizedMLP(32), 0.1),
    "learned (start=forms)": Model(lambda target: Operations(target.sizes, start="forms"), 0.03),
}


def draw_rows(seed: int, stream: int, rows: int, variables: int) -> np.ndarray:
    """Uniform rows, of [3, 6] for the stream that is tested outside, of [0.1, 3] for the others."""
    interval = OUTSIDE if stream == _OUTSIDE else INSIDE
    generator = np.random.default_rng([seed, stream])
    return generator.uniform(*interval, [rows, variables]).astype(np.float32)


def trial(axes: Mapping[str, str], seed: int, choice: None, *, steps: int) -> dict[str, Any]:
    """Trains a model on a target, from a start and on rows of this seed.

    Minimises the mean squared error over all 256 rows at each step, by Adam, with a learning rate
    that falls along a cosine.

    Returns the tables
      runs: root mean squared errors on fresh rows, of [0.1, 3] (validation, inside) and of [3, 6],
        as parts of the standard deviation of the target there; whether the last is a success.
      alphas: the orders that are learned, a row a unit, a column for each recorded step. Those of
        the first layer stand from the largest at the end down.
    """
    target = TARGETS[axes["target"]]
    start = time.perf_counter()
    trainer = _trainer(axes["target"], axes["model"], steps)
    trainer.begin(seed)
    network = trainer.network
    rows = draw_rows(seed, _TRAINING, ROWS, target.variables)
    records = np.unique(np.linspace(0, steps, _RECORDS + 1).round().astype(int)).tolist()
    history = [network.alphas]
    for first, last in zip(records, records[1:], strict=False):
        trainer.run(first, last, rows, target.function(rows))
        history.append(network.alphas)
    validation, inside, outside = (
        _error(network, target, draw_rows(seed, stream, _TESTED, target.variables))
        for stream in (_VALIDATION, _INSIDE, _OUTSIDE)
    )
    row = {
        "parameters": num_parameters(network),
        "validation_error": validation,
        "inside_error": inside,
        "outside_error": outside,
        "success": int(outside < SUCCESS),
        "seconds": time.perf_counter() - start,
    }
    learned = axes["model"].startswith("learned")
    units = _units(records, np.array(history), target.sizes[0]) if learned else []
    return {"runs": [row], "alphas": units}


@functools.lru_cache(maxsize=1)
def _trainer(target: str, model: str, steps: int) -> Trainer:
    make, peak = MODELS[model]

    def network() -> snt.Module:
        new = make(TARGETS[target])
        new(tf.ones([1, TARGETS[target].variables]))
        return new

    def loss(network: snt.Module, _, rows: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.square(network(rows)[:, 0] - targets))

    optimizer = Adam(tf.Variable(peak, trainable=False), *_BETAS)
    return Trainer(network, loss, optimizer, lambda i: scheduled("cosine", peak, i, steps, 0))


def _error(network: snt.Module, target: Target, rows: np.ndarray) -> float:
    """The root mean squared error, as a part of the standard deviation of the target."""
    targets = target.function(rows)
    difference = network(tf.constant(rows))[:, 0].numpy().astype(np.float64) - targets
    return float(np.sqrt(np.mean(np.square(difference))) / np.std(targets))


def sort_units(history: np.ndarray, first_size: int) -> np.ndarray:
    """The orders, [records, orders], of which units of the first layer can be exchanged."""
    first, rest = history[:, :first_size], history[:, first_size:]
    return np.concatenate([first[:, np.argsort(-first[-1])], rest], axis=1)


def _units(records: list[int], history: np.ndarray, first_size: int) -> list[dict[str, Any]]:
    """A row for each order."""
    names = [(1, i + 1) if i < first_size else (2, 1) for i in range(history.shape[1])]
    return [
        {"layer": layer, "unit": unit}
        | {str(step): round(float(a), 4) for step, a in zip(records, orders, strict=True)}
        for (layer, unit), orders in zip(names, sort_units(history, first_size).T, strict=True)
    ]
