"""How fast does the accuracy of a mesh of interferometers fall with its phase errors?

python -m training.studies.phase_errors

Digits are told apart by light: their lowest frequencies go through two meshes with a rectifier
between them. Trained without errors, with others at each step, or on a device that has some, the
network is then put on devices whose phases are off by normal errors. The learning rate of each is
chosen on the validation split, with a seed that is not reported.
"""

from training.experiments import Ladder, Setting, Study, main

TRAININGS = ("without", "anew", "device")
NOISES = (0.0, 0.05, 0.1)  # of training, in radians


def cells(axes) -> list[dict]:
    """Trainings without errors have no noise, all others have some."""
    return [
        {"dataset": dataset, "training": training, "noise": noise}
        for dataset in axes["dataset"]
        for training in axes["training"]
        for noise in axes["noise"]
        if (training == "without") == (noise == 0)
    ]


STUDY = Study(
    name="phase_errors",
    question="How fast does the accuracy of a mesh of interferometers fall with its phase errors?",
    axes={"dataset": ["mnist"], "training": list(TRAININGS), "noise": list(NOISES)},
    options={"dataset": ["mnist_5k", "fashion_mnist"], "noise": [0.2]},
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
