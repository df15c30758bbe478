"""What one update does: a batch -> loss, logits and the gradients to apply.

A step is a function of (network, objective, images, labels, draw); what is random in it comes
from `draw`, and labels only ever belong to what the objective is given.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.data.transformations import Draw, Transformations, transformation_variance
from training.engine.adversarial import Adversarial, VirtualAdversarial
from training.engine.margins import Lipschitz
from training.engine.plain import Distorted, Outcome, Step, plain
from training.engine.plain import cross_entropy as cross_entropy
from training.engine.spectral import Spectral
from weirdonetworks import _checks, pretrained


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augment(Transformations):
    """The gradient of the objective on images that are transformed, each in a way of its own.

    Loss and logits are those of the transformed images. Arguments as of `Transformations`.
    """

    def __call__(self, network, objective, images, labels, draw: Draw) -> Outcome:
        return plain(network, objective, self.apply(images, draw), labels)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distill(Distorted):
    """The gradient of (1 - weight) objective + weight T^2 KL(p_T || q_T), T the temperature.

    p_T and q_T are the softmax of the logits over T, of a teacher and of the network, on the same
    images: transformed, if arguments of `Transformations` say so (none by default). The loss is
    the sum. Source: Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network".

    Attributes:
      teacher: the name of a network with weights on `dataset`, as `wn.list_networks` tells.
      dataset: on which the teacher was trained.
      recipe: by which, as `wn.list_networks` tells.
      weight: of what the teacher says, in [0, 1].
      temperature: T > 0.
    """

    teacher: str = "posynomial_mlp"
    dataset: str = "mnist"
    recipe: str = pretrained.DEFAULT
    weight: float = 0.5
    temperature: float = 4.0

    def __post_init__(self):
        super().__post_init__()
        known = dict.fromkeys(row["dataset"] for row in pretrained.table())
        _checks.choice("dataset", self.dataset, known)
        _checks.choice("teacher", self.teacher, wn.list_networks(pretrained=self.dataset))
        of = {"network": self.teacher, "dataset": self.dataset}
        kept = [row["recipe"] for row in pretrained.table() if of.items() <= row.items()]
        _checks.choice("recipe", self.recipe, kept)
        _checks.number("weight", self.weight, 0, 1)
        _checks.positive("temperature", self.temperature)

    def act(self, network, objective, images, labels, draw: Draw) -> Outcome:
        with tf.init_scope():
            teacher = _teacher(self.teacher, pretrained.key(self.dataset, self.recipe))
        try:
            told = tf.stop_gradient(teacher(images, is_training=False)) / self.temperature
        except ValueError as error:
            raise ValueError(
                f"teacher must take the images of the data, got {self.teacher}: {error}"
            ) from None
        with tf.GradientTape() as tape:
            logits = network(images, is_training=True)
            if logits.shape[1] != told.shape[1]:
                raise ValueError(
                    f"teacher must know the {logits.shape[1]} classes of the data, got "
                    f"{self.teacher} on {self.dataset}, which has {told.shape[1]}"
                )
            log_p, log_q = (tf.nn.log_softmax(x) for x in (told, logits / self.temperature))
            divergence = tf.reduce_mean(tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=1))
            loss = (1 - self.weight) * objective(logits, labels)
            loss += self.weight * self.temperature**2 * divergence
        return Outcome(loss, logits, tape.gradient(loss, network.trainable_variables))


@functools.lru_cache(maxsize=1)
def _teacher(name: str, key: str) -> snt.Module:
    return wn.create_network(name, pretrained=key)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Sampled(Transformations):
    """A step that estimates the transformation variance from `samples` >= 2 draws an image."""

    samples: int = 2

    def __post_init__(self):
        super().__post_init__()
        _checks.integer("samples", self.samples, minimum=2)

    def variance_gradient(self, network, images, draw: Draw) -> list[tf.Tensor]:
        """dV / dw for each of the trainable variables w."""
        with tf.GradientTape() as tape:
            variance = transformation_variance(network, images, self, draw, self.samples)
        return _gradient(tape, variance, network)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Penalty(_Sampled):
    """The gradient of objective + weight V, on upright images; V is the transformation variance.

    The loss is the sum of both. Further arguments as of `Transformations`.

    Attributes:
      weight: of V, >= 0, in units of the objective by squared units of the logits; the default
        was chosen on MNIST's validation split, for `mlp` and all rotations.
    """

    weight: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        _checks.number("weight", self.weight, 0, float("inf"), open_high=True)

    def __call__(self, network, objective, images, labels, draw: Draw) -> Outcome:
        with tf.GradientTape() as tape:
            logits = network(images, is_training=True)
            variance = transformation_variance(network, images, self, draw, self.samples)
            loss = objective(logits, labels) + self.weight * variance
        return Outcome(loss, logits, tape.gradient(loss, network.trainable_variables))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Projected(_Sampled):
    """The gradient of the objective, less its projection on gradients of the variance V.

    To first order, plain descent along it changes no V that it was projected from. Each direction
    is the gradient of V as another draw of transformations estimates it. (Adam scales the result
    weight by weight, and so keeps that only in part; `--optimizer=sgd` keeps it.) Further
    arguments as of `Transformations`.

    Attributes:
      directions: how many gradients of V span the space that is removed.
      per_layer: whether each variable's gradient is projected by itself, which leaves V unchanged
        as far as it depends on any one variable.
    """

    directions: int = 1
    per_layer: bool = False

    def __post_init__(self):
        super().__post_init__()
        _checks.integer("directions", self.directions)
        _checks.flag("per_layer", self.per_layer)

    def __call__(self, network, objective, images, labels, draw: Draw) -> Outcome:
        with tf.GradientTape() as tape:
            logits = network(images, is_training=True)
            loss = objective(logits, labels)
        task = _gradient(tape, loss, network)
        directions = [
            self.variance_gradient(network, images, draw.fork(i)) for i in range(self.directions)
        ]
        return Outcome(loss, logits, complement(task, directions, self.per_layer))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dream(_Sampled):
    """The gradient of the objective; and after its update, a step that makes V smaller.

        w <- w - rate weight P dV / dw,    P: onto the complement of the gradient of the objective,

    where both gradients are taken at the updated w, on the same images, of the network as it is
    used (without dropout): to first order, the objective stays. Further arguments as of
    `Transformations`.

    Attributes:
      weight: of the learning rate, >= 0; no optimizer scales the step. The default was chosen on
        MNIST's validation split, for `mlp` and all rotations: three times as much costs accuracy.
    """

    weight: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        _checks.number("weight", self.weight, 0, float("inf"), open_high=True)

    def __call__(self, network, objective, images, labels, draw: Draw) -> Outcome:
        def dream(rate: tf.Tensor) -> None:
            with tf.GradientTape() as tape:
                loss = objective(network(images, is_training=False), labels)
            task = _gradient(tape, loss, network)
            variance = self.variance_gradient(network, images, draw)
            updates = complement(variance, [task])
            for variable, update in zip(network.trainable_variables, updates, strict=True):
                variable.assign_sub(tf.cast(rate, update.dtype) * self.weight * update)

        return plain(network, objective, images, labels)._replace(after=dream)


def _gradient(tape: tf.GradientTape, target: tf.Tensor, network: snt.Module) -> list[tf.Tensor]:
    zero = tf.UnconnectedGradients.ZERO
    gradients = tape.gradient(target, network.trainable_variables, unconnected_gradients=zero)
    return [tf.convert_to_tensor(gradient) for gradient in gradients]


def complement(
    gradient: Sequence[tf.Tensor],
    directions: Sequence[Sequence[tf.Tensor]],
    per_layer: bool = False,
) -> list[tf.Tensor]:
    """The part of a gradient, a tensor per variable, that is orthogonal to all directions.

    Its cosine with every direction is at most about t = sqrt(machine epsilon): a direction that is
    nearer than that to the span of those before it, or 0, removes nothing of its own. With
    `per_layer`, every tensor is projected by itself; there, a tensor that holds less than t of its
    direction is taken for the rounding error of 0 (that is what the last layer's bias gets from
    differences of logits) and removes nothing.
    """
    shapes = [tensor.shape for tensor in gradient]
    sizes = [shape.num_elements() for shape in shapes]
    vector = _flatten(gradient)
    directions = [_unit(_flatten(direction)) for direction in directions]
    if per_layer:
        parts = zip(*(tf.split(v, sizes) for v in (vector, *directions)), strict=True)
        parts = [_remove(part, _orthonormal(others)) for part, *others in parts]
    else:
        parts = tf.split(_remove(vector, _orthonormal(directions)), sizes)
    return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]


def _flatten(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)


def _unit(vector: tf.Tensor, smallest: float = 0.0) -> tf.Tensor:
    """vector / |vector|, or 0 where |vector| <= smallest; its squares do not underflow."""
    # XLA takes smaller numbers than `tiny` for 0.
    largest = tf.reduce_max(tf.abs(vector))
    is_zero = largest < np.finfo(vector.dtype.as_numpy_dtype).tiny
    one = tf.ones_like(largest)
    scale = tf.where(is_zero, one, largest)
    norm = tf.norm(vector / scale)
    is_zero |= norm * scale <= smallest
    return tf.where(is_zero, tf.zeros_like(vector), vector / scale / tf.where(is_zero, one, norm))


def _remove(vector: tf.Tensor, basis: Sequence[tf.Tensor]) -> tf.Tensor:
    """`vector` minus its projection on orthonormal (or zero) vectors; twice, against rounding."""
    for _ in range(2):
        for b in basis:
            vector -= tf.reduce_sum(b * vector) * b
    return vector


def _orthonormal(vectors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Gram and Schmidt's basis of the span of vectors of length <= 1, 0 for what adds nothing.

    Every vector goes through twice, which is enough (Giraud et al. 2005, "The loss of orthogonality
    in the Gram-Schmidt orthogonalization process").
    """
    basis = []
    for vector in vectors:
        rest = _unit(vector, _tolerance(vector))
        rest = _remove(rest, basis)
        basis.append(_unit(rest, _tolerance(vector)))
    return basis


def _tolerance(vector: tf.Tensor) -> float:
    return float(np.sqrt(np.finfo(vector.dtype.as_numpy_dtype).eps))


STEPS: dict[str, Callable[..., Step]] = {
    "plain": lambda: plain,
    "augment": Augment,
    "distill": Distill,
    "penalty": Penalty,
    "projected": Projected,
    "dream": Dream,
    "adversarial": Adversarial,
    "virtual_adversarial": VirtualAdversarial,
    "spectral": Spectral,
    "lipschitz": Lipschitz,
}


def create_step(name: str, **arguments: Any) -> Step:
    """A step by name, such as create_step("penalty", degrees=30, weight=0.1).

    Raises:
      ValueError: an unknown name or an unknown argument (the message lists what there is), or an
        argument that the step refuses.
    """
    known = default_arguments(_checks.choice("step", name, STEPS))
    for argument in arguments:
        if not known:
            raise ValueError(
                f"step {name} must not be given arguments, got {_checks.received(argument)}"
            )
        _checks.choice(f"an argument of step {name}", argument, known)
    return STEPS[name](**arguments)


def default_arguments(name: str) -> dict[str, Any]:
    """The arguments of a step and their defaults."""
    parameters = inspect.signature(STEPS[name]).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}
