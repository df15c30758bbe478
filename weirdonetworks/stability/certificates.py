"""Certificates: proven limits to how far a network moves when its images are transformed."""

import copy
import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from weirdonetworks import _tensor_checks
from weirdonetworks.groups import ImageAction, rotations
from weirdonetworks.stability.chords import Cells, follow
from weirdonetworks.stability.lipschitz import ROUND_UP, Chain, chain, spectral_norm

# Images times transformations that are computed at once.
_ROWS = 512
# Float64 sums of some thousand terms are off by less than this times the size of the values.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Certificate:
    """What `certify` and `certify_rotations` prove of n images. All norms are l2, of the outputs.

    action: the transformations.
    exact: whether they are a group of permutations of the pixels, so that a network may be
        invariant up to rounding. Then:
    residual32, residual64: max |F(hx) - F(x)| / max |F| over images, h and outputs, computed in
        float32 and in float64.
    is_rounding: whether this is rounding: residual64 <= 2^-20 max(residual32, 2^-23). A defect is
        equally large in both types; rounding shrinks by about 2^-29.
    Otherwise:
    bound: [n, |H|], |F(hx) - F(x)|_2 <= bound[:, h]; from `certify_rotations` [n, |H| - 1], for
        every angle from one to the next.
    lipschitz: |F(x) - F(y)|_2 / |first(x) - first(y)|_2 is at most this, with the outputs of the
        first dense layer, over all of the group.
    nearest, mismatch: [n, |H|], the element k of the network's group with which h is compared,
        and (mean_g |g(h x) - (g k) x|_2^2)^(1/2), in pixel values: what interpolation leaves of
        the group. None from `certify_rotations`.
    stable: [n], whether the class that is predicted (argmax) is proven to stay the same.
    Always:
    measured: [n, |H|], |F(hx) - F(x)|_2 as computed in float64.
    """

    action: str
    exact: bool
    measured: np.ndarray
    bound: np.ndarray | None = None
    lipschitz: float | None = None
    nearest: np.ndarray | None = None
    mismatch: np.ndarray | None = None
    stable: np.ndarray | None = None
    residual32: float | None = None
    residual64: float | None = None
    is_rounding: bool | None = None
    norm: str = "l2"

    @property
    def tightness(self) -> np.ndarray | None:
        """[n], the largest measured over the largest bound: 1 where the bound is reached."""
        return None if self.bound is None else self.measured.max(axis=1) / self.bound.max(axis=1)

    def __str__(self) -> str:
        head = f"{self.action} on {len(self.measured)} images: "
        largest = f"largest |F(hx) - F(x)|_2 measured {self.measured.max():.3g}"
        if self.exact:
            verdict = "up to rounding" if self.is_rounding else "NOT"
            return (
                f"{head}invariant {verdict}, {largest}, "
                f"relative {self.residual32:.1e} in float32 and {self.residual64:.1e} in float64"
            )
        return (
            f"{head}{largest}, proven {self.bound.max():.3g} (median of the images "
            f"{np.median(self.measured.max(axis=1)):.3g} and "
            f"{np.median(self.bound.max(axis=1)):.3g}); "
            f"{np.mean(self.stable):.1%} of the predictions proven not to change"
        )


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

    Source: the synchronous note asks for |F(hx) - F(x)| < eps; the constants as in Szegedy et al.
    2013, "Intriguing properties of neural networks".

    Raises:
      ValueError: images of another shape or type, none, or not finite; an action that is none, or
        on other images than the network's group; a net that is no tf.Module, or, where a bound is
        needed, has a layer or pooling without a known constant, or is `exact`; outputs that are
        not finite.
    """
    images = _check(net, images, action)
    if action.is_group:
        return _residual(net, images, action)
    net, parts = _parts(net, images)
    images = tf.cast(images, tf.float64)
    group = parts.group
    columns = np.arange(1 if group is None else group.size)[:, None]  # [|G|, K]: g -> g k
    if group is not None and group.table is not None:
        columns = group.table
    measured, bound, nearest, mismatch, stable = [], [], [], [], []
    batch = max(1, _ROWS // action.size)
    for start in range(0, images.shape[0], batch):
        x = images[start : start + batch]
        turned = action.apply(x)
        y, outputs = parts.first(x).numpy(), _run(net, x)
        n, size = x.shape[0], action.size
        flat = tf.reshape(turned, [n * size, *turned.shape[2:]])
        y_turned = parts.first(flat).numpy().reshape(n, size, *y.shape[1:])
        differences = [np.linalg.norm(y_turned - y[:, None, k], axis=3) for k in columns.T]
        bounds = np.stack([parts.bound(d) for d in differences], axis=2)
        k = np.argmin(bounds, axis=2)
        smallest = np.min(bounds, axis=2) * ROUND_UP + _slack(parts, y, outputs)[:, None]
        nearest.append(k)
        mismatch.append(_mismatch(group, x, flat, columns[:, k]))
        moved = _run(net, flat).reshape(n, size, -1) - outputs[:, None]
        measured.append(np.linalg.norm(moved, axis=2))
        bound.append(smallest)
        stable.append(_margin(outputs, np.argmax(outputs, 1)) > math.sqrt(2) * smallest.max(1))
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


def certify_rotations(net: tf.Module, images, degrees) -> Certificate:
    """How far F(hx) can be from F(x), for *every* rotation h between the angles of a list.

    degrees: ascending angles, [S]; the bound of column i holds from degrees[i] to degrees[i + 1].
    Take them from `rotation_grid(low, high, step, image_shape)`; 0 to 90 are enough if the network
    is invariant to quarter turns. The bound exceeds what is measured by an amount that shrinks
    faster than the step (as its power 3/2). Networks trained on images of 28 x 28 pixels ask for
    steps of some hundredths of a degree.

    At the angles themselves |F(hx) - F(x)|_2 is measured. Between a and b, every value of the
    network, from the pixels to the outputs, is compared with the chord, (1 - t) times what it is
    at a plus t times what it is at b. Interpolated pixels stray from it by little, since within a
    cell of the pixel grid they are smooth functions of the angle (`chords.Cells`); so do the
    values behind each layer (`chords.follow`). With e, what this comes to for the outputs,

        |F(hx) - F(x)|_2 <= max(|F(ax) - F(x)|_2, |F(bx) - F(x)|_2) + e,

    and the class is proven not to change where its margin over the others exceeds sqrt(2) e at
    both ends.

    Images, slack and errors as for `certify`, and

    Raises:
      ValueError: degrees that are not ascending and finite, fewer than two, or in steps in which
        the corner of the image goes a pixel or more.
    """
    degrees = _check_degrees(degrees, images)
    whole = rotations(degrees[:1], _shape(images))
    images = _check(net, images, whole)
    net, parts = _parts(net, images)
    images = tf.cast(images, tf.float64)
    n, steps = images.shape[0], len(degrees) - 1
    norms, largest = _gains(parts, images.shape[1:])
    cells = Cells(images.numpy())
    y, outputs = parts.first(images).numpy(), _run(net, images)
    slack = _slack(parts, y, outputs)[:, None]
    classes = np.argmax(outputs, axis=1)[:, None]
    measured, margins = np.zeros([2, n, steps + 1])
    strays = np.zeros([n, steps])
    chunk = max(1, _ROWS // n)
    for start in range(0, steps, chunk):
        angles = degrees[start : start + chunk + 1]
        turned = rotations(angles, whole.image_shape).apply(images)
        y_turned = parts.first(tf.reshape(turned, [-1, *images.shape[1:]])).numpy()
        y_turned = y_turned.reshape(n, len(angles), *y.shape[1:])
        inner, here = slice(start, start + len(angles) - 1), slice(start, start + len(angles))
        off = [cells.strays(*angles[i : i + 2]) for i in range(len(angles) - 1)]
        off = np.stack(off, axis=1)
        off = np.minimum(off @ norms, largest * np.linalg.norm(off, axis=2))
        moved, strays[:, inner] = follow(parts, y_turned, off)
        measured[:, here] = np.linalg.norm(moved - outputs[:, None], axis=2)
        margins[:, here] = _margin(moved, np.broadcast_to(classes, moved.shape[:2]))
    strays = strays * ROUND_UP + slack
    safe = np.minimum(margins[:, 1:], margins[:, :-1]) > math.sqrt(2) * strays
    return Certificate(
        action=f"rotations from {degrees[0]:g} to {degrees[-1]:g} degrees",
        exact=False,
        measured=measured,
        bound=np.maximum(measured[:, 1:], measured[:, :-1]) + strays,
        lipschitz=parts.after,
        stable=np.all(safe, axis=1),
    )


def _gains(parts: Chain, image_shape: tuple[int, int, int]) -> tuple[np.ndarray, float]:
    """|first(x + e_p) - first(x)|_2 of each pixel p, and the spectral norm of the affine first."""
    pixels = math.prod(image_shape)
    zero = parts.first(tf.zeros([1, *image_shape], tf.float64))
    columns = []
    for start in range(0, pixels, _ROWS):
        basis = tf.one_hot(tf.range(start, min(start + _ROWS, pixels)), pixels, dtype=tf.float64)
        y = parts.first(tf.reshape(basis, [-1, *image_shape])) - zero
        columns.append(tf.reshape(y, [y.shape[0], -1]).numpy())
    matrix = np.concatenate(columns)
    return np.linalg.norm(matrix, axis=1), spectral_norm(matrix)


def _check(net, images, action) -> tf.Tensor:
    """Returns the images as [n, H, W, C], n >= 1."""
    if not isinstance(net, tf.Module):
        raise ValueError(f"net must be a tf.Module, such as a Sonnet module, got {net!r}")
    if not isinstance(action, ImageAction):
        raise ValueError(f"action must be an ImageAction such as groups.cyclic(4), got {action!r}")
    images = _tensor_checks.grid("images", images, action.image_shape)
    if not images.shape[0]:
        raise ValueError(f"images must be at least one, got shape {images.shape}")
    if not np.all(np.isfinite(images)):
        raise ValueError("images must be finite, got values that are not")
    group = getattr(net, "group", None)
    if isinstance(group, ImageAction) and group.image_shape != action.image_shape:
        raise ValueError(
            f"action must act on images of the shape of the network's, {group.image_shape}, "
            f"got {action.image_shape}"
        )
    variables = _floating_variables(net)
    net(tf.cast(images[:1], variables[0].dtype if variables else images.dtype))  # build it
    return images


def _shape(images) -> tuple[int, int]:
    shape = np.shape(images)
    if len(shape) not in (3, 4):
        raise ValueError(f"images must be [n, H, W] or [n, H, W, C], got shape {shape}")
    return shape[1:3]


def _check_degrees(degrees, images) -> np.ndarray:
    degrees = np.asarray(degrees, np.float64)
    if degrees.ndim != 1 or len(degrees) < 2 or not np.all(np.isfinite(degrees)):
        raise ValueError(f"degrees must be two finite angles or more, got {degrees}")
    steps = np.diff(degrees)
    if np.min(steps) <= 0:
        raise ValueError(f"degrees must be ascending, got a step of {np.min(steps)}")
    corner = math.hypot(*(size - 1 for size in _shape(images))) / 2
    if corner * np.deg2rad(np.max(steps)) > 0.99:
        raise ValueError(
            "degrees must be in steps in which no corner moves by a pixel, at most "
            f"{np.rad2deg(0.99 / corner):.3g}, got {np.max(steps):.3g}"
        )
    return degrees


def _floating_variables(net: tf.Module) -> list[tf.Variable]:
    # Not net.variables: Sonnet's raises where there are none.
    return [v for v in tf.Module.variables.fget(net) if v.dtype.is_floating]


def _copy(net: tf.Module, dtype: tf.DType) -> tf.Module:
    """A copy of a built network that computes in another floating type."""
    memo = {
        id(v): tf.Variable(tf.cast(v, dtype), trainable=v.trainable, name=v.name.split(":")[0])
        for v in _floating_variables(net)
    }
    twin = copy.deepcopy(net, memo)
    for module in (twin, *twin.submodules):
        if hasattr(module, "input_dtype"):
            module.input_dtype = dtype
    return twin


def _parts(net: tf.Module, images: tf.Tensor) -> tuple[tf.Module, Chain]:
    net = _copy(net, tf.float64)
    parts = chain(net)
    x = tf.cast(images[:1], tf.float64)
    outputs = follow(parts, parts.first(x).numpy()[:, None], np.zeros([1, 0]))[0]
    if not np.allclose(outputs[:, 0], _run(net, x), rtol=1e-9, atol=1e-9):
        raise ValueError(f"net must compute what its layers say, one after another, got {net!r}")
    return net, parts


def _run(net: tf.Module, images: tf.Tensor) -> np.ndarray:
    outputs = net(images).numpy()
    if not np.all(np.isfinite(outputs)):
        raise ValueError("net must return finite outputs, got some that are not")
    return outputs


def _slack(parts: Chain, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """[n], for the rounding of float64."""
    size = np.linalg.norm(y.reshape(len(y), -1), axis=1)
    return _ROUNDING * (parts.after * size + np.linalg.norm(outputs, axis=1))


def _margin(outputs: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The output of these classes less the largest of the others, [..., k] -> [...]."""
    mine = np.arange(outputs.shape[-1]) == classes[..., None]
    others = np.max(np.where(mine, -np.inf, outputs), axis=-1)
    return np.sum(np.where(mine, outputs, 0), axis=-1) - others


