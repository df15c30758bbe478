"""The zoo, network by network: how well each does, upright and turned, each by its own recipe.

python -m training.studies.zoo --dataset=mnist

A trial is what `python -m training.train` does: it trains on upright images by the network's recipe
(training/engine/recipes.py) and scores the last epoch's weights once on the test set, as it is and
turned by 24 angles that no group of rotations here holds (5, 20, ..., 350 degrees).

Parameters and recipes differ between the networks: the table ranks recipes as much as ideas.
"""

from training.cli.choices import NETWORKS
from training.experiments import Setting, Study, main

# Variants of networks beside them, one that is told in a study of its own, and small ones.
OPTIONS = (
    "polynomial_mlp",
    "gated_mlp",
    "row_attention",
    "dct_mlp",
    "patch_mlp",
    "mixer_mlp",
    "kronecker_mlp",
    "row_recurrent",
    "hashed_mlp",
    "lipschitz_mlp",
    "synchronous_network",
)

STUDY = Study(
    name="zoo",
    question="How well does each network do, on upright digits and on turned ones?",
    axes={
        "dataset": ["mnist_5k"],
        "network": [name for name in NETWORKS if name not in OPTIONS],
    },
    options={
        "dataset": ["mnist", "fashion_mnist", "mnist_rot"],
        "network": OPTIONS,
    },
    settings={"epochs": Setting(0, "Passes over the training split; 0: as each recipe says.", 0)},
    trial="training.studies.zoo.trial:trial",
    report="training.studies.zoo.report:report",
)

if __name__ == "__main__":
    main(STUDY)
