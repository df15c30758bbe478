"""How much of attention is in the covariances of queries, keys and values, by size?

python -m training.studies.rainbow_attention --dataset=mnist

`RowAttention` of one block and two heads, of several sizes, trained alike. From each, networks are
drawn (`analysis.sample_attention`): with the covariances of its heads and hidden units, aligned to
it; the same with queries and keys apart; without alignment; and white ones, which keep no more than
the size of the weights, aligned as well.
"""

from training.experiments import Setting, Study, main

# Arguments of `sample_attention`, by what it does.
DRAWS = {
    "aligned": {},
    "apart": {"paired": False},
    "unaligned": {"aligned": False},
    "white": {"coloured": False},
}

STUDY = Study(
    name="rainbow_attention",
    question="How much of attention is in the covariances of queries, keys and values, by size?",
    axes={"size": [8, 16, 32, 64], "dataset": ["mnist_5k"]},
    options={"size": [4, 128, 256], "dataset": ["mnist", "fashion_mnist"]},
    settings={
        "epochs": Setting(6, "Passes over the training images.", 1),
        "images": Setting(10_000, "Training images, at most.", 100),
        "draws": Setting(3, "Networks of each kind that are drawn from a trained one.", 1),
        "aligning": Setting(1000, "Training images on which networks are aligned, at most.", 10),
    },
    trial="training.studies.rainbow_attention.trial:trial",
    report="training.studies.rainbow_attention.report:report",
)

if __name__ == "__main__":
    main(STUDY)
