"""The two networks in which activations are compared, and how they are trained."""

from typing import Any, NamedTuple

NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"hidden_sizes": (100, 100), "dropout": 0.0},
    "row_attention": {"size": 16, "mlp_size": 64, "alpha": 1.0, "dropout": 0.0},
}
RATES = {"mlp": (1e-3, 3e-3, 1e-2, 3e-2), "row_attention": (3e-3, 1e-2, 3e-2, 1e-1)}


class Effort(NamedTuple):
    """How long a network is trained."""

    epochs: dict[str, int]
    batch_size: int


FEW = Effort({"mlp": 20, "row_attention": 15}, 50)
MANY = Effort({"mlp": 10, "row_attention": 6}, 100)


def effort(images: int) -> Effort:
    """That of a data set with this number of training images."""
    return FEW if images < 10_000 else MANY
