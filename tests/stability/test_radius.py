"""Certified radii: their formula; no attack refutes them, and one refutes a false bound."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from tests import helpers
from weirdonetworks import functional, layers, nets
from weirdonetworks.stability import certified_accuracy, certified_radius, lipschitz_constant

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(30, 6, 6, 1))


def _built(net, x=X):
    net(tf.constant(x))
    helpers.randomise_zeros(net)
    return net


def test_of_a_linear_map_it_is_the_distance_to_the_nearest_boundary():
    net = _built(snt.Linear(4), X.reshape(30, 36))
    w, b = net.w.numpy(), net.b.numpy()
    f = X.reshape(30, 36) @ w + b
    expected = [
        min(
            (row[c] - row[j]) / np.linalg.norm(w[:, c] - w[:, j])
            for j in range(4)
            if j != (c := row.argmax())
        )
        for row in f
    ]
    np.testing.assert_allclose(certified_radius(net, X.reshape(30, 36)), expected, rtol=1e-7)


@pytest.mark.slow
def test_of_a_bound_of_one_it_is_the_margin_by_the_root_of_two():
    net = _built(nets.LipschitzMLP(4, (12, 8)))
    f = np.sort(net(X).numpy(), axis=1)
    expected = (f[:, -1] - f[:, -2]) / np.sqrt(2)
    found = certified_radius(net, X)
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    assert np.all(found <= expected)


def test_networks_whose_last_layer_is_not_dense_have_the_root_of_two():
    net = _built(snt.Sequential([snt.Flatten(), snt.Linear(4), tf.tanh]))
    f = np.sort(net(tf.constant(X)).numpy(), axis=1)
    expected = (f[:, -1] - f[:, -2]) / np.sqrt(2) / lipschitz_constant(net)
    np.testing.assert_allclose(certified_radius(net, X), expected, rtol=1e-7)


class Threefold(snt.Module):
    """A network times 3 that says it is not."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def __call__(self, images):
        return 3 * self.net(images)

    def unroll(self):
        return self.net.unroll()


def nearest_found(net, x: np.ndarray, steps: int = 300, restarts: int = 4) -> np.ndarray:
    """[n], the smallest distance at which ascent finds another class, from many places at once."""
    lengths = np.repeat(np.geomspace(0.02, 4, 12), restarts)
    size = tf.constant(np.repeat(lengths, len(x))[:, None])
    center = tf.constant(np.tile(x.reshape(len(x), -1), [len(lengths), 1]))
    right = tf.one_hot(np.argmax(net(center), axis=1), 4, dtype=tf.float64)

    def gap(z):
        f = net(z)
        return tf.reduce_max(f - 1e9 * right, axis=1) - tf.reduce_sum(f * right, axis=1)

    @tf.function(autograph=False)
    def attack(z):
        def climb(i, z, nearest):
            with tf.GradientTape() as tape:
                tape.watch(z)
                value = gap(z)
            g = tape.gradient(value, z)
            moved = z - center + 0.1 * size * g / (tf.norm(g, axis=1, keepdims=True) + 1e-300)
            moved *= tf.minimum(tf.ones_like(size), size / tf.norm(moved, axis=1, keepdims=True))
            z = center + moved
            found = tf.where(gap(z) > 0, tf.norm(moved, axis=1), np.inf)
            return i + 1, z, tf.minimum(nearest, found)

        start = (tf.constant(0), z, tf.fill([len(center)], tf.constant(np.inf, tf.float64)))
        return tf.while_loop(lambda i, *_: i < steps, climb, start)[2]

    found = attack(center + 0.05 * size * RNG.normal(size=center.shape))
    return found.numpy().reshape(len(lengths), len(x)).min(axis=0)


