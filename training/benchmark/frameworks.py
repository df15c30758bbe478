"""Ways to train the MLP 784-100-100-10 (exact GELU, Adam, batches of 100): ours and others'.

Each is written as its own documentation would have it, on the data in the form that it likes best,
and all shuffle each epoch.
"""

import functools
import importlib.util
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.data import Split
from training.engine import steps
from training.engine.loop import Loop, scale
from training.engine.recipes import Recipe

SIZES = (784, 100, 100, 10)
BATCH_SIZE = 100
_RATE = 1e-3
_PEAK_SIZE = 2048

Run = Callable[[int], None]


class Contender(NamedTuple):
    """One that is measured.

    Attributes:
      name: for the table.
      amount: what one epoch does: images, or operations.
      prepare: builds it and returns run(epochs), which comes back when the work is done.
      requires: (package, module) that it needs besides this repository's requirements.
    """

    name: str
    amount: int
    prepare: Callable[[], Run]
    requires: tuple[tuple[str, str], ...] = ()

    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name, module in self.requires if not importlib.util.find_spec(module)]


def random_split(size: int) -> Split:
    """Noise with random labels: the speed does not depend on what the images show."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (size, 28, 28, 1), dtype=np.uint8)
    return Split(images, generator.integers(0, SIZES[-1], size).astype(np.int32))


def flops_per_image() -> int:
    """Multiplications and additions of a step's matrix products.

    Six a weight, two each for the output and the gradients of weight and input; four in the first
    layer, whose input needs no gradient.
    """
    first, *rest = [a * b for a, b in zip(SIZES[:-1], SIZES[1:], strict=True)]
    return 4 * first + 6 * sum(rest)


def mlp_loops(split: Split) -> list[Contender]:
    """The loops on a split of 28 x 28 images, ours first."""
    torch, haiku = (("torch", "torch"),), tuple(zip(_JAX, _JAX[:2] + ("haiku",), strict=True))
    rows = [
        ("weirdonetworks", compiled_loop(split, lambda: wn.nets.MLP(hidden_sizes=SIZES[1:-1]))),
        ("Sonnet, tf.function + tf.data", _sonnet(split)),
        ("Keras fit", _keras(split)),
        (
            "Keras fit, jit_compile, 50 steps",
            _keras(split, jit_compile=True, steps_per_execution=50),
        ),
        ("PyTorch, fused Adam", _torch(split), torch),
        ("dm-haiku, jitted step", _haiku(split), haiku),
    ]
    images = len(split) // BATCH_SIZE * BATCH_SIZE
    return [Contender(name, images, *rest) for name, *rest in rows]


def sgemm() -> Contender:
    """The product of two large float32 matrices, the machine's measured peak."""

    def prepare() -> Run:
        a = tf.random.stateless_normal([_PEAK_SIZE, _PEAK_SIZE], [0, 0])

        def run(epochs: int) -> None:
            for _ in range(epochs):
                tf.matmul(a, a).numpy()

        return run

    return Contender("sgemm peak", 2 * _PEAK_SIZE**3, prepare)


