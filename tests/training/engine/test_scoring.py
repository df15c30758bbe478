"""Accuracy is over all images of a split, none left out, upright and turned."""

import numpy as np
import pytest
import scipy.ndimage
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.data import Split
from training.engine import scoring
from training.engine.scoring import ANGLES, Scorer


class Reader(snt.Module):
    """Classifies an image as the value of its first pixel, and as 0 in training."""

    def __call__(self, images, is_training=False):
        classes = tf.cast(tf.round(255 * images[:, 0, 0, 0]), tf.int32)
        return tf.one_hot(tf.zeros_like(classes) if is_training else classes, 10)


def split_of(labels: np.ndarray, pixels: np.ndarray) -> Split:
    images = np.zeros((len(labels), 3, 3, 1), np.uint8)
    images[:, 0, 0, 0] = pixels
    return Split(images, labels.astype(np.int32))


@pytest.fixture(scope="module")
def reader() -> Scorer:
    return Scorer(Reader())


@pytest.mark.parametrize("size", [1, 499, 500, 501, 10_000])
def test_all_images_count(reader, size):
    rng = np.random.default_rng(size)
    labels, pixels = rng.integers(10, size=(2, size))
    pixels = np.where(rng.uniform(size=size) < 0.9, labels, pixels)
    assert reader.accuracy(split_of(labels, pixels)) == np.mean(labels == pixels)


@pytest.mark.slow
def test_what_fills_no_batch_counts(reader):
    """Right in the last, partial batch alone: 16 of 10,000 images are easily lost."""
    size, rest = scoring._BATCH + 16, 16
    split = split_of(np.full(size, 7), np.where(np.arange(size) < size - rest, 3, 7))
    assert reader.accuracy(split) == rest / size
    np.testing.assert_array_equal(reader.accuracy_by_angle(split, (0,)), [rest / size])


@pytest.fixture(scope="module")
def network():
    tf.random.set_seed(3)
    network = wn.create_network("mlp", hidden_sizes=(20,), activation="tanh")
    network(tf.zeros([1, 28, 28, 1]))
    return network


@pytest.fixture(scope="module")
def split(mnist_5k, network):
    """Digits with the labels that a random network gives them, most of the time."""
    images = mnist_5k.test.images[:120]
    labels = np.argmax(network(images / np.float32(255)), axis=1).astype(np.int32)
    labels[::6] = (labels[::6] + 1) % 10
    return Split(images, labels)


@pytest.mark.slow
def test_at_zero_degrees_accuracy_by_angle_is_accuracy(network, split):
    scorer = Scorer(network)
    accuracy = scorer.accuracy(split)
    assert 0.5 < accuracy < 1
    np.testing.assert_array_equal(scorer.accuracy_by_angle(split, (0, 360)), [accuracy] * 2)


@pytest.mark.slow
def test_accuracy_by_angle_agrees_with_scipy(network, split):
    """Positive angles turn counterclockwise; between pixels bilinear, outside 0."""
    degrees = (35, -50, 90)

    def correct(angle):
        turned = scipy.ndimage.rotate(
            split.images / 255, angle, axes=(2, 1), reshape=False, order=1, mode="grid-constant"
        )
        return np.argmax(network(turned.astype(np.float32)), axis=1) == split.labels

    by_scipy = [np.mean(correct(angle)) for angle in degrees]
    ours = Scorer(network).accuracy_by_angle(split, degrees)
    # A tie may fall the other way by rounding: one image of 120.
    np.testing.assert_allclose(ours, by_scipy, atol=1.01 / 120)
    assert np.ptp([*by_scipy, np.mean(correct(-35))]) > 5 / 120, "all angles are alike here"


def test_the_angles_are_new_to_the_groups():
    """No element of a group that the zoo names turns any of them back to a multiple of 90."""
    assert len(ANGLES) == 24 and len(set(ANGLES)) == 24
    assert set(np.diff(ANGLES)) == {15} and min(ANGLES) > 0 and max(ANGLES) < 360
    for angle in ANGLES:
        for size in (1, 2, 4, 8, 16):
            assert (angle * size) % 360 != 0
