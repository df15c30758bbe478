"""What is measured against what: groups of contenders, and the networks that only they need."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.benchmark import frameworks
from training.benchmark.frameworks import Contender
from training.engine import steps


class Group(NamedTuple):
    """Contenders that are compared.

    Attributes:
      title: what is measured.
      contenders: those who take part.
      reference: the one with whom the others are compared.
      ratio: what the last column tells: the reference's rate over the contender's, or, with
        `faster`, the contender's over the reference's.
      memory: whether to measure each contender's peak memory as well, in a process of its own.
      one_core: whether to measure in a process that may use one core only.
      unit: what a rate counts.
    """

    title: str
    contenders: Sequence[Contender]
    reference: str
    ratio: str
    faster: bool = False
    memory: bool = False
    one_core: bool = False
    unit: str = "images/s"


def loops(size: int = 55_000) -> Group:
    """Training loops on one network."""
    sizes = "-".join(map(str, frameworks.SIZES))
    return Group(
        f"Training loops: MLP {sizes}, GELU, Adam, batches of {frameworks.BATCH_SIZE}",
        frameworks.mlp_loops(frameworks.random_split(size)),
        reference="weirdonetworks",
        ratio="weirdonetworks is .. times as fast",
    )


class OuterProduct(snt.Module):
    """y = W vec(x x') + b with all n^2 products in memory: what the packed layer replaces."""

    def __init__(self, output_size: int):
        super().__init__()
        self.linear = snt.Linear(output_size)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return self.linear(tf.reshape(x[:, :, None] * x[:, None, :], [-1, x.shape[1] ** 2]))


class WithHead(snt.Module):
    """images -> layer -> GELU -> logits."""

    def __init__(self, layer: snt.Module, flat: bool = True):
        super().__init__()
        self.layer, self.flat = layer, flat
        self.head = snt.Linear(10)

    def __call__(self, images: tf.Tensor, is_training: bool) -> tf.Tensor:
        x = tf.reshape(images, [-1, 784]) if self.flat else images
        return self.head(wn.functional.gelu(self.layer(x)))


def quadratic(units: int = 100, rank: int = 512) -> Group:
    """Quadratic layers of 784 pixels."""
    dense = wn.layers.PolynomialDense
    rows = [
        ("outer product", 200, lambda: OuterProduct(units)),
        ("packed monomials", 400, lambda: dense(units, degree=2, rank=None)),
        (f"low rank, {rank}", 5_000, lambda: dense(units, degree=2, rank=rank)),
    ]
    return Group(
        f"Quadratic layers: 784 pixels, {units} units, Adam, batches of {frameworks.BATCH_SIZE}",
        [_in_our_loop(name, size, lambda make=make: WithHead(make())) for name, size, make in rows],
        reference="outer product",
        ratio="times as fast as the outer product",
        faster=True,
    )


class DenseRotations(snt.Module):
    """f(g x) averaged over g, with the maps g as dense matrices [|G|, H W, H W].

    They multiply the images, or with `on_weights` the weights of the first layer.
    """

    def __init__(self, group: wn.groups.ImageAction, sizes: Sequence[int], on_weights: bool):
        super().__init__()
        matrices = np.zeros([group.size, group.num_pixels, group.num_pixels], np.float32)
        element, target, source, weight = group.taps
        np.add.at(matrices, (element, target, source), weight)
        # A variable: XLA would try to compute with a constant beforehand.
        self.matrices = tf.Variable(matrices, trainable=False)
        self.first, self.on_weights = snt.Linear(sizes[0]), on_weights
        self.rest = snt.nets.MLP(sizes[1:], activation=wn.functional.gelu, activate_final=True)

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        size, pixels = self.matrices.shape[:2]
        x = tf.reshape(images, [-1, pixels])
        if self.on_weights:
            self.first._initialize(x)
            w = tf.einsum("gqp,qo->pgo", self.matrices, self.first.w)
            y = tf.tensordot(x, w, axes=1) + self.first.b
        else:
            y = self.first(tf.reshape(tf.einsum("gqp,bp->bgq", self.matrices, x), [-1, pixels]))
        y = self.rest(wn.functional.gelu(tf.reshape(y, [-1, y.shape[-1]])))
        return tf.reduce_mean(tf.reshape(y, [-1, size, y.shape[1]]), axis=1)


def synchronous(group: str = "cyclic16", sizes: tuple[int, ...] = (128, 64)) -> Group:
    """The synchronous network, the one that it shares, and other ways to compute it."""
    action = wn.groups.get_group(group)

    def turning():
        net = snt.nets.MLP(sizes, activation=wn.functional.gelu, activate_final=True)
        return wn.layers.Synchronous(snt.Sequential([snt.Flatten(), net]), action)

    def network():
        return wn.nets.SynchronousMLP(lift_sizes=sizes, head_sizes=(), group=group)

    def dense(on_weights):
        return WithHead(DenseRotations(action, sizes, on_weights), flat=False)

    pixels = action.num_pixels
    alone = "the shared net alone"
    rows = [
        (alone, 10_000, lambda: wn.nets.MLP(hidden_sizes=sizes)),
        ("SynchronousMLP, turned weights", 2_000, network),
        ("images turned by sparse taps", 200, lambda: WithHead(turning(), flat=False)),
        (f"images times {pixels}^2 matrices", 200, lambda: dense(False)),
        (f"weights times {pixels}^2 matrices", 1_000, lambda: dense(True)),
    ]
    return Group(
        f"Synchronous networks: {group}, {pixels}-{'-'.join(map(str, sizes))}-10, Adam, "
        f"batches of {frameworks.BATCH_SIZE}",
        [_in_our_loop(*row) for row in rows],
        reference=alone,
        ratio=f"times its cost (|G| = {action.size})",
        memory=True,
    )


def training_steps(size: int = 10_000) -> Group:
    """Each kind of step on the baseline MLP."""
    sizes = "-".join(map(str, frameworks.SIZES))
    return Group(
        f"Steps: MLP {sizes}, GELU, Adam, batches of {frameworks.BATCH_SIZE}",
        [
            _in_our_loop(
                name,
                size,
                lambda: wn.nets.MLP(hidden_sizes=frameworks.SIZES[1:-1]),
                name,
            )
            for name in steps.STEPS
        ],
        reference="plain",
        ratio="times the cost of plain",
    )


def iterates(size: int = 2**20) -> Group:
    """half_exp and exp_iterate against exp and GELU, values and gradients, compiled."""
    alpha = tf.constant(0.3)
    functions = {
        "tf.exp": tf.exp,
        "exact GELU": functools.partial(tf.nn.gelu, approximate=False),
        "half_exp": wn.functional.half_exp,
        "half_exp, precise": functools.partial(wn.functional.half_exp, precise=True),
        "exp_iterate": functools.partial(wn.functional.exp_iterate, alpha=alpha),
        "exp_iterate, precise": functools.partial(
            wn.functional.exp_iterate, alpha=alpha, precise=True
        ),
    }
    return Group(
        f"Functions of {size:,} float32 ~ N(0, 3), XLA, one core",
        [
            frameworks.elementwise(name + ending, function, size, of_gradient)
            for of_gradient, ending in ((False, ""), (True, ": gradient"))
            for name, function in functions.items()
        ],
        reference="tf.exp",
        ratio="times the cost of tf.exp",
        one_core=True,
        unit="numbers/s",
    )


_LENGTHS = (128, 512, 2048, 4096, 16_384)


def attention(lengths: Sequence[int] = _LENGTHS, size: int = 64) -> Group:
    """Forms of attention by the number of tokens; the rate of linear ones does not depend on it."""
    forms = wn.functional.attention
    functions = {
        "softmax": forms.softmax_attention,
        "softmax, causal": functools.partial(forms.softmax_attention, causal=True),
        "linear": forms.linear_attention,
        "linear, chunks": functools.partial(forms.linear_attention, causal=True),
        "Galerkin": forms.galerkin_attention,
        "128 random features": functools.partial(forms.random_feature_attention, num_features=128),
        "Toeplitz, transforms": _toeplitz,
    }
    return Group(
        f"Attention of {size} numbers a token, XLA",
        [
            frameworks.attention(f"{name}, {tokens:,}", function, tokens, size)
            for tokens in lengths
            for name, function in functions.items()
        ],
        reference=f"softmax, {max(n for n in lengths if n <= 4096):,}",
        ratio="times as fast, for each token",
        faster=True,
        memory=True,
        unit="tokens/s",
    )


def _toeplitz(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    n = q.shape[-2]
    mask = tf.exp(-tf.abs(tf.range(1 - n, n, dtype=q.dtype)) / 16)
    return wn.functional.attention.toeplitz_attention(q, k, v, mask)


def pursuit(vectors: int = 256, shape: tuple[int, int] = (64, 256), k: int = 8) -> Group:
    """Orthogonal matching pursuit of many vectors by one matrix of unit columns."""
    rows, columns = shape
    return Group(
        f"Matching pursuit: {vectors} vectors, {k} of {columns} columns of {rows} numbers, float64",
        frameworks.pursuits(vectors, shape, k),
        reference="scikit-learn",
        ratio="times as fast as scikit-learn",
        faster=True,
        unit="vectors/s",
    )


GROUPS: dict[str, Callable[[], Group]] = {
    "loops": loops,
    "quadratic": quadratic,
    "synchronous": synchronous,
    "steps": training_steps,
    "iterates": iterates,
    "attention": attention,
    "pursuit": pursuit,
}


def _in_our_loop(
    name: str, size: int, build: Callable[[], snt.Module], step: str = "plain"
) -> Contender:
    split = frameworks.random_split(size)
    return Contender(name, size, frameworks.compiled_loop(split, build, step))
