"""One network of the table with one seed."""

from typing import Any

from training.engine import Recipe, fit
from training.engine.evaluation import by_angle
from training.found.rows import rows_for
from weirdonetworks.nets import count_numbers


def trial(axes: dict[str, Any], seed: int, choice: None, *, epochs: int) -> dict[str, Any]:
    """A row: what it is, its numbers by the rules, accuracies after the last epoch, seconds.

    Networks that hold the rotations are scored at every angle as well.

    Raises FloatingPointError if the training diverges.
    """
    dataset = axes["dataset"]
    row = rows_for(dataset.name)[axes["row"]]
    recipe = Recipe(**row.recipe | ({"epochs": epochs} if epochs else {}))
    run = fit(row.network, dataset, recipe, seed=seed, progress=False)
    numbers = count_numbers(run.network)
    turned = {"rotated_accuracy": by_angle(run).mean()} if row.kind.startswith("S") else {}
    return {
        "kind": row.kind,
        "at_most": row.at_most,
        "network": row.network,
        "numbers": numbers.trained,
        "fixed": numbers.fixed,
        "searched": row.validation_accuracy,
        "validation_accuracy": run.history["validation_accuracy"].iloc[-1],
        "test_accuracy": run.evaluate("test"),
        **turned,
        "epochs": run.config["epochs"],
        "seconds": run.history["seconds"].sum(),
    }
