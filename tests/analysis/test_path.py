"""BezierPath: its ends and its curve, and a case in which only a curve stays low."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from weirdonetworks.analysis import BezierPath, loss_along
from weirdonetworks.nets import MLP

X = np.random.default_rng(0).uniform(size=(5, 6, 6)).astype(np.float32)


def _network(seed: int) -> MLP:
    tf.random.set_seed(seed)
    network = MLP(3, (4,))
    network(X)
    return network


def _weights(network) -> list[np.ndarray]:
    return [v.numpy() for v in network.trainable_variables]


def _path() -> tuple[BezierPath, list, list]:
    a, b = _weights(_network(1)), _weights(_network(2))
    return BezierPath(_network(3), a, b), a, b


@pytest.mark.slow
def test_it_is_a_line_at_first_and_a_parabola_later():
    path, a, b = _path()
    for t in (0.0, 0.3, 0.5, 1.0):
        for x, y, w in zip(a, b, path.weights(t), strict=True):
            np.testing.assert_allclose(w, (1 - t) * x + t * y, atol=1e-6)
    for m in path.middle:
        m.assign_add(tf.ones_like(m))
    for x, y, w in zip(a, b, path.weights(0.3), strict=True):
        np.testing.assert_allclose(w, 0.7 * x + 0.3 * y + 2 * 0.3 * 0.7, atol=1e-6)


@pytest.mark.slow
def test_calls_are_the_network_with_these_weights():
    path, _, _ = _path()
    kept = _weights(path._network)
    network = _network(4)
    for v, w in zip(network.trainable_variables, path.weights(0.5), strict=True):
        v.assign(w)
    np.testing.assert_allclose(path(X), network(X), rtol=1e-6)
    for one, other in zip(kept, _weights(path._network), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_training_draws_t_anew_and_the_middle_alone_is_trained():
    path, _, _ = _path()
    first, second = path(X, is_training=True), path(X, is_training=True)
    assert np.abs(first - second).max() > 1e-3
    assert [v.name for v in path.trainable_variables] == [m.name for m in path.middle]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(path(X, is_training=True) ** 2)
    assert all(g is not None for g in tape.gradient(loss, path.trainable_variables))


class _Point(snt.Module):
    """Two weights, that are its output."""

    def __init__(self):
        super().__init__()
        self.w = tf.Variable([1.0, 0.0])

    def __call__(self, inputs, is_training=False):
        return tf.convert_to_tensor(self.w)


def _off_the_circle(w) -> tf.Tensor:
    return (tf.reduce_sum(w**2) - 1) ** 2


@pytest.mark.slow
def test_a_curve_is_found_where_the_line_crosses_a_hill():
    """On the circle |w| = 1 the loss is 0; the line between two of its points has 1/4 midway."""
    point = _Point()
    ends = [[np.array([1.0, 0.0], np.float32)], [np.array([0.0, 1.0], np.float32)]]
    path = BezierPath(point, *ends)
    _, straight = loss_along(point, lambda n: _off_the_circle(n.w), ends)
    for _ in range(60):
        with tf.GradientTape() as tape:
            # The mean over the curve, by a grid: descent without draws.
            values = [path.weights(t)[0] for t in np.linspace(0, 1, 11)]
            loss = tf.add_n([_off_the_circle(w) for w in values])
        path.middle[0].assign_sub(0.2 * tape.gradient(loss, path.middle[0]))
    sets = [path.weights(t) for t in np.linspace(0, 1, 11)]
    _, curved = loss_along(point, lambda n: _off_the_circle(n.w), sets, points=2)
    assert straight.max() == pytest.approx(0.25, abs=1e-6)
    assert curved.max() < 0.01


def test_bad_arguments():
    network = _network(1)
    weights = _weights(network)
    with pytest.raises(ValueError, match="^network must be a Sonnet module, got 3$"):
        BezierPath(3, weights, weights)
    with pytest.raises(ValueError, match="^network must have been called"):
        BezierPath(MLP(), weights, weights)
    for name, ends in (("first", (weights[:1], weights)), ("second", (weights, weights[::-1]))):
        with pytest.raises(ValueError, match=f"^{name} must have the shapes of"):
            BezierPath(network, *ends)
    bad = [np.full(w.shape, np.nan) for w in weights]
    for values in (None, 3, "ab", bad, [w.astype(complex) for w in weights], [[1, [2]]]):
        with pytest.raises(ValueError, match="^first must be arrays of finite numbers"):
            BezierPath(network, values, weights)
    path = BezierPath(network, weights, weights)
    with pytest.raises(ValueError, match="^t must be a number in "):
        path.weights("a")
    with pytest.raises(ValueError, match=r"^t must be a scalar, got shape \(2,\)$"):
        path.weights(tf.zeros([2]))


def test_a_network_without_is_training():
    network = snt.Linear(3)
    network(X[0])
    weights = _weights(network)
    np.testing.assert_allclose(BezierPath(network, weights, weights)(X[0]), network(X[0]))
