"""What a network's norms are: of its matrices, of its Jacobian at images, and of what is proven."""

from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import stability
from weirdonetworks.layers import OrthogonalDense


def matrices(network: snt.Module) -> dict[str, np.ndarray]:
    """All trained matrices by the names of their variables; of an orthogonal layer, its own Q."""
    found = {
        v.name.partition("/")[2].removesuffix(":0"): v.numpy()
        for v in network.trainable_variables
        if v.shape.rank == 2
    }
    for layer in network.submodules:
        if isinstance(layer, OrthogonalDense):
            found[layer.w.name.partition("/")[2].removesuffix(":0")] = layer.matrix().numpy()
    return found


class Slopes(NamedTuple):
    """values: singular values of the Jacobian of the logits at each image, falling, [n, classes].

    margins: of the largest logit over the next, [n]. distances: min_j (f_c - f_j) / |J_c - J_j|,
    j != c, how far the nearest other class is if the network were linear, [n].
    """

    values: np.ndarray
    margins: np.ndarray
    distances: np.ndarray


def slopes(network: snt.Module, images: tf.Tensor) -> Slopes:
    """Of the Jacobian at each of these images."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        logits = network(images, is_training=False)
    jacobian = tape.batch_jacobian(logits, images).numpy().astype(np.float64)
    jacobian = jacobian.reshape(*logits.shape, -1)
    f, n = logits.numpy().astype(np.float64), np.arange(len(images))
    c = f.argmax(axis=1)
    gaps = f[n, c][:, None] - f
    gaps[n, c] = np.inf
    lengths = np.linalg.norm(jacobian[n, c][:, None] - jacobian, axis=2)
    lengths[n, c] = 1.0
    values = np.linalg.svd(jacobian, compute_uv=False)
    return Slopes(values, gaps.min(axis=1), (gaps / lengths).min(axis=1))


def bound(network: snt.Module) -> float:
    """`stability.lipschitz_constant`, NaN of a network that has none."""
    try:
        return stability.lipschitz_constant(network)
    except ValueError:
        return float("nan")
