"""Responses of any function: what it gets, what it may return, and a loop in plain numpy."""

import numpy as np
import pytest
import scipy.ndimage
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from weirdonetworks import groups, stability

RNG = np.random.default_rng(0)
W, V = RNG.normal(size=(49, 6)), RNG.normal(size=(6, 3))
IMAGES = RNG.normal(size=(5, 7, 7))
FAMILIES = {
    "rotation": stability.rotation(8, image_shape=(7, 7)),
    "shift_x": stability.shift_x(5, -1, 1, (7, 7)),
    "shift_y": stability.shift_y(5, -1, 1, (7, 7)),
    "scale": stability.scale(5, 0.5, 1.5, (7, 7)),
    "shear": stability.shear(5, -0.5, 0.5, (7, 7)),
}


def network(images) -> np.ndarray:
    return np.tanh(np.reshape(images, (-1, 49)) @ W) @ V


class Sonnet(snt.Module):
    def __call__(self, images):
        return tf.tanh(tf.reshape(images, [-1, 49]) @ W) @ V


def keras_model() -> tf.keras.Model:
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(6, activation="tanh", use_bias=False),
            tf.keras.layers.Dense(3, use_bias=False),
        ]
    )
    model.build([None, 7, 7])
    model.set_weights([W, V])
    return model


def move(name: str, image: np.ndarray, s: float) -> np.ndarray:
    """The image moved by scipy, in (row, column) from the top left corner."""
    how = {"order": 1, "mode": "grid-constant"}
    if name == "rotation":
        return scipy.ndimage.rotate(image, s, reshape=False, **how)
    if name in ("shift_x", "shift_y"):
        return scipy.ndimage.shift(image, (0, s) if name == "shift_x" else (-s, 0), **how)
    inverse = np.eye(2) / s if name == "scale" else np.array([[1, 0], [s, 1]])
    centre = (np.array(image.shape) - 1) / 2
    return scipy.ndimage.affine_transform(image, inverse, centre - inverse @ centre, **how)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_loop_in_plain_numpy(name):
    """All measures of a small network, written out once more with scipy's interpolation."""
    family = FAMILIES[name]
    report = stability.measure(network, IMAGES, family, labels=[0, 1, 2, 0, 1])
    wraps = family.closed
    for i, image in enumerate(IMAGES):
        outputs = [network(move(name, image, s))[0] for s in family.parameters]
        here = network(image)[0]
        points = [*outputs, outputs[0]] if wraps else outputs
        pairs = list(zip(points[:-1], points[1:], strict=True))
        mean = sum((a + b) / 2 for a, b in pairs) / len(pairs)
        squares = [np.sum((f - mean) ** 2) for f in points]
        flips = [float(np.argmax(f) != np.argmax(here)) for f in points]
        variance, flipped = (
            sum((v[j] + v[j + 1]) / 2 for j in range(len(pairs))) / len(pairs)
            for v in (squares, flips)
        )
        length = sum(np.sum(np.abs(b - a)) for a, b in pairs)
        distances = [np.sqrt(np.sum((f - here) ** 2)) for f in outputs]
        np.testing.assert_allclose(report.responses[i], outputs, atol=1e-9)
        np.testing.assert_allclose(report.variance.values[i], variance, atol=1e-9)
        np.testing.assert_allclose(report.difference.values[i], length, atol=1e-9)
        np.testing.assert_allclose(report.displacement[i], distances, atol=1e-9)
        assert report.worst.at[i] == family.parameters[np.argmax(distances)]
        np.testing.assert_allclose(report.instability[i], flipped, atol=1e-12)
    assert report.variance.values.min() > 0.01 and report.instability.max() > 0


@pytest.mark.slow
def test_all_kinds_of_functions_agree():
    family = FAMILIES["rotation"]
    expected = stability.respond(network, IMAGES, family)
    assert expected.dtype == np.float64 and expected.shape == (5, 8, 3)
    compiled = tf.function(Sonnet(), jit_compile=True, autograph=False)
    for function in (Sonnet(), compiled, lambda x: tf.constant(network(x))):
        np.testing.assert_allclose(stability.respond(function, IMAGES, family), expected)
    responses = stability.respond(keras_model(), IMAGES, family)  # in float32, as Keras does
    np.testing.assert_allclose(responses, expected, atol=1e-5)
    np.testing.assert_allclose(
        stability.respond(lambda x: network(x.numpy()), tf.constant(IMAGES), family), expected
    )
    np.testing.assert_allclose(stability.respond(network, IMAGES, family.action), expected)


