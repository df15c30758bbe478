"""Networks of y = phi(W) x, and plain ones that start or move as they do."""

from collections.abc import Sequence

import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from weirdonetworks import _checks
from weirdonetworks.functional import PARAMETER_ACTIVATIONS
from weirdonetworks.layers import AutoactivationDense

VARIANTS = ("plain", "plain log-normal", "plain own rates", *PARAMETER_ACTIVATIONS)


class TangentDense(snt.Module):
    """y = (A + A+ V+ - A- V-) x + b, with A = A+ - A- and A+-, fixed, those of an exp layer.

    The tangent, at its start, of `AutoactivationDense` with exp: gradient descent on V is that on
    the weights with the rates A+^2 + A-^2, one for each of them, for good.
    """

    def __init__(self, layer: AutoactivationDense, name: str | None = None):
        super().__init__(name=name)
        self.plus, self.minus = (
            tf.Variable(tf.exp(w), trainable=False, name="slope") for w in (layer.w, layer.w_minus)
        )
        self.v = tf.Variable(tf.zeros_like(layer.w), name="v_plus")
        self.v_minus = tf.Variable(tf.zeros_like(layer.w), name="v_minus")
        self.b = tf.Variable(layer.b, name="b")

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        weights = self.plus * (1 + self.v) - self.minus * (1 + self.v_minus)
        return tf.matmul(inputs, weights) + self.b


def make(
    variant: str, images: tf.Tensor, hidden_sizes: Sequence[int], num_classes: int = 10
) -> snt.Module:
    """A network with its variables; biases and the activation of units are the same for all."""
    settings = {"num_classes": num_classes, "hidden_sizes": tuple(hidden_sizes)}
    _checks.choice("variant", variant, VARIANTS)
    plain = wn.create_network("mlp", **settings)
    if variant == "plain":
        plain(images)
        return plain
    phi = "exp" if variant.startswith("plain") else variant
    network = wn.create_network("autoactivation_mlp", parameter_activation=phi, **settings)
    network(images)
    if variant == "plain log-normal":
        plain(images)
        for ours, theirs in zip(plain.layers, network.layers, strict=True):
            ours.w.assign(theirs.effective_weights)
        return plain
    if variant == "plain own rates":
        network.layers = [TangentDense(layer) for layer in network.layers]
    return network
