"""What each token sees in each form of attention: the picture of docs/ideas/attention.md."""

import numpy as np
import tensorflow as tf

from training.studies.impedance import direct
from weirdonetworks.commands.figures import new_figure
from weirdonetworks.functional import attention

_TOKENS, _SIZE, _SIDE = 24, 6, 5


def weights() -> dict[str, np.ndarray]:
    """[queries, keys] of each form, by its name: its outputs, for values that are the identity.

    Of the same queries and keys, which change slowly; of an image of 5 x 5 pixels, whose edges are
    found; and, for direct sampling, of places on a circle and electrodes around it.
    """
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=(_TOKENS, _SIZE)), axis=0) / 5
    q, k = (tf.constant(walk + 0.2 * rng.normal(size=walk.shape)) for _ in range(2))
    one, features = tf.eye(_TOKENS, dtype=tf.float64), [tf.nn.elu(x) + 1 for x in (q, k)]
    path = 2 * np.eye(_TOKENS) - np.eye(_TOKENS, k=1) - np.eye(_TOKENS, k=-1)
    path[0, 0] = path[-1, -1] = 1
    near = np.exp(-np.abs(np.arange(1 - _TOKENS, _TOKENS)) / 3)
    found = {
        "smoother": attention.softmax_attention(q, k, one),
        "random features": attention.random_feature_attention(q, k, one, 64),
        "recurrence": attention.linear_attention(*features, one, causal=True),
        "delta rule": attention.delta_rule(q, k / tf.norm(k, axis=-1, keepdims=True), one),
        "block-Toeplitz mask": attention.toeplitz_attention(*features, one, near),
        "heat on a graph": attention.graph_attention(*features, one, path, 4.0),
        "Galerkin": attention.galerkin_attention(q, k, one),
        "tensor": _edges(),
        "Hopfield": attention.softmax_attention(q, q, one, scale=4.0),
        "direct sampling": _probes(),
    }
    return {name: np.asarray(each) for name, each in found.items()}


def draw():
    """A panel for each form; red is positive, blue negative, each on a scale of its own."""
    figure, axes = new_figure(2, 5, figsize=(9, 4))
    for axis, (name, each) in zip(axes.flat, weights().items(), strict=True):
        most = np.abs(each).max()
        axis.imshow(each, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
        axis.set_title(name, fontsize="medium")
        axis.set(xticks=[], yticks=[])
    return figure


def _edges() -> tf.Tensor:
    shifts = [
        np.kron(np.eye(_SIDE, k=-dy), np.eye(_SIDE, k=-dx))
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    ]
    kernel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], float).ravel()
    pixels = np.eye(_SIDE**2)
    return attention.tensor_attention(pixels, np.stack(shifts), kernel[:, None, None] * pixels)


def _probes() -> np.ndarray:
    places = 0.8 * np.exp(2j * np.pi * np.arange(_TOKENS) / _TOKENS)
    return direct.queries(places, 0.0)[0] @ direct.keys().T  # of the first current
