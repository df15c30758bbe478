"""What is left between two networks after the rotations that align them."""

from typing import Any

import sonnet as snt
import tensorflow as tf

from weirdonetworks.analysis import align_networks

COLUMNS = ("state", "layer", "what", "aligned", "unaligned", "random")


def align(
    first: snt.Module, second: snt.Module, inputs: tf.Tensor, held_out: tf.Tensor
) -> list[dict[str, Any]]:
    """A row for the activations of each hidden layer, and two for the weights of each dense one.

    Aligned on `inputs`; what is left of activations is measured on `held_out`. See
    `weirdonetworks.analysis.align_networks`. Weights have no `random`: None.
    """
    found = align_networks(first, second, inputs, held_out)
    rows = [
        {
            "layer": layer,
            "what": "activations",
            "aligned": hidden.residual,
            "unaligned": hidden.unaligned,
            "random": hidden.random,
        }
        for layer, hidden in enumerate(found.hidden, start=1)
    ]
    for layer, weights in enumerate(found.weights, start=1):
        for kind in ("frobenius", "bures"):
            rows.append(
                {
                    "layer": layer,
                    "what": f"covariances, {kind}",
                    "aligned": getattr(weights, kind),
                    "unaligned": getattr(weights, f"{kind}_unaligned"),
                    "random": None,
                }
            )
    return rows
