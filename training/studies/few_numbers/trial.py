"""One network, trained with one help."""

from typing import Any

from training.engine import Recipe, fit
from training.experiments import CHOICE_SEED
from training.studies.few_numbers.__main__ import HELPS, NETWORKS
from weirdonetworks.nets import count_numbers


def trial(axes: dict[str, Any], seed: int, choice: float, *, epochs: int) -> dict[str, Any]:
    """A row: accuracies, numbers, bits and seconds; what chooses a rate does not see the test set.

    Raises FloatingPointError if the training diverges.
    """
    dataset, network = axes["dataset"], axes["network"]
    run = fit(network, dataset, recipe(axes, choice, epochs), seed=seed, progress=False)
    numbers = count_numbers(run.network)
    row = {
        "validation_accuracy": run.history["validation_accuracy"].iloc[-1],
        "numbers": numbers.trained,
        "nonzero": numbers.nonzero,
        "addressed": numbers.addressed,
        "bits": _bits(run.network, HELPS[axes["help"]].get("bits", 32)),
        "seconds": sum(run.history["seconds"]),
    }
    if seed != CHOICE_SEED:
        row["test_accuracy"] = run.evaluate("test")
    return row


def recipe(axes: dict[str, Any], rate: float, epochs: int) -> Recipe:
    """Of a network and a help; teachers are the published ones of the same data."""
    fields = dict(HELPS[axes["help"]])
    if fields.get("step") == "distill":
        fields["step_args"] = {**fields.get("step_args", {}), "dataset": axes["dataset"].name}
    fields = {"optimizer": "muon", **fields}
    return Recipe(NETWORKS[axes["network"]], epochs=epochs, learning_rate=rate, **fields)


def _bits(network, bits: int) -> int:
    """Of all numbers: those of matrices have so many, all others 32."""
    return sum(
        v.shape.num_elements() * (bits if v.shape.rank > 1 else 32)
        for v in network.trainable_variables
    )
