"""Which activation is best, and does it matter? All of the library's, in two networks.

python -m training.studies.activations --dataset=mnist_5k,mnist,fashion_mnist

Heats, on the first data set: every activation in an MLP, where it is all that is not linear, and in
the MLP of attention over the rows of an image, a residual branch, as in the transformers that some
were made for. Finals, on the further data sets, if any: the five with the best validation accuracy
of the heats, and ReLU and GELU. Networks differ in nothing else; maxout halves the width of hidden
layers, and so has fewer parameters. Data sets of fewer than 10,000 training images are seen for
more epochs, in smaller batches.

The learning rate of each is chosen on the validation split, with a seed that is not reported.
"""

from training.experiments import Ladder, Setting, Study, main
from training.studies.activations.finals import finals, heats
from training.studies.activations.networks import NETWORKS, RATES

ACTIVATIONS = (
    "identity", "gelu", "gelu_tanh", "relu", "silu", "softplus", "tanh", "sigmoid", "half_exp",
    "stochastic_gelu", "ramp_normal", "ramp_cauchy", "ramp_uniform", "ramp_laplace",
    "ramp_student_t2", "gate_cauchy", "gate_uniform", "gate_laplace", "gate_student_t2",
    "and_tanh", "and_relu", "and_softplus", "or_tanh", "or_relu", "or_gelu", "layer_norm", "solu",
    "solu_layer_norm", "xexp_layer_norm", "maxout", "sort_groups", "group_softmax",
)  # fmt: skip

STUDY = Study(
    name="activations",
    question="Which activation is best, and does it matter?",
    axes={"dataset": ["mnist_5k"], "network": list(NETWORKS), "activation": ACTIVATIONS},
    options={"dataset": ["mnist", "fashion_mnist"]},
    cells=heats,
    then=finals,
    choose=Ladder(RATES, axis="network"),
    settings={"epochs": Setting(0, "Passes over the training split; 0: by network and data.", 0)},
    trial="training.studies.activations.trial:trial",
    report="training.studies.activations.report:report",
)

if __name__ == "__main__":
    main(STUDY)
