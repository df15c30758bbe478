"""A step that keeps operator norms small: those of matrices, and that of the Jacobian."""

import dataclasses

import sonnet as snt
import tensorflow as tf

from training.data.transformations import Draw
from training.engine.plain import Distorted, Outcome
from training.engine.power_iteration import (
    curvature_product,
    identity_metric,
    jacobian_product,
    power_iteration,
    unit,
)
from weirdonetworks import _checks


def squared_norms(network: snt.Module, draw: Draw, iterations: int) -> list[tf.Tensor]:
    """|W|_2^2 of each trainable matrix, from below: |W v|^2 by power iteration from a random v."""
    matrices = [w for w in network.trainable_variables if w.shape.rank == 2]
    if not matrices:
        raise ValueError(
            "step spectral must be given a network with trainable matrices, or weight=0, "
            f"got {type(network).__name__}"
        )
    squares = []
    for i, w in enumerate(matrices):
        start = draw.fork(i).uniform([1, w.shape[1]], w.dtype)
        product = lambda v, w=w: tf.matmul(tf.matmul(v, w, transpose_b=True), w)  # noqa: E731
        v = power_iteration(product, start, iterations)
        squares.append(tf.reduce_sum(tf.square(tf.matmul(v, w, transpose_b=True))))
    return squares


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spectral(Distorted):
    """The gradient of objective + weight sum_l |W_l|_2^2 + jacobian_weight mean |J(x)|_2^2.

    W_l are the trainable matrices, whatever the network makes of them (numbers in other shapes, as
    in a hashed layer, have no norm here, and that of an orthogonal layer's weights does nothing);
    J(x) is the Jacobian of the logits at each image, of the network as it is used (without
    dropout); the norms are operator norms, by power iterations from a random start, which is
    another one at each step: nothing has to be kept. The loss is the sum. Arguments of
    `Transformations` move the images first; by default none does.

    Source: Yoshida and Miyato 2017, "Spectral norm regularization for improving the
    generalizability of deep learning" (layers, with a vector kept from step to step); Roth, Kilcher
    and Hofmann 2020, "Adversarial training is a form of data-dependent operator norm
    regularization" (at the data).

    Attributes:
      weight: of the norms of matrices, >= 0.
      jacobian_weight: of the norm of the Jacobian, >= 0; 0 costs nothing.
      iterations: for a matrix, >= 1. Too few give a norm that is too small, and are still a
        descent on it.
      jacobian_iterations: for a Jacobian, >= 1, each as long as a step of the plain training.
    """

    weight: float = 0.01
    jacobian_weight: float = 0.0
    iterations: int = 10
    jacobian_iterations: int = 1

    def __post_init__(self):
        super().__post_init__()
        for name in ("weight", "jacobian_weight"):
            _checks.number(name, getattr(self, name), 0, float("inf"), open_high=True)
        for name in ("iterations", "jacobian_iterations"):
            _checks.integer(name, getattr(self, name))

    def act(self, network, objective, images, labels, draw: Draw) -> Outcome:
        def f(x):
            return network(x, is_training=False)

        u = None
        if self.jacobian_weight:
            shape = tf.shape(images)
            start = tf.reshape(draw.fork(0).uniform(shape, images.dtype), shape)
            start = tf.ensure_shape(start, images.shape)
            product = lambda v: curvature_product(f, images, v, identity_metric)  # noqa: E731
            v = power_iteration(product, start, self.jacobian_iterations)
            u = tf.stop_gradient(unit(jacobian_product(f, images, v)[1]))
        with tf.GradientTape() as tape:
            logits = network(images, is_training=True)
            loss = objective(logits, labels)
            if self.weight:
                squares = squared_norms(network, draw.fork(1), self.iterations)
                loss += self.weight * tf.cast(tf.add_n(squares), loss.dtype)
            if u is not None:  # |J^T u|, as gradients of J v are slow to compile and to run
                with tf.GradientTape(watch_accessed_variables=False) as inner:
                    inner.watch(images)
                    y = f(images)
                moved = inner.gradient(y, images, u, tf.UnconnectedGradients.ZERO)
                axes = list(range(1, images.shape.rank))
                loss += self.jacobian_weight * tf.reduce_mean(tf.reduce_sum(moved**2, axis=axes))
        return Outcome(loss, logits, tape.gradient(loss, network.trainable_variables))
