"""Does it matter how the random features of a kernel are drawn?

python -m training.studies.kernel_features

Ridge regression of classes on m features of the Gaussian kernel of digits: cosines and sines of
frequencies drawn from the kernel's density (normal), in orthogonal blocks (orthogonal), or chosen
by their leverage among four times as many (leverage); beside scikit-learn's RBFSampler (one cosine
a frequency, with a random phase) and Nystroem (kernels of m images). Width and ridge are chosen
on the validation split, by each method and number for itself.
"""

from training.experiments import Study, main

STUDY = Study(
    name="kernel_features",
    question="Does it matter how the random features of a kernel are drawn?",
    axes={
        "dataset": ["mnist_5k"],
        "features": [64, 256, 1024],
        "method": ["normal", "orthogonal", "leverage", "RBFSampler", "Nystroem"],
    },
    options={"dataset": ["mnist", "fashion_mnist"], "features": [16, 4096]},
    seeds=(0, 1, 2, 3, 4),
    trial="training.studies.kernel_features.trial:trial",
    report="training.studies.kernel_features.report:report",
)

if __name__ == "__main__":
    main(STUDY)
