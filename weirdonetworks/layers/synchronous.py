"""One shared module that sees every transformed input, and symmetric pooling."""

import math
from collections.abc import Callable

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module, takes_is_training
from weirdonetworks._once import once
from weirdonetworks.functional.pooling import Pooling, get_pooling, pool
from weirdonetworks.groups import ImageAction, get_group


def _check_group(group) -> ImageAction:
    if not isinstance(group, ImageAction):
        raise ValueError(
            f"group must be an ImageAction such as groups.cyclic(4), got {_checks.received(group)}"
        )
    return group


def check_exact(exact: bool, group: ImageAction) -> bool:
    """Returns `exact`, which must be False unless the group acts exactly."""
    if _checks.flag("exact", exact) and not group.is_group:
        raise ValueError(
            "exact must be False for a set that is not closed or resamples pixels (cyclic4 and "
            f"dihedral4 on square images do neither; this one is {group!r}), "
            f"got {_checks.received(exact)}"
        )
    return bool(exact)


class Synchronous(Module):
    """F(x) = pool_{g in G} f(g x): one module f, shared by all transformed inputs.

    [batch, H, W, C] or [batch, H, W] -> [batch, m], for a module f that maps images
    [n, H, W, C] to [n, k] (begin it with `snt.Flatten()` if it wants features). `pooling` is a
    symmetric function of the values over the orbit, [batch, |G|, k] -> [batch, m]: mean, max,
    logsumexp (m = k), moments (m = 3 k), sorted (m = |G| k), or any function or module, for whose
    symmetry you answer. With concat (m = |G| k) the values keep their order, and *F is not
    invariant*. Dense layers may follow.

    Since the orbit of h x is that of x in another order, F(h x) = F(x) for any f and any input
    whatever, if G is a group that acts by permutations of the pixels (`group.is_group`), up to the
    rounding of sums in another order. Otherwise it holds as far as interpolation allows.

    With `exact`, each image is replaced by `group.canonical(x)`, one and the same for all g x,
    before anything is summed: F(h x) and F(x) are then equal to the last bit, with any pooling,
    and with any f that computes the same from the same input.

    If f begins with a dense layer, `LiftDense` computes the same faster.

    Source: docs/ideas/synchronous_networks.md; the mean is the Reynolds operator of invariant
    theory.
    """

    def __init__(
        self,
        module: Callable[[tf.Tensor], tf.Tensor],
        group: ImageAction,
        pooling: str | Pooling = "mean",
        exact: bool = False,
        name: str | None = None,
    ):
        """Raises ValueError for a module that cannot be called, a group that is none (or, with
        `exact`, does not act exactly), or an unknown pooling."""
        super().__init__(name=name)
        if not callable(module):
            raise ValueError(f"module must be callable on images, got {_checks.received(module)}")
        self.module = module
        self.group = _check_group(group)
        self.pooling = get_pooling(pooling)
        self.exact = check_exact(exact, self.group)

    @property
    def takes_is_training(self) -> bool:
        """Whether the module does."""
        return takes_is_training(self.module)

    @property
    def num_fixed(self) -> int:
        """The weights of the interpolation, none where the group permutes pixels."""
        return self.group.num_weights

    def __call__(self, images: tf.Tensor, *args, **kwargs) -> tf.Tensor:
        """Further arguments, such as is_training, go to the module."""
        if self.exact:
            images = self.group.canonical(images)
        orbit = self.group.apply(images)
        values = self.module(tf.reshape(orbit, [-1, *orbit.shape[2:]]), *args, **kwargs)
        if values.shape.rank != 2:
            raise ValueError(f"module must return [batch, k], got shape {values.shape}")
        values = tf.reshape(values, [-1, self.group.size, values.shape[1]])
        return pool(self.pooling, values)


class LiftDense(Module):
    """y_g = W^T (g x) + b for every g: [batch, H, W, C] -> [batch, |G|, output_size].

    A dense layer that sees the whole orbit, by turning the weights in place of the images:
    y_g = (g^T W)^T x + b (see `ImageAction.transport`). The group's maps act once on W however
    many images there are. Turning the input permutes the output: y_g(h x) = y_gh(x), for a group
    that acts exactly.

    Initialisation: W ~ 1 / sqrt(in), truncated, b = 0, as in `snt.Linear`.
    """

    def __init__(
        self, output_size: int, group: ImageAction | str = "cyclic4", name: str | None = None
    ):
        """Raises ValueError for a size < 1 or a group that is none."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.group = get_group(group)
        self.channels = None

    @once
    def _initialize(self, images: tf.Tensor):
        self.channels, self.input_dtype = images.shape[3], images.dtype
        size = math.prod(images.shape[1:])
        w = snt.initializers.TruncatedNormal(stddev=1 / math.sqrt(size))
        self.w = tf.Variable(w([size, self.output_size], images.dtype), name="w")
        self.b = tf.Variable(tf.zeros([self.output_size], images.dtype), name="b")

    @property
    def num_fixed(self) -> int:
        """The weights of the interpolation, none where the group permutes pixels."""
        return self.group.num_weights

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        images = _tensor_checks.grid("LiftDense inputs", images, self.group.image_shape)
        _tensor_checks.same_dtype(self, images)
        self._initialize(images)
        if images.shape[3] != self.channels:
            raise ValueError(
                f"LiftDense inputs must have {self.channels} channels as at the first call, "
                f"got {images.shape[3]}"
            )
        size = self.w.shape[0]
        w = tf.reshape(self.group.transport(self.w), [size, -1])
        y = tf.matmul(tf.reshape(images, [-1, size]), w)
        return tf.reshape(y, [-1, self.group.size, self.output_size]) + self.b