@pytest.mark.parametrize("batch_size", [1, 3, 16, 17, 1000])
def test_batches_of_any_size(batch_size):
    sizes = []

    def counted(images):
        sizes.append(len(images))
        return network(images)

    responses = stability.respond(counted, IMAGES, FAMILIES["rotation"], batch_size)
    np.testing.assert_allclose(responses, stability.respond(network, IMAGES, FAMILIES["rotation"]))
    assert max(sizes) <= batch_size and sum(sizes) == 40
    assert len(set(sizes)) <= 2  # so that a compiled function is compiled at most twice


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(2, 7, 7), (2, 7, 7, 1), (2, 7, 7, 3)], ids=str)
def test_what_the_function_gets(shape, dtype):
    seen = []

    class Look(tf.Module):
        def __call__(self, images):
            seen.append(images)
            return tf.ones([len(images), 1])

    def look(images):
        seen.append(images)
        return np.ones((len(images), 1))

    images = np.ones(shape, dtype)
    stability.respond(look, images, FAMILIES["shear"])
    stability.respond(Look(), images, FAMILIES["shear"])
    stability.respond(look, tf.constant(images), FAMILIES["shear"])
    assert isinstance(seen[0], np.ndarray) and all(map(tf.is_tensor, seen[1:]))
    for images in seen:
        assert images.dtype == dtype and tuple(images.shape) == (10, *shape[1:])


def test_a_network_of_the_zoo():
    net = wn.create_network("mlp", hidden_sizes=(4,))
    images = RNG.uniform(size=(2, 28, 28, 1)).astype("f")
    family = stability.rotation(4)
    responses = stability.respond(net, images, family)
    for s in range(4):
        turned = np.rot90(images, s, axes=(1, 2)).copy()
        np.testing.assert_allclose(responses[:, s], net(turned), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"function": 3}, "function must be callable on images, got 3"),
        ({"action": "cyclic4"}, "action must be an ImageAction or a Family, got 'cyclic4'"),
        ({"batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
        ({"images": IMAGES[:0]}, r"images must be at least one, got shape \(0, 7, 7\)"),
        ({"images": IMAGES[0]}, r"images must be images \[batch, 7, 7, channels\] or"),
        ({"images": IMAGES[:, 1:]}, r"images must be images \[batch, 7, 7, channels\] or"),
        ({"images": IMAGES.astype(int)}, "images must be of a floating type .*, got int64"),
        ({"action": groups.cyclic(4)}, r"images must be images \[batch, 28, 28, channels\]"),
        (
            {"function": lambda x: x},
            r"must return \[batch, k\] with the same k >= 1 for each batch, got shape \(40, 7, 7\)",
        ),
        ({"function": lambda x: x[:, 0, 0]}, r"got shape \(40,\) for 40 images"),
        ({"function": lambda x: network(x)[1:]}, r"got shape \(39, 3\) for 40 images"),
        ({"function": lambda x: network(x)[:, :0]}, r"got shape \(40, 0\) for 40 images"),
        ({"function": lambda x: 0.0}, r"got shape \(\) for 40 images"),
        (
            {"function": lambda x: network(x)[:, : len(x) // 32 + 1], "batch_size": 32},
            r"with the same k >= 1 for each batch, got shape \(8, 1\) for 8 images",
        ),
        ({"function": lambda x: "no"}, r"must return real numbers \[batch, k\], got str"),
        (
            {"function": lambda x: 1j * network(x)},
            r"must return real numbers \[batch, k\], got nda",
        ),
        ({"function": lambda x: {}}, r"must return real numbers \[batch, k\], got dict"),
        ({"function": lambda x: network(x) / 0}, "must return finite numbers, got NaN or infinity"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_bad_arguments(changes, message):
    arguments = {"function": network, "images": IMAGES, "action": FAMILIES["rotation"], **changes}
    with pytest.raises(ValueError, match=message):
        stability.respond(**arguments)
