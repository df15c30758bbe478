"""One form of attention, trained."""

from typing import Any

from training.engine import Recipe, fit
from training.experiments import CHOICE_SEED
from training.studies.row_attention_forms.__main__ import FORMS
from weirdonetworks.nets import count_numbers


def trial(axes: dict[str, Any], seed: int, choice: float, *, epochs: int) -> dict[str, Any]:
    """A row: accuracies, numbers and seconds; what chooses a rate does not see the test set.

    Raises FloatingPointError if the training diverges.
    """
    recipe = Recipe(FORMS[axes["form"]], epochs=epochs, learning_rate=choice)
    run = fit("row_attention", axes["dataset"], recipe, seed=seed, progress=False)
    row = {
        "validation_accuracy": run.history["validation_accuracy"].iloc[-1],
        "numbers": count_numbers(run.network).trained,
        "seconds": sum(run.history["seconds"]),
    }
    if seed != CHOICE_SEED:
        row["test_accuracy"] = run.evaluate("test")
    return row
