"""One network trained by its record recipe."""

from typing import Any

import numpy as np

from training.engine import fit
from training.engine.recipes import recipe_for
from weirdonetworks.nets import count_numbers

SURE = 0.999


def doubts(probabilities: np.ndarray, labels: np.ndarray) -> list[dict[str, Any]]:
    """The images whose label is less than SURE, each with the probabilities of all classes."""
    rows = np.arange(len(labels))
    return [
        {
            "image": int(i),
            "label": int(labels[i]),
            **{f"p{k}": round(float(p), 4) for k, p in enumerate(probabilities[i])},
        }
        for i in rows[probabilities[rows, labels] < SURE]
    ]


def trial(axes: dict[str, Any], seed: int, choice: None, *, epochs: int) -> dict[str, Any]:
    """Scores the last epoch, by itself and as the mean over nine shifts of the image (of pictures).

    The table `curves` has the validation accuracy after each epoch, `doubts` what the network says
    of test images that it is not sure of, for committees, `shifted_doubts` what the mean says.

    Raises FloatingPointError if the training diverges.
    """
    network, dataset = axes["network"], axes["dataset"]
    overrides = {"epochs": epochs} if epochs else {}
    recipe = recipe_for(network, dataset.name, len(dataset.train), axes["recipe"], **overrides)
    run = fit(network, dataset, recipe, seed=seed, progress=False)
    images, labels = dataset.test.images, dataset.test.labels
    unsure = {"doubts": doubts(run.probabilities(images), labels)}
    numbers = count_numbers(run.network)
    row = {
        "test_accuracy": run.evaluate("test"),
        "validation_accuracy": run.history["validation_accuracy"].iloc[-1],
        "numbers": numbers.trained,
        "fixed": numbers.fixed,
        "tested": len(labels),
        "epochs": recipe.epochs,
        "seconds": run.history["seconds"].sum(),
    }
    if dataset.pictures:
        over_shifts = run.over_shifts()
        row["shifted_accuracy"] = over_shifts.evaluate("test")
        row["shifted_validation_accuracy"] = over_shifts.evaluate("validation")
        unsure["shifted_doubts"] = doubts(over_shifts.probabilities(images), labels)
    curve = run.history[["epoch", "validation_accuracy"]].to_dict("records")
    return {"runs": [row], "curves": curve, **unsure}
