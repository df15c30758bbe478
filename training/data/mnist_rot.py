"""Synthetic rotated MNIST: as the data set of Larochelle et al. (2007), made again from MNIST."""

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from training.data.made import Arrays
from weirdonetworks.functional import warp
from weirdonetworks.groups import affine_matrices

FILE = "mnist_rot-synthetic-1.npz"
SHA256 = "3b5a3222a51483923db97a589d12341242beb56e42a46443364789ac1d907b7e"
NUM_TRAIN, NUM_TEST = 12_000, 50_000


def make(
    train_images: np.ndarray,
    train_labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    num_train: int = NUM_TRAIN,
    num_test: int = NUM_TEST,
) -> Arrays:
    """Draws images and turns each by an angle of its own, uniform in [0, 360) degrees.

    The training images are drawn from MNIST's training set; the test images are all of MNIST's
    test set and, to make up the number, others of its training set. No digit occurs twice.
    Turned about the centre, bilinear, 0 outside, rounded to uint8.
    """
    # The legacy generator, because its numbers are promised never to change.
    random = np.random.RandomState(2007)
    order = random.permutation(len(train_images))
    more = num_test - len(test_images)
    train, others = order[:num_train], order[num_train : num_train + more]
    angles = random.uniform(0, 360, num_train + num_test)
    images = [train_images[train], test_images, train_images[others]]
    turned = rotate(np.concatenate(images), angles)
    return {
        "test_images": turned[num_train:],
        "test_labels": np.concatenate([test_labels, train_labels[others]]),
        "train_images": turned[:num_train],
        "train_labels": train_labels[train],
    }


def rotate(images: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """uint8 images [n, H, W, C], each turned by an angle of its own, counterclockwise."""
    matrices = affine_matrices(degrees)
    turned, batch = [], 1000
    for i in tqdm(range(0, len(images), batch), desc="turning digits", leave=False, disable=None):
        x = tf.cast(images[i : i + batch], tf.float64)
        y = warp(x, matrices[i : i + batch])
        turned.append(tf.cast(tf.clip_by_value(tf.round(y), 0, 255), tf.uint8).numpy())
    return np.concatenate(turned)
