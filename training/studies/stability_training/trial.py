"""One network, trained by one step at one strength: attacked, certified, measured."""

from typing import Any

import numpy as np
import tensorflow as tf

from training.engine import fit
from training.engine.loop import scale
from training.studies.stability_training.attacks import library_survivors, survivors
from training.studies.stability_training.norms import bound, matrices, slopes
from weirdonetworks import stability
from weirdonetworks.analysis import operator

RADII = (0.5, 1.0, 1.58)
RADIUS = 1.0  # at which robustness is compared
DEGREES = 10.0  # of turns to both sides, in steps of 0.05, that are certified
_JACOBIANS, _TURNED = 200, 50  # images

# All without dropout; of the product networks and the synchronous one, small ones.
NETWORK_ARGS: dict[str, dict[str, Any]] = {
    "mlp": {"dropout": 0.0},
    "quadratic_mlp": {
        "rank": 64, "hidden_sizes": (64,), "dropout": 0.0, "input_dropout": 0.0
    },
    "synchronous_mlp": {
        "lift_sizes": (64, 64), "head_sizes": (64,), "group": "cyclic4", "dropout": 0.0
    },
    "comodulation_mlp": {"hidden_sizes": (64,), "dropout": 0.0, "input_dropout": 0.0},
    "lipschitz_mlp": {"hidden_sizes": (128, 128)},
}  # fmt: skip


def recipe(network: str, step: str, strength: float, epochs: int) -> dict[str, Any]:
    """Fields of the recipe: the network's own rate, batches of 200, and the step."""
    radius = {"radius": strength}
    ascent = {**radius, "num_steps": 3}
    fields = {
        "plain": {},
        "adversarial": {"step": "adversarial", "step_args": ascent},
        "linf": {"step": "adversarial", "step_args": {**ascent, "norm": "linf"}},
        "virtual_adversarial": {"step": "virtual_adversarial", "step_args": {"weight": strength}},
        "layer_norms": {"step": "spectral", "step_args": {"weight": strength}},
        "jacobian_norm": {
            "step": "spectral", "step_args": {"weight": 0.0, "jacobian_weight": strength}
        },
        "lipschitz": {"step": "lipschitz", "step_args": radius},
    }[step]  # fmt: skip
    return {
        "network_args": NETWORK_ARGS[network], "epochs": epochs, "batch_size": 200, **fields
    }  # fmt: skip


def trial(
    axes: dict[str, Any], seed: int, choice: None, *, epochs: int, images: int
) -> dict[str, Any]:
    """Tables: `runs`, a row; `layers`, norms of matrices; `jacobians`, mean singular values.

    validation_*, norms, margins and distances are of the validation split, all else of the test
    split. Of a network without a bound nothing is proven. `refuted`: how many images are proven
    within a radius, and yet have fallen within it to the attack: 0, or a proof is wrong.

    Raises FloatingPointError if the training diverges.
    """
    network, dataset = axes["network"], axes["dataset"]
    fields = recipe(network, axes["step"], axes["strength"], epochs)
    run = fit(network, dataset, seed=seed, progress=False, **fields)
    net = run.network
    row = {"validation_accuracy": run.history["validation_accuracy"].iloc[-1]}
    x, y = _first(dataset.validation, images)
    row["validation_robust"] = survivors(net, x, y, [RADIUS]).mean()
    known = slopes(net, x[:_JACOBIANS])
    constant = bound(net)
    row |= {
        "jacobian_norm": known.values[:, 0].mean(),
        "margin": np.median(known.margins),
        "distance": np.median(known.distances),
        "lipschitz": constant,
        "test_accuracy": run.evaluate("test"),
    }
    x, y = _first(dataset.test, images)
    alive = survivors(net, x, y, RADII)
    row |= {f"pgd_{r:g}": share for r, share in zip(RADII, alive.mean(axis=0), strict=True)}
    library = library_survivors(net, x, y, RADIUS)
    row |= {"library": library.mean(), "robust": (library & alive[:, RADII.index(RADIUS)]).mean()}
    row |= _proven(net, x, y, alive) if not np.isnan(constant) else {}
    row["seconds"] = run.history["seconds"].sum()
    told = {name: operator(w) for name, w in matrices(net).items()}
    layers = [
        {"layer": name, "norm": w.norm, "size": w.size, "stable_rank": w.stable_rank}
        for name, w in told.items()
    ]
    jacobians = [
        {"index": i, "value": value} for i, value in enumerate(known.values.mean(axis=0), 1)
    ]
    return {"runs": [row], "layers": layers, "jacobians": jacobians}


def _first(split, images: int) -> tuple[tf.Tensor, np.ndarray]:
    return tf.constant(scale(split.images[:images])), np.asarray(split.labels[:images], np.int32)


def _proven(net, x, y, alive: np.ndarray) -> dict[str, float]:
    """Shares of images that are right wherever they are moved, and however they are turned."""
    right = np.argmax(net(x, is_training=False), axis=1) == y
    radii = stability.certified_radius(net, x)
    proven = right[:, None] & (radii[:, None] >= RADII)
    turned = x[:_TURNED]
    grid = stability.rotation_grid(-DEGREES, DEGREES, 0.05, image_shape=x.shape[1:3])
    stable = stability.certify_rotations(net, turned, grid).stable
    return {
        **{f"proven_{r:g}": share for r, share in zip(RADII, proven.mean(axis=0), strict=True)},
        "proven_radius": np.median(radii),
        "refuted": np.sum(proven & ~alive),
        "turned": np.mean(stable & right[:_TURNED]),
    }
