"""What certificates ask of a network: checks, copies in other types, values and margins."""

import copy

import numpy as np
import tensorflow as tf

from weirdonetworks import _tensor_checks
from weirdonetworks.groups import ImageAction
from weirdonetworks.stability.chords import follow
from weirdonetworks.stability.lipschitz import Chain, chain

# Images times transformations that are computed at once.
ROWS = 512
# Float64 sums of some thousand terms are off by less than this times the size of the values.
_ROUNDING = 1e-12


def check(net, images, action) -> tf.Tensor:
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
    return images


def build(net: tf.Module, images: tf.Tensor) -> None:
    """Calls the network on an image, so that it has its variables."""
    variables = _floating_variables(net)
    net(tf.cast(images[:1], variables[0].dtype if variables else images.dtype))


def _floating_variables(net: tf.Module) -> list[tf.Variable]:
    # Not net.variables: Sonnet's raises where there are none.
    return [v for v in tf.Module.variables.fget(net) if v.dtype.is_floating]


def copy_as(net: tf.Module, dtype: tf.DType) -> tf.Module:
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


def parts_of(net: tf.Module, images: tf.Tensor) -> tuple[tf.Module, Chain]:
    net = copy_as(net, tf.float64)
    parts = chain(net)
    x = tf.cast(images[:1], tf.float64)
    outputs = follow(parts, parts.first(x).numpy()[:, None], np.zeros([1, 0]))[0]
    if not np.allclose(outputs[:, 0], run(net, x), rtol=1e-9, atol=1e-9):
        raise ValueError(f"net must compute what its layers say, one after another, got {net!r}")
    return net, parts


def run(net: tf.Module, images: tf.Tensor) -> np.ndarray:
    outputs = net(images).numpy()
    if not np.all(np.isfinite(outputs)):
        raise ValueError("net must return finite outputs, got some that are not")
    return outputs


def slack(parts: Chain, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """[n], for the rounding of float64."""
    size = np.linalg.norm(y.reshape(len(y), -1), axis=1)
    return _ROUNDING * (parts.after * size + np.linalg.norm(outputs, axis=1))


def margin(outputs: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The output of these classes less the largest of the others, [..., k] -> [...]."""
    mine = np.arange(outputs.shape[-1]) == classes[..., None]
    others = np.max(np.where(mine, -np.inf, outputs), axis=-1)
    return np.sum(np.where(mine, outputs, 0), axis=-1) - others
