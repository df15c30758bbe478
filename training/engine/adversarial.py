"""Steps against adversaries: images are moved to where the loss is largest, within a radius."""

import dataclasses

import tensorflow as tf

from training.data.transformations import Draw
from training.engine.plain import Distorted, Outcome, plain
from training.engine.power_iteration import (
    Function,
    curvature_product,
    fisher_metric,
    power_iteration,
    unit,
)
from weirdonetworks import _checks

NORMS = ("l2", "linf")


def ascend(
    slope: Function,
    images: tf.Tensor,
    start: tf.Tensor,
    norm: str,
    radius: float,
    num_steps: int,
    step_size: float,
) -> tf.Tensor:
    """x <- P(x + step_size u(slope(x))) from P(images + start): projected, normalised ascent.

    u: g / |g|_2 for l2, sign(g) for linf. P: onto the ball about the images, then onto [0, 1],
    which takes nothing out of the ball, as the images are in [0, 1].
    """

    def project(x):
        moved = x - images
        if norm == "linf":
            moved = tf.clip_by_value(moved, -radius, radius)
        else:
            length = tf.sqrt(tf.reduce_sum(moved**2, axis=_axes(moved), keepdims=True))
            moved = tf.where(length > radius, radius * unit(moved), moved)
        return tf.clip_by_value(images + moved, 0, 1)

    def climb(i, x):
        g = slope(x)
        return i + 1, project(x + step_size * (tf.sign(g) if norm == "linf" else unit(g)))

    first = (tf.constant(0), project(images + start))
    return tf.while_loop(lambda i, _: i < num_steps, climb, first)[1]


def _axes(x: tf.Tensor) -> list[int]:
    return list(range(1, x.shape.rank))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adversarial(Distorted):
    """The gradient of the objective at max over |d| <= radius of the objective of x + d in [0, 1].

    The maximum is looked for by `ascend`, on the network as it is used (without dropout). Loss and
    logits are those of the moved images. Arguments of `Transformations` move the images first; by
    default none does.

    Source: Madry et al. 2018, "Towards deep learning models resistant to adversarial attacks"; for
    one step of linf Goodfellow, Shlens and Szegedy 2015, "Explaining and harnessing adversarial
    examples". Inside one linear region the ascent is the power method on the Jacobian (Roth,
    Kilcher and Hofmann 2020, "Adversarial training is a form of data-dependent operator norm
    regularization").

    Attributes:
      norm: "l2" or "linf".
      radius: of the ball, >= 0, in the units of pixels in [0, 1].
      num_steps: of the ascent, >= 1.
      step_size: > 0 in the same units, by default 2.5 radius / num_steps, as Madry et al. take it.
      random_start: whether the ascent begins at a random place of the ball. (For l2 the length is
        uniform, and the direction that of uniform numbers.)
    """

    norm: str = "l2"
    radius: float = 1.0
    num_steps: int = 5
    step_size: float | None = None
    random_start: bool = True

    def __post_init__(self):
        super().__post_init__()
        _checks.choice("norm", self.norm, NORMS)
        _checks.number("radius", self.radius, 0, float("inf"), open_high=True)
        _checks.integer("num_steps", self.num_steps)
        if self.step_size is not None:
            _checks.positive("step_size", self.step_size)
        _checks.flag("random_start", self.random_start)

    def act(self, network, objective, images, labels, draw: Draw) -> Outcome:
        def slope(x):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(x)
                loss = objective(network(x, is_training=False), labels)
            return tape.gradient(loss, x)

        return plain(network, objective, self.attack(slope, images, draw), labels)

    def attack(self, slope: Function, images: tf.Tensor, draw: Draw) -> tf.Tensor:
        """Images in the ball at which what has the gradient slope(x) is large."""
        start = tf.zeros_like(images)
        if self.random_start:
            start = draw.fork(0).uniform(tf.shape(images), images.dtype)
            if self.norm == "l2":
                ones = [1] * (images.shape.rank - 1)
                length = draw.fork(1).uniform([tf.shape(images)[0], *ones], images.dtype)
                start = tf.abs(length) * unit(tf.reshape(start, tf.shape(images)))
            start = tf.ensure_shape(self.radius * start, images.shape)
        size = 2.5 * self.radius / self.num_steps if self.step_size is None else self.step_size
        moved = ascend(slope, images, start, self.norm, self.radius, self.num_steps, size)
        return tf.stop_gradient(moved)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VirtualAdversarial(Distorted):
    """The gradient of objective + weight mean KL(p(x) || p(x + radius v)), p the softmax.

    v is the unit vector along which the divergence grows fastest, without labels: the leading
    eigenvector of its Hessian J^T (diag p - p p^T) J at v = 0, by `iterations` of the power method
    from a random start. p(x) is held fixed; both are of the network as it is used (without
    dropout). The loss is the sum; x + radius v may leave [0, 1]. Arguments of `Transformations`
    move the images first; by default none does.

    Source: Miyato et al. 2016, "Distributional smoothing with virtual adversarial training". They
    take the Hessian by finite differences, we exactly, by forward and backward derivatives.

    Attributes:
      radius: >= 0, in the units of pixels in [0, 1].
      weight: of the divergence, >= 0.
      iterations: >= 1.
    """

    radius: float = 1.0
    weight: float = 1.0
    iterations: int = 1

    def __post_init__(self):
        super().__post_init__()
        for name in ("radius", "weight"):
            _checks.number(name, getattr(self, name), 0, float("inf"), open_high=True)
        _checks.integer("iterations", self.iterations)

    def direction(self, network, images: tf.Tensor, draw: Draw) -> tf.Tensor:
        """v for each image."""

        def f(x):
            return network(x, is_training=False)

        start = tf.reshape(draw.uniform(tf.shape(images), images.dtype), tf.shape(images))
        start = tf.ensure_shape(start, images.shape)
        product = lambda v: curvature_product(f, images, v, fisher_metric)  # noqa: E731
        return power_iteration(product, start, self.iterations)

    def act(self, network, objective, images, labels, draw: Draw) -> Outcome:
        moved = images + self.radius * self.direction(network, images, draw)
        log_p = tf.nn.log_softmax(tf.stop_gradient(network(images, is_training=False)))
        with tf.GradientTape() as tape:
            logits = network(images, is_training=True)
            log_q = tf.nn.log_softmax(network(moved, is_training=False))
            divergence = tf.reduce_mean(tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=1))
            loss = objective(logits, labels) + self.weight * divergence
        return Outcome(loss, logits, tape.gradient(loss, network.trainable_variables))
