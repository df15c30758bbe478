"""Does a quadratic network choose polynomials that are invariant?

python -m training.studies.invariant_energy --dataset=mnist

A trial trains `quadratic_mlp` by its recipe, on upright images or on images turned by any angle,
and measures which share of the energy of its quadratic forms is invariant under groups that act
exactly, before training and after. `python -m training.energy` measures the same of a finished run.
"""

from training.experiments import Setting, Study, main

STUDY = Study(
    name="invariant_energy",
    question="Does a quadratic network choose invariant polynomials?",
    axes={"dataset": ["mnist_5k"], "training": ["upright", "turned"]},
    options={"dataset": ["mnist", "fashion_mnist"]},
    settings={
        "rank": Setting(512, "Quadratic forms of the network.", 1),
        "epochs": Setting(5, "Passes over the training split.", 1),
    },
    trial="training.studies.invariant_energy.trial:trial",
    report="training.studies.invariant_energy.report:report",
)

if __name__ == "__main__":
    main(STUDY)
