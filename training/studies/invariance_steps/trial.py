"""One network trained by one variant of a step: how accurate it is, and how far it moves."""

from typing import Any

import numpy as np

from training.engine.evaluation import by_angle
from training.engine.scoring import ANGLES
from training.engine.stability import measure_run
from training.engine.train import fit

# Fields of the recipe by variant: the steps, with the arguments chosen on the validation split, and
# what might make the projection work.
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "augment": {"step": "augment"},
    "penalty": {"step": "penalty"},
    "projected": {"step": "projected"},
    "dream": {"step": "dream"},
    "plain-invariant_start": {"invariant_start": True},
    "projected-invariant_start": {"step": "projected", "invariant_start": True},
    "projected-8_directions": {"step": "projected", "step_args": {"directions": 8}},
    "projected-per_layer": {"step": "projected", "step_args": {"per_layer": True}},
    "plain-sgd": {"optimizer": "sgd", "learning_rate": 0.1},
    "projected-sgd": {"step": "projected", "optimizer": "sgd", "learning_rate": 0.1},
}
EPOCHS = {"synchronous_mlp": 2}  # which needs no more; all others 5
_IMAGES = 1000  # whose class probabilities are followed, as `training.stability` does


def trial(axes: dict[str, Any], seed: int, choice: None, *, epochs: int) -> dict[str, Any]:
    """Tables: `runs`, a row, and `angles`, the accuracy at each of 24 angles.

    Accuracies are of all test images; variance and difference are those of the class probabilities
    of the first 1,000 of them over the rotations of the circle.
    """
    network, dataset = axes["network"], axes["dataset"]
    recipe = {**VARIANTS[axes["variant"]], "epochs": epochs or EPOCHS.get(network, 5)}
    run = fit(network, dataset, seed=seed, progress=False, **recipe)
    turned = by_angle(run)
    moved = measure_run(run, images=min(_IMAGES, len(dataset.test))).summary()
    row = {
        "epochs": recipe["epochs"],
        "test_accuracy": run.evaluate("test"),
        "rotated_accuracy": np.mean(turned),
        "worst_rotated_accuracy": np.min(turned),
        "variance": moved["variance"],
        "difference": moved["difference"],
        "validation_accuracy": float(run.history["validation_accuracy"].iloc[-1]),
        "seconds": float(run.history["seconds"].sum()),
    }
    angles = zip(ANGLES, turned, strict=True)
    return {
        "runs": [row],
        "angles": [{"degrees": degrees, "accuracy": accuracy} for degrees, accuracy in angles],
    }
