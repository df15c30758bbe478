"""What makes a network invariant under rotations that it has not seen: five steps compared.

python -m training.studies.invariance_steps --dataset=mnist

`augment` trains on digits turned by any angle, with their labels. The others know labels of upright
digits only: `penalty` adds the transformation variance V of the logits to the loss; `projected`
removes from the gradient of the loss its part along the gradient of V; `dream` lowers V between the
updates. See `training.engine.steps`. Further variants are what might make the projection work.
"""

from training.cli.choices import NETWORKS
from training.experiments import Setting, Study, main

STUDY = Study(
    name="invariance_steps",
    question="Which training step makes a network invariant under rotations, and at what cost?",
    axes={
        "network": ["mlp", "synchronous_mlp"],
        "variant": ["plain", "augment", "penalty", "projected", "dream"],
        "dataset": ["mnist_5k"],
    },
    options={
        "network": [name for name in NETWORKS if name not in ("mlp", "synchronous_mlp")],
        "variant": [
            "plain-invariant_start",
            "projected-invariant_start",
            "projected-8_directions",
            "projected-per_layer",
            "plain-sgd",
            "projected-sgd",
        ],
        "dataset": ["mnist", "fashion_mnist", "mnist_rot"],
    },
    settings={
        "epochs": Setting(
            0, "Passes over the training split; 0: 2 of synchronous_mlp, 5 of all others.", 0
        )
    },
    trial="training.studies.invariance_steps.trial:trial",
    report="training.studies.invariance_steps.report:report",
)

if __name__ == "__main__":
    main(STUDY)
