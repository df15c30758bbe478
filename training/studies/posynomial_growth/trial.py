"""One network of posynomials, trained and scored."""

from typing import Any

from training.engine.train import fit

# What grows: a network of the zoo, and its arguments beside num_terms and depth.
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "posynomial_mlp": ("posynomial_mlp", {}),
    "posynomial_mlp-convex": ("posynomial_mlp", {"nonnegative_exponents": True}),
    "signomial_mlp": ("signomial_mlp", {}),
}


def trial(axes: dict[str, Any], seed: int, choice: None, *, epochs: int) -> dict[str, Any]:
    """Parameters, accuracies after the last epoch, and the seconds of training."""
    network, arguments = NETWORKS[axes["network"]]
    arguments = {**arguments, "num_terms": axes["num_terms"], "depth": axes["depth"]}
    run = fit(
        network, axes["dataset"], seed=seed, progress=False, epochs=epochs, network_args=arguments
    )
    return {
        "parameters": run.parameters,
        "validation_accuracy": float(run.history["validation_accuracy"].iloc[-1]),
        "test_accuracy": run.evaluate("test"),
        "seconds": float(run.history["seconds"].sum()),
    }
