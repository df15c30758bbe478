"""classify: pictures of any usual shape and type."""

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 9, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def network():
    return wn.nets.MLP(hidden_sizes=(6,))


def test_it_says_classes_probabilities_and_energy(network):
    found = wn.classify(network, PIXELS)
    logits = network(tf.constant(PIXELS / 255, tf.float32))
    np.testing.assert_array_equal(found.classes, np.argmax(logits, axis=1))
    np.testing.assert_allclose(found.probabilities, tf.nn.softmax(logits), rtol=1e-6)
    np.testing.assert_allclose(found.energy, -np.log(np.exp(logits).sum(axis=1)), rtol=1e-5)


@pytest.mark.parametrize(
    "images",
    [
        PIXELS[..., 0],
        PIXELS.astype(np.int64),
        PIXELS / 255,
        (PIXELS / 255).astype(np.float32),
        PIXELS.tolist(),
        tf.constant(PIXELS),
    ],
    ids=["without channels", "int64", "float64", "float32", "lists", "a tensor"],
)
def test_every_form_is_the_same(network, images):
    expected = wn.classify(network, PIXELS).probabilities
    np.testing.assert_allclose(wn.classify(network, images).probabilities, expected, rtol=1e-5)


@pytest.mark.parametrize("one", [PIXELS[0], PIXELS[0, ..., 0]], ids=["channels", "flat"])
def test_one_picture_is_one(network, one):
    expected = wn.classify(network, PIXELS).probabilities[:1]
    np.testing.assert_allclose(wn.classify(network, one).probabilities, expected, rtol=1e-5)


def test_more_pictures_than_a_batch(network):
    many = np.resize(PIXELS, (2501, 8, 9, 1))
    found = wn.classify(network, many)
    assert found.classes.shape == (2501,) and found.probabilities.shape == (2501, 10)
    np.testing.assert_array_equal(found.classes[:3], wn.classify(network, PIXELS).classes)


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros(5), r"^images must be \[height, width\], .*, got shape \[5\]$"),
        (np.zeros((0, 8, 9)), r"got shape \[0, 8, 9\]$"),
        (np.full((8, 9), 1.5), r"^images must be integers from 0 to 255 or floats in \[0, 1\], got "
         r"float64 from 1.5 to 1.5$"),
        (np.full((8, 9), np.nan), r"got float64 from nan to nan$"),
        (np.full((8, 9), 256), r"got int64 from 256 to 256$"),
        (np.full((8, 9), -1), r"got int64 from -1 to -1$"),
        (np.full((8, 9), "1"), r"^images must be numbers, got "),
        (PIXELS > 3, r"^images must be numbers, got dtype\('bool'\)$"),
        (np.zeros((8, 7)), r"feature"),
    ],
)  # fmt: skip
def test_other_pictures_are_refused(network, images, message):
    wn.classify(network, PIXELS)
    with pytest.raises(ValueError, match=message):
        wn.classify(network, images)
