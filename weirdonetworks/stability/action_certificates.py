"""Certificates for the elements of an action: how far each moves the outputs, at most."""

import math

import numpy as np
import tensorflow as tf

from weirdonetworks.groups import ImageAction
from weirdonetworks.stability.certificate import Certificate
from weirdonetworks.stability.certified_nets import (
    ROWS,
    build,
    check,
    copy_as,
    margin,
    parts_of,
    run,
    slack,
)
from weirdonetworks.stability.lipschitz import ROUND_UP


def certify(net: tf.Module, images, action: ImageAction) -> Certificate:
    """How far F(hx) can be from F(x), for each image x and each h of an action.

    If the action is a group of permutations of the pixels (`action.is_group`), a network that
    pools over it, or over a larger group, is invariant for any input, and what is left is the
    rounding of sums in another order. Whether it is, is decided by measuring it in float32 and in
    float64 copies of the network (`is_rounding`). Any tf.Module may be asked; of one that is not
    invariant the verdict is False, and there is no bound.

    Otherwise |F(hx) - F(x)|_2 is bounded, for a network that `lipschitz_constant` knows. F(hx)
    pools over g what the network makes of g(hx); F(x) does so, in another order, with (g k) x, for
    any k of the network's group G. With y_g = first(g x), up to the first dense layer, the
    differences d_g = |y_g(hx) - y_gk(x)|_2 are computed as they are, in float64, and bound the
    outputs by the Lipschitz constants of what follows, for any weights. Every k gives a bound, and
    the smallest is taken. Without a composition table (or a group), k = 1.

    The measured distances are not above the bound, and tell how tight it is: not at all where the
    weights are large, since it multiplies the norms of all layers behind the first. For rotations,
    `certify_rotations` is far tighter, and holds for all angles between those of a list.

    images: [n, H, W, C] or [n, H, W], n >= 1. The slack for the rounding of float64 itself is 1e-9
    of the bound and 1e-12 of the values it is made of.

    Source: docs/ideas/synchronous_networks.md, asks for |F(hx) - F(x)| < eps; the constants as
    in Szegedy et al. 2013, "Intriguing properties of neural networks".

    Raises:
      ValueError: images of another shape or type, none, or not finite; an action that is none, or
        on other images than the network's group; a net that is no tf.Module, or, where a bound is
        needed, has a layer or pooling without a known constant, or is `exact`; outputs that are
        not finite.
    """
    images = check(net, images, action)
    build(net, images)
    if action.is_group:
        return _residual(net, images, action)
    net, parts = parts_of(net, images)
    images = tf.cast(images, tf.float64)
    group = parts.group
    columns = np.arange(1 if group is None else group.size)[:, None]  # [|G|, K]: g -> g k
    if group is not None and group.table is not None:
        columns = group.table
    measured, bound, nearest, mismatch, stable = [], [], [], [], []
    batch = max(1, ROWS // action.size)
    for start in range(0, images.shape[0], batch):
        x = images[start : start + batch]
        turned = action.apply(x)
        y, outputs = parts.first(x).numpy(), run(net, x)
        n, size = x.shape[0], action.size
        flat = tf.reshape(turned, [n * size, *turned.shape[2:]])
        y_turned = parts.first(flat).numpy().reshape(n, size, *y.shape[1:])
        differences = [np.linalg.norm(y_turned - y[:, None, k], axis=3) for k in columns.T]
        bounds = np.stack([parts.bound(d) for d in differences], axis=2)
        k = np.argmin(bounds, axis=2)
        smallest = np.min(bounds, axis=2) * ROUND_UP + slack(parts, y, outputs)[:, None]
        nearest.append(k)
        mismatch.append(_mismatch(group, x, flat, columns[:, k]))
        moved = run(net, flat).reshape(n, size, -1) - outputs[:, None]
        measured.append(np.linalg.norm(moved, axis=2))
        bound.append(smallest)
        stable.append(margin(outputs, np.argmax(outputs, 1)) > math.sqrt(2) * smallest.max(1))
    return Certificate(
        action=action.name,
        exact=False,
        measured=np.concatenate(measured),
        bound=np.concatenate(bound),
        lipschitz=parts.after,
        nearest=np.concatenate(nearest),
        mismatch=np.concatenate(mismatch),
        stable=np.concatenate(stable),
    )


def _residual(net: tf.Module, images: tf.Tensor, action: ImageAction) -> Certificate:
    residuals, distances = {}, []
    for dtype in (tf.float32, tf.float64):
        twin = copy_as(net, dtype)
        distances, largest, scale = [], 0.0, 0.0
        batch = max(1, ROWS // action.size)
        for start in range(0, images.shape[0], batch):
            x = tf.cast(images[start : start + batch], dtype)
            turned = action.apply(x)
            flat = tf.reshape(turned, [-1, *turned.shape[2:]])
            outputs = run(twin, x).astype(np.float64)
            turned_outputs = run(twin, flat).reshape(len(outputs), action.size, -1)
            moved = turned_outputs - outputs[:, None]
            distances.append(np.linalg.norm(moved, axis=2))
            largest = max(largest, float(np.max(np.abs(moved))))
            scale = max(scale, float(np.max(np.abs(turned_outputs))))
        residuals[dtype] = largest / scale if largest else 0.0
    single, double = residuals[tf.float32], residuals[tf.float64]
    return Certificate(
        action=action.name,
        exact=True,
        measured=np.concatenate(distances),
        residual32=single,
        residual64=double,
        is_rounding=bool(double <= 2**-20 * max(single, 2**-23)),
    )


def _mismatch(group: ImageAction | None, x, turned, pairs: np.ndarray) -> np.ndarray:
    """(mean_g |g(h x) - (g k) x|^2)^(1/2), [n, |H|], for pairs [|G|, n, |H|] of g with g k."""
    pairs = np.moveaxis(pairs, 0, 2)
    n, size, elements = pairs.shape
    orbit = (x[:, None] if group is None else group.apply(x)).numpy().reshape(n, elements, -1)
    moved = turned if group is None else group.apply(turned)
    moved = moved.numpy().reshape(n, size, elements, -1)
    squares = np.sum(np.square(moved - orbit[np.arange(n)[:, None, None], pairs]), axis=3)
    return np.sqrt(np.mean(squares, axis=2))
