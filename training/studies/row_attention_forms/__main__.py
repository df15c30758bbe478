"""Which form of attention reads rows best, at equal numbers?

python -m training.studies.row_attention_forms --dataset=mnist

One block of attention over the rows of an image, in five forms with as many numbers (but for the 55
of the mask of toeplitz). The learning rate of each is chosen on the validation split, with a seed
that is not reported.
"""

from training.experiments import Ladder, Setting, Study, main

_SIZES = {"size": 16, "mlp_size": 32}
FORMS = {
    "softmax": {**_SIZES, "alpha": 1.0},
    "half exponential": {**_SIZES, "alpha": 0.5},
    "linear": {**_SIZES, "attention": "linear"},
    "galerkin": {**_SIZES, "attention": "galerkin"},
    "toeplitz": {**_SIZES, "attention": "toeplitz"},
}

STUDY = Study(
    name="row_attention_forms",
    question="Which form of attention reads rows best, at equal numbers?",
    axes={"dataset": ["mnist_5k"], "form": list(FORMS)},
    options={"dataset": ["mnist", "fashion_mnist"]},
    choose=Ladder((3e-3, 1e-2, 3e-2)),
    seeds=(0, 1, 2, 3, 4),
    settings={"epochs": Setting(5, "Passes over the training split.", 1)},
    trial="training.studies.row_attention_forms.trial:trial",
    report="training.studies.row_attention_forms.report:report",
)

if __name__ == "__main__":
    main(STUDY)
