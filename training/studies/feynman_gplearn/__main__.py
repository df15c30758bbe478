"""Does gplearn's genetic programming find the laws that the posynomial regression finds?

On the same rows and by the same rule: in as much time as the regression takes, and in --budget
seconds. By default the first and the last law of each class in reach, without noise. gplearn must
be installed: pip install gplearn.
"""

from training.experiments import Setting, Study, main
from training.fitting.laws.names import NAMES

# The first and the last law of each class in reach, in the table's order.
LAWS = ("I.12.1", "III.21.20", "I.11.19", "II.37.1", "I.13.12", "II.2.42", "I.8.14", "III.10.19")

STUDY = Study(
    name="feynman_gplearn",
    question="Does gplearn find the laws that the posynomial regression finds?",
    axes={"law": LAWS, "noise": (0,)},
    options={
        "law": [name for name in NAMES if name not in LAWS],
        "noise": (0.001, 0.01, 0.1),
    },
    seeds=(0,),
    settings={
        "points": Setting(10_000, "Rows that each fit gets.", 1),
        "budget": Setting(30.0, "Seconds of CPU that gplearn gets in its second run.", 1e-3),
    },
    trial="training.studies.feynman_gplearn.trial:trial",
    report="training.studies.feynman_gplearn.report:report",
)

if __name__ == "__main__":
    main(STUDY)
