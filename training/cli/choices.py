"""Names that the command line knows before TensorFlow is imported; a test compares them."""

NETWORKS = (
    "mlp",
    "quadratic_mlp",
    "polynomial_mlp",
    "synchronous_mlp",
    "posynomial_mlp",
    "signomial_mlp",
    "autoactivation_mlp",
    "comodulation_mlp",
    "gated_mlp",
    "row_attention",
    "dynamic_mlp",
)
DATASETS = ("mnist_5k", "mnist", "fashion_mnist", "mnist_rot")
OPTIMIZERS = ("adam", "sgd", "momentum", "rmsprop", "eg")
SCHEDULES = ("constant", "linear", "cosine")
STEPS = ("plain", "augment", "penalty", "projected", "dream")
ACTIONS = ("rotation", "shift_x", "shift_y", "scale", "shear")
