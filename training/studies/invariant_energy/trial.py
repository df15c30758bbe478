"""One quadratic network with one seed: how much of it is invariant."""

from typing import Any

from training.engine import fit, recipe_for
from training.engine.energy import shares

STEPS = {"upright": "plain", "turned": "augment"}


def trial(
    axes: dict[str, Any], seed: int, choice: None, *, rank: int, epochs: int
) -> dict[str, list[dict[str, Any]]]:
    """Trains by the network's recipe; the table `shares` has a row for each group.

    Raises FloatingPointError if the training diverges.
    """
    network, dataset, step = "quadratic_mlp", axes["dataset"], STEPS[axes["training"]]
    recipe = recipe_for(
        network, dataset.name, network_args={"rank": rank}, epochs=epochs, step=step
    )
    run = fit(network, dataset, recipe, seed=seed, progress=False)
    row = {
        "test_accuracy": run.evaluate("test"),
        "validation_accuracy": run.history["validation_accuracy"].iloc[-1],
        "parameters": run.parameters,
        "seconds": run.history["seconds"].sum(),
    }
    found = [{"group": group, **share} for group, share in shares(run).items()]
    return {"runs": [row], "shares": found}
