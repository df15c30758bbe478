"""Does one linear form have to modulate another by exp, in gates and in attention?

python -m training.studies.modulation --dataset=mnist,fashion_mnist

Family `mlp`: networks whose only nonlinearity is a product, at equal numbers of parameters: the
gates of `GatedDense`, and `ComodulationDense` with five kinds of alpha. Family `attention`: that
over the rows of an image, with softmax and with exp^[alpha] in the place of exp.

The learning rate of each is chosen on the validation split, with a seed that is not reported.
"""

from training.experiments import Ladder, Setting, Study, main
from training.experiments.rates import HALF_DECADES
from training.studies.modulation.variants import FAMILIES, cells

DOUBLED = tuple(1e-2 * 2.0**k for k in range(-6, 8))  # attention minds a factor of three

STUDY = Study(
    name="modulation",
    question="Does one linear form have to modulate another by exp, in gates and in attention?",
    axes={
        "dataset": ["mnist_5k"],
        "family": list(FAMILIES),
        "variant": [variant for variants in FAMILIES.values() for variant in variants],
    },
    options={"dataset": ["mnist", "fashion_mnist"]},
    cells=cells,
    choose=Ladder(
        {"mlp": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), "attention": (5e-3, 1e-2, 2e-2, 4e-2)},
        axis="family",
        rungs={"mlp": HALF_DECADES, "attention": DOUBLED},
    ),
    seeds=(0, 1, 2, 3, 4),
    settings={"epochs": Setting(0, "Passes over the training split; 0: 6, attention 4.", 0)},
    trial="training.studies.modulation.trial:trial",
    report="training.studies.modulation.report:report",
)

if __name__ == "__main__":
    main(STUDY)
