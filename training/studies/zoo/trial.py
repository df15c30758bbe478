"""One network with one seed, scored upright and turned."""

from typing import Any

from training.engine import fit
from training.engine.evaluation import by_angle
from training.engine.scoring import ANGLES


def trial(axes: dict[str, Any], seed: int, choice: None, *, epochs: int) -> dict[str, Any]:
    """Trains by the network's recipe; the table `angles` holds the accuracy at each angle.

    Raises FloatingPointError if the training diverges.
    """
    overrides = {"epochs": epochs} if epochs else {}
    run = fit(axes["network"], axes["dataset"], seed=seed, progress=False, **overrides)
    turned = by_angle(run)
    row = {
        "test_accuracy": run.evaluate("test"),
        "validation_accuracy": run.history["validation_accuracy"].iloc[-1],
        "rotated_accuracy": turned.mean(),
        "worst_rotated_accuracy": turned.min(),
        "parameters": run.parameters,
        "epochs": run.config["epochs"],
        "optimizer": run.config["optimizer"],
        "learning_rate": run.config["learning_rate"],
        "seconds": run.history["seconds"].sum(),
    }
    angles = [
        {"degrees": degrees, "accuracy": accuracy}
        for degrees, accuracy in zip(ANGLES, turned, strict=True)
    ]
    return {"runs": [row], "angles": angles}
