"""One reader, trained."""

import time
from typing import Any

import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.engine import Recipe
from training.engine.loop import Loop
from training.engine.scoring import Scorer
from training.experiments import CHOICE_SEED
from training.studies.travelling_waves.__main__ import READERS
from training.studies.travelling_waves.reader import WaveReader


def trial(axes: dict[str, Any], seed: int, choice: float, *, epochs: int) -> dict[str, Any]:
    """A row: accuracies, numbers, the field that was learned; what chooses a rate does not see the
    test set.

    Raises FloatingPointError if the training diverges.
    """
    dataset = axes["dataset"]
    started = time.perf_counter()
    tf.random.set_seed(seed)
    network = create(axes["reader"], dataset.num_classes)
    recipe = Recipe(epochs=epochs, optimizer="muon", learning_rate=choice)
    loop = Loop(network, dataset.train, recipe, seed)
    for _ in range(epochs):
        loop.run_epoch()
    scorer = Scorer(network)
    row = {
        "validation_accuracy": scorer.accuracy(dataset.validation),
        "numbers": wn.nets.count_numbers(network).trained,
        **learned(network),
        "seconds": time.perf_counter() - started,
    }
    if seed != CHOICE_SEED:
        row["test_accuracy"] = scorer.accuracy(dataset.test)
    return row


def create(reader: str, num_classes: int) -> snt.Module:
    """The reader of this name."""
    arguments = READERS[reader]
    if arguments is None:
        return wn.nets.RowRecurrent(num_classes)
    return WaveReader(num_classes, **arguments)


def learned(network: snt.Module) -> dict[str, float]:
    """The five numbers of a field; none of networks without one."""
    if getattr(network, "still", True):
        return {}
    field = network.field
    numbers = [*tf.exp(field.log_widths), *field.strengths, field.threshold]
    names = ("width_up", "width_down", "up", "down", "threshold")
    return dict(zip(names, map(float, numbers), strict=True))
