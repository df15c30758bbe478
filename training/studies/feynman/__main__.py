"""Which physical laws does the posynomial regression find, blindly, and at what noise?

Each of the 100 Feynman equations is fitted from a sample and the variables' names. All laws with
one seed at one noise take six to ten minutes on one core.
"""

from training.experiments import Setting, Study, main
from training.fitting.laws.names import NAMES

STUDY = Study(
    name="feynman",
    question="Which physical laws does the posynomial regression find, blindly?",
    axes={"law": NAMES, "noise": (0, 0.001, 0.01, 0.1)},
    seeds=range(10),
    settings={"points": Setting(10_000, "Rows that each fit gets.", 1)},
    trial="training.studies.feynman.trial:trial",
    report="training.studies.feynman.report:report",
)

if __name__ == "__main__":
    main(STUDY)
