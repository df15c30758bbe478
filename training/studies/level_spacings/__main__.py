"""Do the levels of weights go on repelling as those of random matrices, while a network learns?

python -m training.studies.level_spacings --dataset=mnist

MLPs of two hidden layers of 300 units, trained by five steps, looked at before training and after
1, 2, 4, .. epochs. Of each hidden layer: the mean ratio of neighbouring gaps in the bulk of its
singular values, and how many are outliers. The step lipschitz needs a network whose matrices are
orthogonal, with singular values that are all 1: there, the levels are the angles of the eigenvalues
of the square matrix.
"""

from training.experiments import Setting, Study, main

# Fields of the recipe that differ from those of all steps, which are not chosen for any.
STEPS = {
    "plain": {},
    "adversarial": {"step_args": {"num_steps": 3}},
    "virtual_adversarial": {},
    "spectral": {},
    "lipschitz": {"learning_rate": 1e-2, "step_args": {"radius": 1.58, "temperature": 16.0}},
}

STUDY = Study(
    name="level_spacings",
    question="Do the levels of weights go on repelling as random ones while a network learns?",
    axes={"dataset": ["mnist_5k"], "step": list(STEPS)},
    options={"dataset": ["mnist", "fashion_mnist"]},
    settings={
        "epochs": Setting(8, "Passes over the training images.", 1),
        "images": Setting(5000, "Training images, at most.", 100),
        "width": Setting(300, "Of both hidden layers; even.", 8),
    },
    trial="training.studies.level_spacings.trial:trial",
    report="training.studies.level_spacings.report:report",
)

if __name__ == "__main__":
    main(STUDY)
