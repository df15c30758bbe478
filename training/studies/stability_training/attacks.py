"""Attacks that no step here trains against: ascent on the margin, and a library's."""

import contextlib
import warnings
from collections.abc import Sequence

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.engine.adversarial import ascend
from training.engine.power_iteration import unit

_BATCH = 500


def margins(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """z_label - max_j z_j, j != label: [n]; an image is classified right where it is > 0."""
    right = tf.one_hot(labels, logits.shape[1], on_value=True, off_value=False)
    lowest = tf.fill(tf.shape(logits), logits.dtype.min)
    others = tf.reduce_max(tf.where(right, lowest, logits), axis=1)
    return tf.reduce_sum(tf.where(right, logits, tf.zeros_like(logits)), axis=1) - others


def survivors(
    network: snt.Module,
    images: tf.Tensor,
    labels: tf.Tensor,
    radii: Sequence[float],
    *,
    restarts: int = 3,
    num_steps: int = 40,
    seed: int = 0,
) -> np.ndarray:
    """Which images stay right within each l2 radius under projected descent on their margin.

    bool [n, radii]: right as they are, and at the end of each of `restarts` ways of `num_steps`
    normalised steps, from random places of the sphere, in [0, 1]. Training ascends the
    cross-entropy, once, in fewer steps. What has fallen is not attacked further, at larger radii
    either: it is in those balls, too. `radii` ascend.
    """

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec([None, *images.shape[1:]], images.dtype),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([], images.dtype),
            tf.TensorSpec([2], tf.int32),
        ],
    )
    def stay(x, y, radius, state):
        def slope(z):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(z)
                value = -margins(network(z, is_training=False), y)
            return tape.gradient(value, z)

        noise = tf.random.stateless_normal(tf.shape(x), state, dtype=x.dtype)
        start = radius * unit(tf.ensure_shape(noise, x.shape))
        moved = ascend(slope, x, start, "l2", radius, num_steps, 2.5 * radius / num_steps)
        return margins(network(moved, is_training=False), y) > 0

    labels = tf.cast(labels, tf.int32)
    alive = margins(network(images, is_training=False), labels).numpy() > 0
    found = []
    for index, radius in enumerate(radii):
        for restart in range(restarts):
            left = np.flatnonzero(alive)
            state = tf.constant([seed, index * restarts + restart])
            for part in np.split(left, range(_BATCH, len(left), _BATCH)):
                x, y = tf.gather(images, part), tf.gather(labels, part)
                alive[part] = stay(x, y, tf.constant(radius, x.dtype), state).numpy()
        found.append(alive.copy())
    return np.stack(found, axis=1)


def library_survivors(
    network: snt.Module, images: tf.Tensor, labels: tf.Tensor, radius: float, seed: int = 0
) -> np.ndarray:
    """Which images stay right within an l2 radius under Auto-PGD, bool [n].

    That of adversarial-robustness-toolbox, on the cross-entropy: steps with momentum, which are
    halved, image by image, where they no longer gain; 20 of them, from one random start. Source:
    Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse
    parameter-free attacks".

    Raises:
      ImportError: without the library.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            from art.attacks.evasion import AutoProjectedGradientDescent
            from art.estimators.classification import TensorFlowV2Classifier
    except ImportError:
        raise ImportError(
            "adversarial-robustness-toolbox is not installed: pip install '.[studies]'"
        ) from None
    x, y = np.asarray(images), np.asarray(labels)
    classifier = TensorFlowV2Classifier(
        model=lambda z, training=False: network(z, is_training=False),
        nb_classes=network(images[:1], is_training=False).shape[1],
        input_shape=x.shape[1:],
        loss_object=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        clip_values=(0.0, 1.0),
    )
    attack = AutoProjectedGradientDescent(
        classifier,
        norm=2,
        eps=radius,
        eps_step=2 * radius,
        max_iter=20,
        nb_random_init=1,
        batch_size=_BATCH,
        loss_type="cross_entropy",
        verbose=False,
    )
    with _as_the_library_runs(seed):
        moved = attack.generate(x, y)
    lengths = np.linalg.norm((moved - x).reshape(len(x), -1), axis=1)
    if lengths.max() > radius * (1 + 1e-4) or moved.min() < 0 or moved.max() > 1:
        raise ValueError(f"the attack must stay within {radius}, got {lengths.max()}")
    return _right(network, x, y) & _right(network, moved, y)


def _right(network: snt.Module, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.argmax(network(tf.constant(images), is_training=False), axis=1) == labels


@contextlib.contextmanager
def _as_the_library_runs(seed: int):
    """It draws from NumPy's global state, and would compile anew for each number of images."""
    state, eager = np.random.get_state(), tf.config.functions_run_eagerly()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(eager)
        np.random.set_state(state)  # noqa: NPY002
