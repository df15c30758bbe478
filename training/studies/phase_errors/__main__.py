"""How fast does the accuracy of a mesh of interferometers fall with its phase errors?

python -m training.studies.phase_errors

Digits are told apart by light: their lowest frequencies go through two meshes with a rectifier
between them. Trained without errors, with others at each step, or on a device that has some, the
network is then put on devices whose phases are off by normal errors. The learning rate of each is
chosen on the validation split, with a seed that is not reported.
"""

from training.experiments import Ladder, Setting, Study, main

# And the standard deviation of the errors that they see, in radians.
TRAININGS = {"without": (0.0,), "anew": (0.05, 0.1), "device": (0.1,)}
NOISES = (0.0, 0.05, 0.1)


def cells(axes) -> list[dict]:
    """Each training with its errors."""
    return [
        {"dataset": dataset, "training": training, "noise": noise}
        for dataset in axes["dataset"]
        for training in axes["training"]
        for noise in axes["noise"]
        if noise in TRAININGS[training]
    ]


STUDY = Study(
    name="phase_errors",
    question="How fast does the accuracy of a mesh of interferometers fall with its phase errors?",
    axes={"dataset": ["mnist"], "training": list(TRAININGS), "noise": list(NOISES)},
    options={"dataset": ["mnist_5k", "fashion_mnist"]},
    cells=cells,
    choose=Ladder((1e-2, 3e-2), rungs=(1e-2, 3e-2, 1e-1)),
    settings={
        "epochs": Setting(3, "Passes over the training split.", 1),
        "side": Setting(6, "Of the square of frequencies that are modes.", 4),
        "devices": Setting(5, "On how many devices each network is put, for each noise.", 1),
    },
    trial="training.studies.phase_errors.trial:trial",
    report="training.studies.phase_errors.report:report",
)

if __name__ == "__main__":
    main(STUDY)
