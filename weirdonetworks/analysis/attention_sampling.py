"""New networks of attention, drawn from the covariances of a trained one's heads."""

import copy
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.analysis.alignment import procrustes
from weirdonetworks.analysis.sampling import assign, drawn, numbers


def sample_attention(
    reference: snt.Module,
    inputs: Any,
    seed: int = 0,
    coloured: bool = True,
    aligned: bool = True,
    paired: bool = True,
) -> snt.Module:
    """A network of attention like `reference` whose heads and hidden layers are drawn anew.

    All blocks read from one stream of tokens and write to it, t <- t + O attention(t), then
    t <- t + W2 phi(W1 t). What reads is drawn, block by block: for unit u of a head, the weights
    q_u and k_u of its query and key together, those of its value v_u by themselves, from

        (q, k) ~ N(0, sum_u (q_u, k_u) (q_u, k_u)^T / units),    v ~ N(0, sum_u v_u v_u^T / units)

    of this head, and the units of W1 with their biases as `sample_network` draws them. What writes,
    O and W2, is the reference's, turned to what it is now given, each head by a rotation of its
    own. Embedding, positions and the last layer are copied: the stream keeps its coordinates, so
    that what reads needs no rotation. The score of two tokens t and s is a sum over units,
    sum_u (q_u . t) (k_u . s), of which the mean over the draws is that of the reference: it is kept
    the better, the more units there are, by what queries and keys have in common.

    inputs: [n, ...], as the network takes them, for the alignment.
    seed, coloured, aligned: as of `sample_network`.
    paired: if not, queries and keys are drawn apart, each from its own covariance: the mean of all
      scores is 0.

    Source: Guth, Menard, Rochette and Mallat 2023, "A rainbow in deep network black boxes"; the
    port to attention is ours.

    Raises:
      ValueError: a reference that is no network of such blocks, as `nets.RowAttention` is, or was
        never called; inputs that are not floating; other arguments of the wrong kind.
    """
    generator = np.random.default_rng(_checks.integer("seed", seed, minimum=0))
    coloured, aligned = _checks.flag("coloured", coloured), _checks.flag("aligned", aligned)
    paired = _checks.flag("paired", paired)
    _check(reference)
    inputs = _tensor_checks.floating("inputs", inputs)
    network = copy.deepcopy(reference)
    targets = given(reference, inputs)
    for block, (attention, (expand, contract)) in enumerate(
        zip(network.attentions, network.layers, strict=True)
    ):
        weights = attention.w.numpy().astype(np.float64)
        attention.w.assign(_heads(weights, attention.heads, generator, coloured, paired))
        if aligned:
            _turn(attention.output, targets, given(network, inputs), 2 * block, attention.heads)
        assign(expand, *drawn(*numbers(expand), generator, coloured))
        if aligned:
            _turn(contract, targets, given(network, inputs), 2 * block + 1)
    return network


def given(network: snt.Module, inputs: tf.Tensor) -> list[np.ndarray]:
    """What writes to the stream is given, block by block: heads' outputs, [n tokens, size], and
    hidden units, [n tokens, mlp_size]."""
    network = copy.deepcopy(network)
    ears = []
    for attention, pair in zip(network.attentions, network.layers, strict=True):
        attention.output, pair[1] = _Ear(attention.output), _Ear(pair[1])
        ears += [attention.output, pair[1]]
    network(inputs)
    return [ear.heard.numpy() for ear in ears]


class _Ear:
    """A layer that remembers what it was given."""

    def __init__(self, layer: snt.Module):
        self.layer = layer

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        self.heard = x
        return self.layer(x)


def _heads(
    weights: np.ndarray, heads: int, generator: np.random.Generator, coloured: bool, paired: bool
) -> np.ndarray:
    """Weights [in, 3 size] of queries, keys and values like these, each head by itself."""
    split = weights.reshape(len(weights), 3, heads, -1)
    units = split.shape[-1]
    new = np.empty_like(split)
    for head in range(heads):
        pair, own, value = (generator.normal(size=(units, units)) for _ in range(3))
        for part, mix in enumerate((pair, pair if paired else own, value)):
            new[:, part, head] = split[:, part, head] @ mix / np.sqrt(units)
    if not coloured:
        spread = np.sqrt(np.mean(split**2, axis=(0, 3), keepdims=True))
        new = spread * generator.normal(size=split.shape)
    return new.reshape(weights.shape)


def _turn(
    layer: snt.Linear,
    targets: list[np.ndarray],
    sources: list[np.ndarray],
    which: int,
    heads: int = 1,
) -> None:
    """Puts in front of a layer, head by head, the rotation of what it is given to the target."""
    weights, bias = numbers(layer)
    parts = (np.split(each, heads, axis=1) for each in (targets[which], sources[which]))
    rotations = [procrustes(target, source) for target, source in zip(*parts, strict=True)]
    turned = [r @ w for r, w in zip(rotations, np.split(weights, heads), strict=True)]
    assign(layer, np.concatenate(turned), bias)


def _check(reference: Any) -> None:
    attentions, layers = (getattr(reference, key, None) for key in ("attentions", "layers"))
    if not attentions or len(attentions) != len(layers or ()):
        raise ValueError(
            "reference must be a network of blocks of attention and a hidden layer, such as "
            f"RowAttention, got {type(reference).__name__}"
        )
    if not hasattr(attentions[0], "w"):
        raise ValueError(
            "reference must have been called, so that it has weights, got "
            f"{type(reference).__name__}"
        )
