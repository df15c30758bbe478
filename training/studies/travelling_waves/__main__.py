"""Does a travelling wave read digits as well as a recurrent cell of as many numbers?

python -m training.studies.travelling_waves --dataset=mnist

Rows of an image drive a ring of 59 places, whose memory is a neural field, at rest or in a medium
that moves, with the field and without; beside them `RowRecurrent` of as many numbers. The learning
rate of each is chosen on the validation split, with a seed that is not reported.
"""

from training.experiments import Ladder, Setting, Study, main

# Arguments of `WaveReader`; None: RowRecurrent.
READERS = {
    "recurrent": None,
    "wave": {},
    "drifting wave": {"drift": 1},
    "still": {"still": True},
    "drifting, still": {"drift": 1, "still": True},
}

STUDY = Study(
    name="travelling_waves",
    question="Does a travelling wave read digits as well as a recurrent cell of as many numbers?",
    axes={"dataset": ["mnist_5k"], "reader": list(READERS)},
    options={"dataset": ["mnist", "fashion_mnist"]},
    choose=Ladder((1e-2, 3e-2, 1e-1)),
    seeds=(0, 1, 2, 3, 4),
    settings={"epochs": Setting(8, "Passes over the training split.", 1)},
    trial="training.studies.travelling_waves.trial:trial",
    report="training.studies.travelling_waves.report:report",
)

if __name__ == "__main__":
    main(STUDY)
