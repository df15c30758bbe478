"""How few hidden units of a trained network are enough for its readout, and who finds them?

python -m training.studies.sparse_readout

An MLP is trained once for each seed. Units of its last hidden layer are then chosen: by matching
pursuit (`layers.SparseReadout`), by the size of their weights in the trained readout times their
standard deviation (magnitude), as the first to enter the path of a lasso of all classes together
(lasso, scikit-learn's), or at random. The readout of the chosen is fitted anew by least squares
of the classes, alike for all.
"""

from training.experiments import Setting, Study, main

STUDY = Study(
    name="sparse_readout",
    question="How few hidden units of a trained network are enough for its readout?",
    axes={"dataset": ["mnist_5k"], "method": ["pursuit", "lasso", "magnitude", "random"]},
    options={"dataset": ["mnist", "fashion_mnist"]},
    seeds=(0, 1, 2, 3, 4),
    settings={
        "epochs": Setting(10, "Passes over the training split.", 1),
        "width": Setting(256, "Units of each of two hidden layers.", 2),
        "rows": Setting(5000, "Training images by which units are chosen, at most.", 20),
    },
    trial="training.studies.sparse_readout.trial:trial",
    report="training.studies.sparse_readout.report:report",
)

if __name__ == "__main__":
    main(STUDY)
