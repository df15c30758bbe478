"""ProductOfExperts: what it multiplies, and Heskes' identity."""

import numpy as np
import pytest
import tensorflow as tf

from weirdonetworks.layers import ProductOfExperts


def _built(weights, classes: int = 5) -> ProductOfExperts:
    layer = ProductOfExperts()
    layer(np.zeros([1, len(weights), classes]))
    layer.theta.assign(np.log(np.expm1(weights)) - np.log(np.expm1(1 / len(weights))))
    return layer


def _softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _kl(q: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.sum(q * np.log(q / p), axis=-1)


WEIGHTS = np.array([0.2, 1.3, 0.7])


def test_probabilities_are_multiplied():
    logits = np.random.default_rng(0).normal(size=[20, 3, 5])
    product = np.prod(_softmax(logits) ** WEIGHTS[:, None], axis=1)
    product /= product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(_softmax(_built(WEIGHTS)(logits).numpy()), product, rtol=1e-12)
    shifted = logits + 10 * np.random.default_rng(1).normal(size=[20, 3, 1])  # says the same
    np.testing.assert_allclose(_softmax(_built(WEIGHTS)(shifted).numpy()), product, rtol=1e-10)


def test_the_start_is_the_geometric_mean():
    logits = np.random.default_rng(0).normal(size=[20, 4, 5])
    np.testing.assert_allclose(ProductOfExperts()(logits), logits.mean(axis=1), rtol=1e-12)


def _sides(weights: np.ndarray, combine) -> tuple[np.ndarray, np.ndarray]:
    """Both sides of KL(q | p) = sum w_i KL(q | p_i) - sum w_i KL(p | p_i)."""
    rng = np.random.default_rng(3)
    logits = 3 * rng.normal(size=[50, len(weights), 5])
    experts, q = _softmax(logits), _softmax(3 * rng.normal(size=[50, 5]))
    p = combine(logits)
    spread = _kl(q[:, None], experts) - _kl(p[:, None], experts)
    return _kl(q, p), spread @ weights


def test_the_identity_of_heskes():
    weights = WEIGHTS / WEIGHTS.sum()
    one, other = _sides(weights, lambda logits: _softmax(_built(weights)(logits).numpy()))
    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
    # It holds of no mixture, and of no weights that do not sum to 1.
    one, other = _sides(weights, lambda logits: np.einsum("i,bic->bc", weights, _softmax(logits)))
    assert np.abs(one - other).min() > 1e-3
    one, other = _sides(WEIGHTS, lambda logits: _softmax(_built(WEIGHTS)(logits).numpy()))
    assert np.abs(one - other).max() > 0.1


def test_a_sum_of_weights_is_a_temperature():
    """Equal experts: surer than each of them above 1, less sure below."""
    logits = np.repeat(np.random.default_rng(0).normal(size=[20, 1, 5]), 3, axis=1)
    expert = _softmax(logits[:, 0]).max(axis=1)
    for total, sign in ((2.0, 1), (0.5, -1)):
        found = _softmax(_built(np.full(3, total / 3))(logits).numpy()).max(axis=1)
        assert np.all(sign * (found - expert) > 0)


@pytest.mark.slow
def test_a_weight_learns_to_be_silent():
    """One expert of three knows the class; the others are noise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(5, size=400)
    logits = 2 * rng.normal(size=[400, 3, 5])
    logits[:, 1] = 3 * np.eye(5)[labels] + rng.normal(size=[400, 5])
    layer = _built(np.full(3, 1 / 3))
    for _ in range(100):
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, layer(logits))
            loss = tf.reduce_mean(losses)
        layer.theta.assign_sub(2 * tape.gradient(loss, layer.theta))
    weights = layer.weights.numpy()
    assert np.all(weights > 0) and np.all(weights[[0, 2]] < 0.1 * weights[1])


@pytest.mark.parametrize("shape", [(4, 3), (4, 0, 3), (4, 3, 0), (4, 2, 3, 1)])
def test_bad_shapes(shape):
    with pytest.raises(ValueError, match=r"^ProductOfExperts inputs must be \[batch, experts, cla"):
        ProductOfExperts()(np.ones(shape))


def test_another_number_of_experts():
    message = r"must be \[batch, 3, 5\] as at the first call, got shape \(4, 2, 5\)$"
    with pytest.raises(ValueError, match=message):
        _built(WEIGHTS)(np.ones([4, 2, 5]))
