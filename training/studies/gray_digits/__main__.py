"""How many bits of a pixel do digits need, and in which code?

python -m training.studies.gray_digits --dataset=mnist

MLPs of one hidden layer and about 50,000 numbers on the first bits of each pixel: as digits of
Gray's code, as binary digits, and rounded to so many bits, one number a pixel; beside the
grey value as it is. More digits a pixel leave fewer hidden units. The learning rate of each is
chosen on the validation split, with a seed that is not reported.
"""

from training.experiments import Ladder, Setting, Study, main

GREY = "grey value"
CODES = ("gray", "binary", "rounded")
ALL = 8  # bits of a pixel


def cells(axes):
    """One bit is the same in all codes, and all bits are the grey value."""
    found = []
    for dataset in axes["dataset"]:
        for bits in axes["bits"]:
            codes = [GREY] if bits == ALL else CODES[:1] if bits == 1 else CODES
            chosen = [code for code in codes if code in axes["code"]]
            found += [{"dataset": dataset, "bits": bits, "code": code} for code in chosen]
    return found


STUDY = Study(
    name="gray_digits",
    question="How many bits of a pixel do digits need, and in which code?",
    axes={"dataset": ["mnist_5k"], "bits": [1, 2, 3, 4, ALL], "code": [*CODES, GREY]},
    options={"dataset": ["mnist", "fashion_mnist"]},
    cells=cells,
    choose=Ladder((3e-3, 1e-2)),
    settings={"epochs": Setting(3, "Passes over the training split.", 1)},
    trial="training.studies.gray_digits.trial:trial",
    report="training.studies.gray_digits.report:report",
)

if __name__ == "__main__":
    main(STUDY)
