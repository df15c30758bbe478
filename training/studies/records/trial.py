"""One network trained by its record recipe."""

from typing import Any

from training.engine import fit
from training.engine.recipes import recipe_for
from weirdonetworks.nets import count_numbers


def trial(axes: dict[str, Any], seed: int, choice: None, *, epochs: int) -> dict[str, Any]:
    """Scores the last epoch; the table `curves` has the validation accuracy after each.

    Raises FloatingPointError if the training diverges.
    """
    network, dataset = axes["network"], axes["dataset"]
    overrides = {"epochs": epochs} if epochs else {}
    recipe = recipe_for(network, dataset.name, len(dataset.train), axes["recipe"], **overrides)
    run = fit(network, dataset, recipe, seed=seed, progress=False)
    numbers = count_numbers(run.network)
    row = {
        "test_accuracy": run.evaluate("test"),
        "validation_accuracy": run.history["validation_accuracy"].iloc[-1],
        "numbers": numbers.trained,
        "fixed": numbers.fixed,
        "epochs": recipe.epochs,
        "seconds": run.history["seconds"].sum(),
    }
    curve = run.history[["epoch", "validation_accuracy"]].to_dict("records")
    return {"runs": [row], "curves": curve}
