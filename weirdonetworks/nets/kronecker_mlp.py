"""A network whose hidden layers act on the rows and the columns of an image."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import Linear, once
from weirdonetworks.functional.activations import Activation
from weirdonetworks.layers.activation import activate, create_activation
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.kronecker import KroneckerDense


class KroneckerMLP(Module):
    """X_l = phi(sum_r A_lr X_{l-1} B_lr + C_l), logits = W vec(X_L) + b.

    Images [batch, H, W, C] or [batch, H, W], taken as matrices X_0 of H rows of W C numbers ->
    [batch, num_classes]. Hidden layers are `KroneckerDense` of `num_terms` terms, whose outputs
    are matrices of `hidden_shapes`.
    """

    def __init__(
        self,
        num_classes: int = 10,
        hidden_shapes: tuple[tuple[int, int], ...] = ((12, 12),),
        num_terms: int = 2,
        activation: str | Activation = "gelu",
        dropout: float = 0.0,
        name: str | None = None,
    ):
        """Raises ValueError for shapes that are not pairs of integers >= 1, numbers that are not
        integers >= 1, an unknown activation, or a dropout rate outside [0, 1)."""
        super().__init__(name=name)
        self.num_classes = _checks.integer("num_classes", num_classes)
        if not isinstance(hidden_shapes, (list, tuple)):
            raise ValueError(
                "hidden_shapes must be a sequence of pairs (rows, columns), "
                f"got {_checks.received(hidden_shapes)}"
            )
        self.hidden_shapes = tuple(
            _checks.image_shape(f"hidden_shapes[{i}]", shape, "(rows, columns)")
            for i, shape in enumerate(hidden_shapes)
        )
        self.num_terms = _checks.integer("num_terms", num_terms)
        self.activation = create_activation(activation)
        dropout = _checks.rate("dropout", dropout)
        self.layers = [
            KroneckerDense(shape, self.num_terms, name=f"kronecker_{i}")
            for i, shape in enumerate(self.hidden_shapes)
        ]
        self.dropouts = [Dropout(dropout, name=f"dropout_{i}") for i in range(len(self.layers))]
        self.head = Linear(self.num_classes, name="head")
        self.image_shape = None

    @once
    def _initialize(self, images: tf.Tensor):
        self.image_shape, self.input_dtype = tuple(images.shape[1:]), images.dtype

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        images = _tensor_checks.same_images(self, images)
        self._initialize(images)
        height, width, channels = images.shape[1:]
        x = tf.reshape(images, [-1, height, width * channels])
        for layer, dropout in zip(self.layers, self.dropouts, strict=True):
            x = dropout(activate(self.activation, layer(x), is_training), is_training)
        return self.head(tf.reshape(x, [-1, x.shape[1] * x.shape[2]]))
