"""How the accuracy of networks drawn from a trained one's covariances grows with width.

python -m training.studies.rainbow_widths --dataset=mnist

MLPs of two hidden layers of equal width, each width with every seed, trained alike. From each,
networks are drawn: with the covariances of its layers, aligned to it; the same without alignment;
and white ones, which keep no more than the size of the weights. Each is scored with the trained
last layer and with one that is fitted anew. For pairs of seeds: how far the networks are rotations
of each other. See `training.analyse`, and Guth, Menard, Rochette and Mallat 2023.
"""

from training.experiments import Setting, Study, main

STUDY = Study(
    name="rainbow_widths",
    question="How much of a trained network is in the covariances of its layers, by width?",
    axes={"width": [64, 256, 1024], "dataset": ["mnist_5k"]},
    options={
        "width": [4, 8, 16, 32, 128, 512, 2048],
        "dataset": ["mnist", "fashion_mnist", "mnist_rot"],
    },
    settings={
        "epochs": Setting(5, "Passes over the training split.", 1),
        "draws": Setting(3, "Networks of each kind that are drawn from a trained one.", 1),
        "images": Setting(10_000, "Training images on which networks are aligned, at most.", 1),
        "partners": Setting(
            2,
            "How many trainings, of the seeds just below its own, each network is aligned with: of "
            "seeds 0, 1, 2 all pairs. They are trained again for it.",
            0,
        ),
    },
    trial="training.studies.rainbow_widths.trial:trial",
    report="training.studies.rainbow_widths.report:report",
)

if __name__ == "__main__":
    main(STUDY)
