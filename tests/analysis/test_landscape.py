"""The Hessian's products and spectrum against the exact Hessian; the loss along lines."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from weirdonetworks.analysis import hessian_product, hessian_spectrum, lanczos, loss_along
from weirdonetworks.analysis.landscape import HessianSpectrum

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.random.default_rng(1).integers(3, size=30)


def _network() -> snt.Module:
    tf.random.set_seed(0)
    network = snt.nets.MLP([5, 3], activation=tf.tanh)
    network(tf.constant(X))
    return network


def _loss(network) -> tf.Tensor:
    logits = network(tf.constant(X))
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(Y, logits))


def _exact(network) -> np.ndarray:
    """The Hessian by central differences of the gradient, [43, 43]."""
    variables = network.trainable_variables

    def gradient() -> np.ndarray:
        with tf.GradientTape() as tape:
            loss = _loss(network)
        return np.concatenate([np.ravel(g) for g in tape.gradient(loss, variables)])

    columns = []
    for v in variables:
        value = v.numpy()
        for i in range(value.size):
            sides = []
            for step in (1e-5, -1e-5):
                moved = value.copy()
                moved.flat[i] += step
                v.assign(moved)
                sides.append(gradient())
            v.assign(value)
            columns.append((sides[0] - sides[1]) / 2e-5)
    return np.stack(columns, axis=1)


@pytest.fixture(scope="module")
def exact() -> tuple[snt.Module, np.ndarray]:
    network = _network()
    return network, _exact(network)


@pytest.mark.slow
def test_products_are_those_of_the_exact_hessian(exact):
    network, hessian = exact
    product = hessian_product(network, _loss)
    vector = np.random.default_rng(2).normal(size=43)
    np.testing.assert_allclose(product(vector), hessian @ vector, atol=1e-8)
    assert np.abs(hessian).max() > 0.1


@pytest.mark.slow
def test_with_all_steps_nodes_are_the_eigenvalues(exact):
    network, hessian = exact
    values = np.linalg.eigvalsh((hessian + hessian.T) / 2)
    found = hessian_spectrum(network, _loss, steps=1000, probes=3)
    # Softmax does not see a shift of all logits: six eigenvalues are 0, and make one node.
    for nodes, weights in zip(found.nodes, found.weights, strict=True):
        kept = nodes[weights > 1e-12]
        assert np.abs(kept[:, None] - values).min(axis=1).max() < 1e-6
        assert np.abs(values[:, None] - kept).min(axis=1).max() < 1e-6
    assert found.largest == pytest.approx(values[-1], rel=1e-6)
    assert found.smallest == pytest.approx(values[0], abs=1e-6)
    np.testing.assert_allclose(found.weights.sum(axis=1), 1)


@pytest.mark.slow
def test_few_steps_see_the_ends_and_shares_hold(exact):
    network, hessian = exact
    values = np.linalg.eigvalsh((hessian + hessian.T) / 2)
    found = hessian_spectrum(network, _loss, steps=25, probes=100)
    assert found.largest == pytest.approx(values[-1], rel=1e-3)
    trace, error = found.trace()
    assert abs(trace - values.sum()) < 4 * error and error < 0.1 * values.sum()
    whole = hessian_spectrum(network, _loss, steps=43, probes=60)
    for seen, low, high in ((found, 0.05, 10), (whole, -1e-3, 1e-3)):
        share, error = seen.share(low, high)
        truth = np.mean((values >= low) & (values <= high))
        assert abs(share - truth) < 4 * error + 0.03 and 0 < error < 0.05, (share, truth, error)


def test_a_quadratic_has_its_own_eigenvalues():
    """Also with repeated ones, of which a probe sees one direction each."""
    eigenvalues = np.array([5.0, 2, 2, 2, 1, 0, 0, -3])
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))
    matrix = q @ np.diag(eigenvalues) @ q.T

    class Quadratic(snt.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(np.ones(8))

    def loss(network):
        return tf.tensordot(network.w, tf.linalg.matvec(matrix, network.w), 1) / 2

    found = hessian_spectrum(Quadratic(), loss, probes=2)
    for nodes, weights in zip(found.nodes, found.weights, strict=True):
        kept = np.unique(np.round(nodes[weights > 1e-9], 6))
        np.testing.assert_allclose(kept, [-3, 0, 1, 2, 5], atol=1e-6)
    assert found.largest == pytest.approx(5) and found.smallest == pytest.approx(-3)


def test_lanczos_is_orthogonal_where_the_plain_recurrence_is_not():
    values = np.concatenate([np.linspace(0, 1, 199), [1000.0]])
    start = np.ones(200)
    alpha, beta = lanczos(lambda v: values * v, start, 60)
    ritz = np.linalg.eigvalsh(np.diag(alpha) + np.diag(beta, 1) + np.diag(beta, -1))
    assert ritz[-1] == pytest.approx(1000) and ritz[-2] < 1.001
    # Without it, the largest eigenvalue comes again and again.
    q, last, b, plain = start / np.sqrt(200), np.zeros(200), 0.0, ([], [])
    for _ in range(60):
        v = values * q - b * last
        plain[0].append(q @ v)
        v = v - plain[0][-1] * q
        last, b = q, np.linalg.norm(v)
        plain[1].append(b)
        q = v / b
    off = plain[1][:-1]
    ghosts = np.linalg.eigvalsh(np.diag(plain[0]) + np.diag(off, 1) + np.diag(off, -1))
    assert np.sum(ghosts > 999) > 1


def test_shares_and_trace_by_hand():
    spectrum = HessianSpectrum(
        np.array([[0.0, 2], [1, 3]]), np.array([[0.75, 0.25], [0.5, 0.5]]), 8
    )
    assert spectrum.share(-0.5, 0.5) == pytest.approx((0.375, 0.375))
    assert spectrum.trace() == pytest.approx((10.0, 6.0))
    one = HessianSpectrum(spectrum.nodes[:1], spectrum.weights[:1], 8)
    assert one.share(0, 1)[0] == 0.75 and np.isnan(one.share(0, 1)[1])


def _values(network) -> list[np.ndarray]:
    return [v.numpy() for v in network.trainable_variables]


@pytest.mark.slow
def test_the_loss_along_lines():
    network = _network()
    first = _values(network)
    second = [value + 1 for value in first]
    third = [2 * value for value in first]
    t, losses = loss_along(network, _loss, [first, second, third], points=5)
    np.testing.assert_allclose(t, np.linspace(0, 2, 9))
    for own, value in zip(_values(network), first, strict=True):
        np.testing.assert_array_equal(own, value)
    for place, weights in ((0, first), (4, second), (8, third)):
        for v, value in zip(network.trainable_variables, weights, strict=True):
            v.assign(value)
        np.testing.assert_allclose(losses[place], _loss(network), rtol=1e-12)
    for v, a, b in zip(network.trainable_variables, second, third, strict=True):
        v.assign(0.25 * a + 0.75 * b)
    np.testing.assert_allclose(losses[7], _loss(network), rtol=1e-12)


def test_bad_input():
    network = _network()
    own = _values(network)
    for call, message in (
        (lambda: hessian_product("net", _loss), "^network must be a Sonnet module, got 'net'$"),
        (lambda: hessian_product(snt.Linear(3), _loss), "^network must have been called"),
        (lambda: hessian_product(network, _loss)(np.ones(3)), r"^vector must be \[43\], a number"),
        (
            lambda: hessian_product(network, lambda net: net(tf.constant(X)))(np.ones(43)),
            "^loss must give a scalar tensor",
        ),
        (
            lambda: hessian_product(network, lambda net: tf.constant(1.0))(np.ones(43)),
            "^loss must depend on the weights",
        ),
        (lambda: hessian_spectrum(network, _loss, steps=0), "^steps must be an integer >= 1"),
        (lambda: hessian_spectrum(network, _loss, probes=1.5), "^probes must be an integer >= 1"),
        (lambda: lanczos(lambda v: v, np.zeros(3), 2), "^start must not be 0$"),
        (lambda: lanczos(lambda v: v * np.nan, np.ones(3), 2), "^product must be finite, got 3"),
        (lambda: loss_along(network, _loss, [own]), "^weights must be two sets or more, got 1$"),
        (lambda: loss_along(network, _loss, [own, own[:1]]), r"^weights\[1\] must have the shapes"),
        (
            lambda: loss_along(network, _loss, [own, own], points=1),
            "^points must be an integer >= 2",
        ),
        (
            lambda: loss_along(network, lambda net: net(tf.constant(X)), [own, own]),
            "^loss must give a scalar tensor, got shape",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    for v, value in zip(network.trainable_variables, own, strict=True):
        np.testing.assert_array_equal(v, value)