def _mismatch(group: ImageAction | None, x, turned, pairs: np.ndarray) -> np.ndarray:
    """(mean_g |g(h x) - (g k) x|^2)^(1/2), [n, |H|], for pairs [|G|, n, |H|] of g with g k."""
    pairs = np.moveaxis(pairs, 0, 2)
    n, size, elements = pairs.shape
    orbit = (x[:, None] if group is None else group.apply(x)).numpy().reshape(n, elements, -1)
    moved = turned if group is None else group.apply(turned)
    moved = moved.numpy().reshape(n, size, elements, -1)
    squares = np.sum(np.square(moved - orbit[np.arange(n)[:, None, None], pairs]), axis=3)
    return np.sqrt(np.mean(squares, axis=2))


def _residual(net: tf.Module, images: tf.Tensor, action: ImageAction) -> Certificate:
    residuals, distances = {}, []
    for dtype in (tf.float32, tf.float64):
        twin = _copy(net, dtype)
        distances, largest, scale = [], 0.0, 0.0
        batch = max(1, _ROWS // action.size)
        for start in range(0, images.shape[0], batch):
            x = tf.cast(images[start : start + batch], dtype)
            turned = action.apply(x)
            flat = tf.reshape(turned, [-1, *turned.shape[2:]])
            outputs = _run(twin, x).astype(np.float64)
            turned_outputs = _run(twin, flat).reshape(len(outputs), action.size, -1)
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
