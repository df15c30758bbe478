"""How far an image may be moved, in any direction, until its class can change: proofs."""

import math
from collections.abc import Sequence

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._unroll import Layer, offers, unroll
from weirdonetworks.layers import OrthogonalDense, Synchronous
from weirdonetworks.stability.certified_nets import ROWS, build, parts_of, run
from weirdonetworks.stability.lipschitz import ROUND_UP, constant, lipschitz_constant

# Of logits in float64: sums of some thousand terms are off by less than this times their size.
_ROUNDING = 1e-12


def certified_radius(net: Layer, images: tf.Tensor) -> np.ndarray:
    """[n], a distance within which no input has another class than the image.

        r(x) = min_j (f_c(x) - f_j(x)) / K_cj,    c = argmax f(x),    j != c,

    where K_cj bounds the slope of f_c - f_j over all inputs, in the l2 norm: |w_c - w_j|_2 times
    the constants of the layers below, where the last layer is dense with the weights w, and else
    sqrt(2) times that of the network (`lipschitz_constant`). Computed in float64 and rounded down;
    in the units of the images, of which none is taken to end at 0 or 1. Deterministic: nothing is
    sampled, so an attack that finds another class within r(x) refutes the code.

    net: a network of those that `lipschitz_constant` knows.

    Source: Tsuzuku, Sato and Sugiyama 2018, "Lipschitz-margin training"; Singla, Singla and Feizi
    2022, "Improved deterministic l2 robustness" (by pairs of rows).

    Raises:
      ValueError: as `lipschitz_constant`; images that are none, or not finite; one logit only; a
        network that does not compute what its layers say.
    """
    return _radii(net, images)[0]


def certified_accuracy(
    net: Layer,
    images: tf.Tensor,
    labels: Sequence[int],
    radii: Sequence[float] = (0.0, 0.5, 1.0, 1.58),
) -> np.ndarray:
    """The share of images that are classified right wherever they are moved within each radius.

    With radius 0 the accuracy itself. See `certified_radius`.

    Raises:
      ValueError: as `certified_radius`; labels that are not an integer for each image; radii < 0.
    """
    if not isinstance(radii, (list, tuple, np.ndarray)):
        raise ValueError(f"radii must be a sequence of numbers, got {_checks.received(radii)}")
    radii = [_checks.number(f"radii[{i}]", r, 0, math.inf) for i, r in enumerate(radii)]
    found, classes = _radii(net, images)
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != found.shape:
        raise ValueError(
            f"labels must be integers [{len(found)}], got {labels.dtype} {list(labels.shape)}"
        )
    return np.mean((classes == labels)[:, None] & (found[:, None] >= radii), axis=0)


def _radii(net: Layer, images: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Radii and predicted classes, both [n]."""
    if not isinstance(net, tf.Module):
        raise ValueError(f"net must be a tf.Module, such as a Sonnet module, got {net!r}")
    images = _tensor_checks.floating("images", images)
    if images.shape.rank not in (2, 3, 4) or not images.shape[0]:
        raise ValueError(f"images must be at least one, [n, ...], got shape {images.shape}")
    if not np.all(np.isfinite(images)):
        raise ValueError("images must be finite, got values that are not")
    build(net, images)
    twin, _ = parts_of(net, images)
    starts = range(0, len(images), ROWS)
    f = np.concatenate([run(twin, tf.cast(images[i : i + ROWS], tf.float64)) for i in starts])
    if f.ndim != 2 or f.shape[1] < 2:
        raise ValueError(f"net must return [n, classes], classes >= 2, got shape {f.shape}")
    classes = np.argmax(f, axis=1)
    slopes = np.broadcast_to(slopes_of_differences(twin), [f.shape[1]] * 2)[classes]
    gaps = f.max(axis=1, keepdims=True) - f - _ROUNDING * np.abs(f).max(axis=1, keepdims=True)
    # A difference that does not depend on the input never changes its sign.
    with np.errstate(divide="ignore", invalid="ignore"):
        radii = np.where(gaps > 0, gaps / slopes, 0.0)
    radii[np.arange(len(f)), classes] = np.inf
    return radii.min(axis=1), classes


def slopes_of_differences(net: Layer) -> np.ndarray:
    """Bounds of |d (f_i - f_j)(x)|_2 over all x, [classes, classes] or one for all."""
    pooled = offers(net, "unroll_orbit") or isinstance(net, Synchronous)
    *below, head = [net] if pooled else unroll(net)
    if not isinstance(head, (snt.Linear, OrthogonalDense)):
        return np.array(math.sqrt(2) * lipschitz_constant(net))
    rows = np.asarray(head.matrix() if isinstance(head, OrthogonalDense) else head.w).T
    differences = np.linalg.norm(rows[:, None] - rows, axis=2)
    return ROUND_UP * differences * math.prod(constant(layer) for layer in below)
