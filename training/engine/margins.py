"""A step for networks whose slope is bounded: margins that are worth a distance."""

import dataclasses
import math

import tensorflow as tf

from training.data.transformations import Draw
from training.engine.plain import Distorted, Outcome
from weirdonetworks import _checks
from weirdonetworks._unroll import offers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lipschitz(Distorted):
    """The gradient of objective(t (z - m onehot(label))) / t with the margin m = sqrt(2) L radius.

    z are the logits of a network that stretches no difference more than L times, by construction:
    one with a `lipschitz_bound`, such as `nets.LipschitzMLP`. A margin m of the right logit proves
    that the class stays within the radius, so for the cross-entropy and t -> infinity the loss is
    by how much the proof fails, max(0, m + max_j z_j - z_label); for small t, images that are
    proven keep pushing. After the update, a network that offers `retract` makes its weights
    orthogonal again. Arguments of `Transformations` move the images first; by default none does.

    Source: Tsuzuku, Sato and Sugiyama 2018, "Lipschitz-margin training"; Prach and Lampert 2022,
    "Almost-orthogonal layers for efficient general-purpose Lipschitz networks" (offset and
    temperature).

    Attributes:
      radius: that is to be proven, >= 0, in the units of pixels in [0, 1].
      temperature: t > 0.
    """

    radius: float = 1.0
    temperature: float = 4.0

    def __post_init__(self):
        super().__post_init__()
        _checks.number("radius", self.radius, 0, float("inf"), open_high=True)
        _checks.positive("temperature", self.temperature)

    def act(self, network, objective, images, labels, draw: Draw) -> Outcome:
        bound = getattr(network, "lipschitz_bound", None)
        if bound is None:
            raise ValueError(
                "step lipschitz must be given a network with a bound by construction, such as "
                f"lipschitz_mlp, got {type(network).__name__}"
            )
        with tf.GradientTape() as tape:
            logits = network(images, is_training=True)
            margin = math.sqrt(2) * bound * self.radius
            shifted = logits - margin * tf.one_hot(labels, logits.shape[1], dtype=logits.dtype)
            loss = objective(self.temperature * shifted, labels) / self.temperature
        gradients = tape.gradient(loss, network.trainable_variables)
        after = (lambda rate: network.retract()) if offers(network, "retract") else None
        return Outcome(loss, logits, gradients, after)
