"""Do other methods find the laws that the posynomial regression finds, in seconds and blindly?

gplearn and Operon on the same rows and by the same rule, in --budget seconds of CPU for each law,
the regression in the time it takes; and scipy's curve_fit, which is given the law's form, as the
bound for accuracy. All laws at both noises take some forty minutes of one core. gplearn and
pyoperon must be installed: pip install gplearn pyoperon.
"""

from training.experiments import Setting, Study, main
from training.fitting.laws.names import NAMES

STUDY = Study(
    name="feynman_others",
    question="Do gplearn and Operon find the laws that the posynomial regression finds?",
    axes={"law": NAMES, "noise": (0, 0.01)},
    options={"noise": (0.001, 0.1)},
    seeds=(0,),
    settings={
        "points": Setting(10_000, "Rows that each fit gets.", 1),
        "budget": Setting(5.0, "Seconds of CPU that gplearn and Operon get each.", 1e-3),
    },
    trial="training.studies.feynman_others.trial:trial",
    report="training.studies.feynman_others.report:report",
)

if __name__ == "__main__":
    main(STUDY)
