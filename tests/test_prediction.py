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
        (np.full((8, 9), "1"), r"^images must be an array of numbers, got an array of <U1 \[8, 9"),
        (PIXELS > 3, r"^images must be an array of numbers, got an array of bool \[3, 8, 9, 1"),
        ([[1, 2], [3]], r"^images must be an array of numbers, got \[\[1, 2\], \[3\]\]$"),
        (tf.ragged.constant([[1, 2], [3]]), r"^images must be an array of numbers, got <tf.Ragged"),
        ("digit.png", r"^images must be an array of numbers, got 'digit.png'$"),
        (None, r"^images must be an array of numbers, got None$"),
        ([], r"got shape \[0\]$"),
        (np.zeros((8, 7)), r"feature"),
    ],
)  # fmt: skip
def test_other_pictures_are_refused(network, images, message):
    wn.classify(network, PIXELS)
    with pytest.raises(ValueError, match=message):
        wn.classify(network, images)


def test_tensors_without_values_are_refused(network):
    @tf.function(autograph=False)
    def compiled(images):
        return wn.classify(network, images).classes

    with pytest.raises(ValueError, match=r"^images must be an array of numbers, got <tf.Tensor"):
        compiled(tf.constant(PIXELS))

    @tf.function(autograph=False)
    def constant():
        return wn.classify(network, PIXELS).classes

    with pytest.raises(ValueError, match=r"^network must return .*, got float32 \(3, 10\) of 3$"):
        constant()


@pytest.mark.parametrize(
    "network, message",
    [
        (3, r"^network must be a function, got 3$"),
        ("mlp", r"^network must be a function, got 'mlp'$"),
        (lambda x: None, r"^network must return floating logits .* of n images, got None of 3$"),
        (lambda x: x, r"got float32 \(3, 8, 9, 1\) of 3$"),
        (lambda x: x[:, 0, 0, 0], r"got float32 \(3,\) of 3$"),
        (lambda x: x[:2, 0, :, 0], r"got float32 \(2, 9\) of 3$"),
        (lambda x: x[:, 0, :0, 0], r"got float32 \(3, 0\) of 3$"),
        (lambda x: tf.cast(x[:, 0, :, 0], tf.int32), r"got int32 \(3, 9\) of 3$"),
        (lambda x: (x[:, 0, :, 0], x), r"^network must return .*, got \(<tf.Tensor"),
        (lambda x: x[:, 0, :2, 0] * [[1.0], [np.nan], [1.0]],
         r"^network must return logits with a softmax, got \[nan nan\] of image 1$"),
        (lambda x: x[:, 0, :2, 0] / 0, r"logits with a softmax, got \[inf inf"),
    ],
)  # fmt: skip
def test_what_is_no_network_of_logits_is_refused(network, message):
    with pytest.raises(ValueError, match=message) as error:
        wn.classify(network, PIXELS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_logits_of_any_floating_type_give_float32(dtype):
    found = wn.classify(lambda x: tf.cast(x[:, 0, :, 0], dtype), PIXELS)
    assert found.probabilities.dtype == found.energy.dtype == np.float32
    assert found.classes.dtype == np.int64


def test_a_class_that_is_ruled_out_is():
    found = wn.classify(lambda x: tf.constant([[0.0, -np.inf]] * len(x)), PIXELS)
    np.testing.assert_array_equal(found.probabilities, [[1, 0]] * 3)
