"""How accurate posynomials of posynomials become as they grow in terms and in depth.

python -m training.studies.posynomial_growth --dataset=mnist --seeds=0

Networks of the zoo with their recipes, but for the number of epochs, which is smaller here.
`posynomial_mlp-convex` has nonnegative exponents after the first layer, so that its logits are
log-log convex; with one layer it is `posynomial_mlp` again. `signomial_mlp` takes the difference of
two posynomials for the score of a class.
"""

from training.experiments import Setting, Study, main

STUDY = Study(
    name="posynomial_growth",
    question="What do more terms and more layers bring a network of posynomials?",
    axes={
        "network": ["posynomial_mlp", "posynomial_mlp-convex", "signomial_mlp"],
        "depth": [1, 2, 3],
        "num_terms": [16, 64, 256, 1024],
        "dataset": ["mnist_5k"],
    },
    options={
        "depth": [4, 5, 6],
        "num_terms": [2, 4, 8, 32, 128, 512, 2048, 4096],
        "dataset": ["mnist", "fashion_mnist", "mnist_rot"],
    },
    settings={"epochs": Setting(5, "Passes over the training split.", 1)},
    trial="training.studies.posynomial_growth.trial:trial",
    report="training.studies.posynomial_growth.report:report",
)

if __name__ == "__main__":
    main(STUDY)
