"""Is a complex network better than a real one of as many numbers, and only where phases are random?

python -m training.studies.complex_digits

Digits as a scanner of magnetic resonance measures them (training/data/mnist_kspace.py): all lines
of frequencies, each second or each fourth one; with no phase at all, with a global phase of each
digit's own, or with that and the smooth phase of a coil. The learning rate of each is chosen on the
validation split, with a seed that is not reported.
"""

import itertools

from training.experiments import Ladder, Setting, Study, main

PHASES = ("none", "global", "coil")
KINDS = ("real", "complex", "moduli")


def cells(axes) -> list[dict]:
    """All, but for a global phase alone: there, of whole scans only."""
    product = itertools.product(*axes.values())
    found = [dict(zip(axes, values, strict=True)) for values in product]
    return [cell for cell in found if cell["phase"] != "global" or cell["step"] == 1]


STUDY = Study(
    name="complex_digits",
    question="Is a complex network better than a real one of as many numbers, by phase?",
    axes={"dataset": ["mnist"], "phase": list(PHASES), "step": [1, 2, 4], "kind": list(KINDS)},
    options={"dataset": ["mnist_5k", "fashion_mnist"]},
    cells=cells,
    choose=Ladder((1e-3, 3e-3, 1e-2)),
    settings={
        "epochs": Setting(8, "Passes over the training split.", 1),
        "units": Setting(50, "Of each of two hidden layers of the complex network.", 1),
    },
    trial="training.studies.complex_digits.trial:trial",
    report="training.studies.complex_digits.report:report",
)

if __name__ == "__main__":
    main(STUDY)
