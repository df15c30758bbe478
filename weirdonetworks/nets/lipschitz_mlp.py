"""A dense network that stretches no difference between images, by construction."""

from weirdonetworks import _checks
from weirdonetworks.functional.group_activations import sort_groups
from weirdonetworks.layers.orthogonal import OrthogonalDense
from weirdonetworks.nets.mlp import MLP


class LipschitzMLP(MLP):
    """x_l = sort(x_{l-1} Q_l + b_l), logits = x_L Q + b, with |f(x) - f(y)|_2 <= |x - y|_2.

    Images [batch, H, W, C], [batch, H, W] or [batch, features] -> [batch, num_classes]. All layers
    are `OrthogonalDense`, and `sort` puts each pair of neighbouring units in order (`sort_groups`):
    neither stretches, and the gradient of a logit keeps its length on the way back through layers
    that do not widen. The difference of two logits is sqrt(2)-Lipschitz, so that an image whose
    largest logit is m above the others keeps its class within an L2 distance of m / sqrt(2)
    (`stability.certified_radius`). With `dropout`, that rate is applied to each hidden layer in
    training; the bound is that of inference, where it does nothing.

    Source: Anil, Lucas and Grosse 2019, "Sorting out Lipschitz function approximation".
    """

    lipschitz_bound = 1.0

    def __init__(
        self,
        num_classes: int = 10,
        hidden_sizes: tuple[int, ...] = (256, 256),
        iterations: int = 10,
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for sizes that are not even integers >= 2, `iterations` (of each layer)
        that are not an integer >= 1, or a dropout rate outside [0, 1)."""
        self.iterations = _checks.integer("iterations", iterations, maximum=_checks.MOST_SIZES)
        super().__init__(
            num_classes=num_classes,
            hidden_sizes=hidden_sizes,
            activation=sort_groups,
            dropout=dropout,
            name=name,
        )
        for i, size in enumerate(self.hidden_sizes):
            if size % 2:
                raise ValueError(f"hidden_sizes[{i}] must be even, for units in pairs, got {size}")

    def _dense(self, index: int, size: int) -> OrthogonalDense:
        return OrthogonalDense(size, iterations=self.iterations, name=f"orthogonal_{index}")

    def retract(self) -> None:
        """Takes the matrix of each layer for its weights; see `OrthogonalDense.retract`."""
        for layer in self.layers:
            layer.retract()
