"""One variant with one seed, at one learning rate."""

import statistics
from typing import Any

import sonnet as snt

from training.engine import Recipe, fit
from training.experiments import CHOICE_SEED
from training.studies.modulation.variants import EPOCHS, FAMILIES


def trial(
    axes: dict[str, Any], seed: int, choice: float, *, epochs: int
) -> dict[str, list[dict[str, Any]]]:
    """A row, and the table `alphas` of all that are learned; what chooses a rate does not see the
    test set.

    Raises FloatingPointError if the training diverges.
    """
    family = axes["family"]
    network, arguments = FAMILIES[family][axes["variant"]]
    # Not the network's own recipe: variants differ in nothing but their arguments.
    recipe = Recipe(arguments, epochs=epochs or EPOCHS[family], learning_rate=choice)
    run = fit(network, axes["dataset"], recipe, seed=seed, progress=False)
    row = {
        "validation_accuracy": run.history["validation_accuracy"].iloc[-1],
        "parameters": run.parameters,
        "seconds": run.history["seconds"].sum(),
    }
    if seed != CHOICE_SEED:
        row["test_accuracy"] = run.evaluate("test")
    alphas = learned_alphas(run.network)
    if alphas:
        row["alpha_mean"] = statistics.mean(alphas)
        row["alpha_spread"] = statistics.stdev(alphas) if len(alphas) > 1 else 0.0
        row |= {"alpha_min": min(alphas), "alpha_max": max(alphas)}
    return {"runs": [row], "alphas": [{"alpha": alpha} for alpha in alphas]}


def learned_alphas(network: snt.Module) -> list[float]:
    """Every alpha that a network of rows or of products has learned, none if they are fixed."""
    layers = getattr(network, "attentions", None) or network.layers
    return [
        float(alpha)
        for layer in layers
        if getattr(layer, "trainable_alpha", False)
        for alpha in layer.alpha
    ]