@pytest.mark.slow
def test_no_attack_refutes_a_certificate_but_one_refutes_a_false_one():
    """The certificate is nearly reached, so the attack is strong."""
    net = _built(nets.LipschitzMLP(4, (12, 8)))
    radii, nearest = certified_radius(net, X), nearest_found(net, X)
    assert np.all(nearest >= radii)
    assert np.median(nearest / radii) < 1.6 and np.min(nearest / radii) < 1.1
    # Of a third of the slope: said to be safe three times as far.
    assert np.mean(nearest < 3 * radii) > 0.9


@pytest.mark.slow
def test_a_network_that_is_not_what_its_layers_say_is_refused():
    """Three times the margins and the same bound would be a false certificate."""
    net = _built(nets.LipschitzMLP(4, (12, 8)))
    with pytest.raises(ValueError, match="^net must compute what its layers say"):
        certified_radius(Threefold(net), X)


@pytest.mark.slow
def test_accuracy_counts_what_is_right_and_far():
    net = _built(nets.LipschitzMLP(4, (12, 8)))
    radii, classes = certified_radius(net, X), np.argmax(net(X), axis=1)
    labels = np.where(np.arange(30) < 20, classes, (classes + 1) % 4)
    middle = float(np.median(radii))
    found = certified_accuracy(net, X, labels, (0.0, middle, 1e9))
    expected = [20 / 30, np.mean((radii >= middle)[:20]) * 20 / 30, 0]
    np.testing.assert_allclose(found, expected)


@pytest.mark.slow
def test_pairs_in_order_bend_the_chords_of_a_path():
    """Certificates over angles go through them: as sound as through a rectifier."""
    from weirdonetworks.stability import certify_rotations, rotation_grid

    net = _built(nets.LipschitzMLP(4, (12, 8)))
    degrees = rotation_grid(0, 20, 2, image_shape=(6, 6))
    proof = certify_rotations(net, X[:4], degrees)
    fine = certify_rotations(net, X[:4], np.linspace(0, 20, 401))
    places = np.searchsorted(degrees, np.linspace(0, 20, 401)[1:], side="left") - 1
    assert np.all(fine.measured[:, 1:] <= proof.bound[:, places] + 1e-12)
    assert np.all(fine.bound[:, -1] < proof.bound[:, -1])


def test_maxout_and_pairs_are_known():
    for activation in (functional.maxout, functional.sort_groups):
        net = _built(nets.MLP(4, (8,), activation))
        norms = [np.linalg.norm(layer.w, 2) for layer in net.layers]
        np.testing.assert_allclose(lipschitz_constant(net), np.prod(norms), rtol=1e-8)


@pytest.mark.slow
def test_bad_arguments():
    net = _built(nets.LipschitzMLP(4, (12, 8)))
    labels = np.zeros(30, int)
    for function, message in (
        (lambda: certified_radius(lambda x: x, X), "^net must be a tf.Module, such as"),
        (lambda: certified_radius(net, X[:0]), "^images must be at least one"),
        (lambda: certified_radius(net, X * np.nan), "^images must be finite"),
        (lambda: certified_radius(_built(nets.MLP(1, ())), X), "^net must return .* classes >= 2"),
        (
            lambda: certified_radius(_built(nets.QuadraticMLP(4, 3, (4,))), X),
            "^net must be made of dense layers and activations of known",
        ),
        (lambda: certified_accuracy(net, X, labels[:5]), r"^labels must be integers \[30\], got"),
        (lambda: certified_accuracy(net, X, labels + 0.5), r"^labels must be integers \[30\], got"),
        (
            lambda: certified_accuracy(net, X, labels, 0.5),
            "^radii must be a sequence of numbers, got 0.5$",
        ),
        (
            lambda: certified_accuracy(net, X, labels, (0.5, -1)),
            r"^radii\[1\] must be a number in \[0, inf\], got -1$",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            function()


def test_orthogonal_layers_are_known():
    layer = _built(layers.OrthogonalDense(5), X.reshape(30, 36))
    np.testing.assert_allclose(lipschitz_constant(layer), 1, rtol=1e-8)