def elementwise(
    name: str, function: Callable[[tf.Tensor], tf.Tensor], size: int, of_gradient: bool
) -> Contender:
    """A function of `size` numbers, or its gradient, under XLA."""

    def prepare() -> Run:
        x = 3 * tf.random.stateless_normal([size], [0, 0])

        @tf.function(jit_compile=True)
        def compiled(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            return tape.gradient(y, x) if of_gradient else y

        def run(epochs: int) -> None:
            for _ in range(epochs):
                y = compiled(x)
            y.numpy()

        return run

    return Contender(name, size, prepare)


def pursuits(vectors: int, shape: tuple[int, int], k: int) -> list[Contender]:
    """k columns for each vector: ours in a graph and under XLA, and scikit-learn's."""
    generator = np.random.default_rng(0)
    A, y = generator.normal(size=shape), generator.normal(size=(vectors, shape[0]))
    A /= np.linalg.norm(A, axis=0)  # which scikit-learn asks for

    def ours(jit_compile: bool) -> Run:
        matrix, own = tf.constant(A), tf.constant(y)
        pursue = wn.functional.orthogonal_matching_pursuit
        compiled = tf.function(
            lambda A, y: pursue(A, y, k).coefficients, jit_compile=jit_compile, autograph=False
        )

        def run(epochs: int) -> np.ndarray:
            for _ in range(epochs):
                found = compiled(matrix, own)
            return found.numpy()

        return run

    def theirs() -> Run:
        from sklearn.linear_model import orthogonal_mp

        def run(epochs: int) -> np.ndarray:
            for _ in range(epochs):
                found = orthogonal_mp(A, y.T, n_nonzero_coefs=k)
            return found.T

        return run

    rows = [
        ("scikit-learn", theirs),
        ("ours, graph", functools.partial(ours, False)),
        ("ours, XLA", functools.partial(ours, True)),
    ]
    return [Contender(name, vectors, prepare) for name, prepare in rows]


def attention(name: str, function: Callable[..., tf.Tensor], tokens: int, size: int) -> Contender:
    """Attention of so many tokens, of `size` numbers each, under XLA."""

    def prepare() -> Run:
        inputs = [tf.random.stateless_uniform([tokens, size], [0, i]) for i in range(3)]
        compiled = tf.function(function, jit_compile=True)

        def run(epochs: int) -> None:
            for _ in range(epochs):
                y = compiled(*inputs)
            y.numpy()

        return run

    return Contender(name, tokens, prepare)


def compiled_loop(
    split: Split, build: Callable[[], snt.Module], step: str = "plain"
) -> Callable[[], Run]:
    """Our loop on any network, with any step."""

    def prepare() -> Run:
        recipe = Recipe(
            epochs=100,
            batch_size=BATCH_SIZE,
            learning_rate=_RATE,
            schedule="constant",
            step=step,
        )
        loop = Loop(build(), split, recipe)

        def run(epochs: int) -> None:
            for _ in range(epochs):
                loop.run_epoch()

        return run

    return prepare


def _sonnet(split: Split) -> Callable[[], Run]:
    def prepare() -> Run:
        network = wn.nets.MLP(hidden_sizes=SIZES[1:-1])
        optimizer = snt.optimizers.Adam(_RATE)
        objective = steps.cross_entropy()

        @tf.function
        def step(images, labels):
            outcome = steps.plain(network, objective, images, labels)
            optimizer.apply(outcome.gradients, network.trainable_variables)
            return outcome.loss

        batches = (
            tf.data.Dataset.from_tensor_slices((split.images, split.labels))
            .shuffle(len(split))
            .batch(BATCH_SIZE, drop_remainder=True)
            .map(lambda images, labels: (scale(images), labels))
            .prefetch(tf.data.AUTOTUNE)
        )

        def run(epochs: int) -> None:
            for _ in range(epochs):
                for images, labels in batches:
                    loss = step(images, labels)
                loss.numpy()

        return run

    return prepare


def _keras(split: Split, **settings) -> Callable[[], Run]:
    def prepare() -> Run:
        import keras

        hidden = [keras.layers.Dense(size, activation="gelu") for size in SIZES[1:-1]]
        layers = [keras.Input(SIZES[:1]), *hidden, keras.layers.Dense(SIZES[-1])]
        model = keras.Sequential(layers)
        model.compile(
            optimizer=keras.optimizers.Adam(_RATE),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            **settings,
        )
        x, y = _floats(split)

        def run(epochs: int) -> None:
            model.fit(x, y, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)

        return run

    return prepare


def _torch(split: Split) -> Callable[[], Run]:
    def prepare() -> Run:
        import torch
        from torch import nn

        a, b, c, d = SIZES
        layers = [nn.Linear(a, b), nn.GELU(), nn.Linear(b, c), nn.GELU(), nn.Linear(c, d)]
        model = nn.Sequential(*layers)
        optimizer = torch.optim.Adam(model.parameters(), lr=_RATE, fused=True)
        objective = nn.CrossEntropyLoss()
        x, y = (torch.from_numpy(array) for array in _floats(split))
        y = y.long()

        def run(epochs: int) -> None:
            for _ in range(epochs):
                for batch in torch.randperm(len(y)).split(BATCH_SIZE)[: len(y) // BATCH_SIZE]:
                    optimizer.zero_grad()
                    objective(model(x[batch]), y[batch]).backward()
                    optimizer.step()

        return run

    return prepare


_JAX = ("jax", "optax", "dm-haiku")


def _haiku(split: Split) -> Callable[[], Run]:
    def prepare() -> Run:
        import haiku as hk
        import jax
        import optax

        def gelu(x):
            return jax.nn.gelu(x, approximate=False)

        network = hk.without_apply_rng(
            hk.transform(lambda x: hk.nets.MLP(SIZES[1:], activation=gelu)(x))
        )
        optimizer = optax.adam(_RATE)
        x, y = (jax.device_put(array) for array in _floats(split))

        def objective(parameters, images, labels):
            logits = network.apply(parameters, images)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        @functools.partial(jax.jit, donate_argnums=(0, 1))
        def step(parameters, state, x, y, batch):
            loss, gradients = jax.value_and_grad(objective)(parameters, x[batch], y[batch])
            updates, state = optimizer.update(gradients, state)
            return optax.apply_updates(parameters, updates), state, loss

        parameters = network.init(jax.random.key(0), x[:1])
        state = optimizer.init(parameters)
        generator = np.random.default_rng(0)

        def run(epochs: int) -> None:
            nonlocal parameters, state
            for _ in range(epochs):
                order = generator.permutation(len(y)).astype(np.int32)
                for first in range(0, len(y) - BATCH_SIZE + 1, BATCH_SIZE):
                    batch = order[first : first + BATCH_SIZE]
                    parameters, state, loss = step(parameters, state, x, y, batch)
                loss.block_until_ready()

        return run

    return prepare


def _floats(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Images as float rows in [0, 1] and labels, the form for those who keep no bytes."""
    return split.images.reshape(len(split), -1).astype(np.float32) / 255, split.labels
