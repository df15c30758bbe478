"""Linear attention: three computations of one thing, the stream, and the delta rule."""

import numpy as np
import pytest
import tensorflow as tf

from weirdonetworks.functional import attention

RNG = np.random.default_rng(0)
Q, K, V = (RNG.uniform(size=(2, 3, 11, size)) for size in (4, 4, 5))


def test_without_order_it_is_the_quadratic_form():
    keys, values = K[..., :7, :], V[..., :7, :]
    for normalize in (True, False):
        found = attention.linear_attention(Q, keys, values, normalize=normalize)
        expected = attention.masked_attention(Q, keys, values, normalize=normalize)
        np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("chunk_size", [1, 4, 11, 64])
def test_three_computations_agree(normalize, chunk_size):
    lower = np.tri(11)
    expected = np.einsum("bhid,bhjd,ij,bhje->bhie", Q, K, lower, V)
    if normalize:
        expected /= np.einsum("bhid,bhjd,ij->bhi", Q, K, lower)[..., None]
    masked = attention.masked_attention(Q, K, V, lower, normalize)
    np.testing.assert_allclose(masked, expected, rtol=1e-12)
    for form in ("quadratic", "recurrent", "chunked"):
        found = attention.linear_attention(Q, K, V, True, form, normalize, chunk_size)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    whole = attention.linear_attention(Q, K, V, normalize=normalize)
    np.testing.assert_allclose(whole[..., -1, :], expected[..., -1, :], rtol=1e-12)
    assert np.abs(whole[..., 0, :] - expected[..., 0, :]).max() > 0.1


@pytest.mark.slow
def test_it_streams():
    expected = attention.linear_attention(Q, K, V, causal=True)
    state = None
    for t in range(11):
        y, state = attention.linear_attention_step(state, Q[..., t, :], K[..., t, :], V[..., t, :])
        np.testing.assert_allclose(y, expected[..., t, :], rtol=1e-12)
    np.testing.assert_allclose(state.totals, K.sum(axis=-2), rtol=1e-12)
    token = Q[0, 0, 0], K[0, 0, 0], V[0, 0, 0]
    _, state = attention.linear_attention_step(None, *token)
    narrow = token[0], token[1], token[2][:1]
    for bad, inputs, message in (
        (3, token, "^state must be None or a LinearState, got 3$"),
        (state, narrow, r"^sums of state must be \[..., 4, 1\], got shape \(4, 5\)$"),
        (attention.LinearState("x", 3), token, "^sums of state must be"),
        (None, (token[0][:3], *token[1:]), "^key must have as many features as query, 3, got 4$"),
    ):
        with pytest.raises(ValueError, match=message):
            attention.linear_attention_step(bad, *inputs)


def test_features_that_see_nothing_are_not_divided():
    """A query whose features meet no key's: what public implementations make NaN or huge."""
    q, k = np.zeros((4, 2)), np.zeros((4, 2))
    q[:, 0], k[2:, 0] = 1, 1
    v = np.arange(8.0).reshape(4, 2)
    for form in ("quadratic", "recurrent", "chunked"):
        y = attention.linear_attention(q, k, v, True, form, chunk_size=2).numpy()
        np.testing.assert_array_equal(y, [[0, 0], [0, 0], [4, 5], [5, 6]])


def test_negative_features_have_no_normaliser():
    with pytest.raises(ValueError, match="^keys must be >= 0 for normalize=True, got -"):
        attention.linear_attention(Q, K - 1.5, V)
    with pytest.raises(ValueError, match="^queries must be >= 0 for normalize=True, got -0"):
        attention.masked_attention(Q - 1, K, V)
    assert np.isfinite(attention.linear_attention(Q, K - 1.5, V, normalize=False)).all()


def test_after_writing_a_unit_key_it_tells_the_value():
    keys = RNG.normal(size=(3, 6, 4))
    keys /= np.linalg.norm(keys, axis=-1, keepdims=True)
    keys[:, 5] = keys[:, 1]  # written again
    values = RNG.normal(size=(3, 6, 2))
    np.testing.assert_allclose(attention.delta_rule(keys, keys, values), values, rtol=1e-12)
    half = attention.delta_rule(keys, keys, values, 0.5)
    assert np.abs(half - values).max() > 0.1
    summed = attention.linear_attention(keys, keys, values, True, normalize=False)
    assert np.abs(summed[:, 5] - values[:, 5]).max() > 0.1  # the sum remembers both


def test_keys_that_lean_on_one_another_share_what_they_hold():
    """Writing at the second of two takes back c of what the first holds, c their product."""
    keys, values = np.array([[1, 0], [0.6, 0.8]]), np.array([[1.0, 2], [-3, 5]])
    c = keys[0] @ keys[1]
    queries = np.tile(keys[0], (2, 1))
    expected = [values[0], values[0] + c * (values[1] - c * values[0])]
    np.testing.assert_allclose(attention.delta_rule(queries, keys, values), expected, rtol=1e-12)


def test_orthonormal_keys_make_the_delta_rule_a_sum():
    keys = np.linalg.qr(RNG.normal(size=(3, 6, 6)))[0]
    queries, values = RNG.normal(size=(3, 6, 6)), RNG.normal(size=(3, 6, 2))
    rule = attention.delta_rule(queries, keys, values)
    summed = attention.linear_attention(queries, keys, values, True, normalize=False)
    np.testing.assert_allclose(rule, summed, atol=1e-13)


@pytest.mark.slow
def test_rates_of_each_token():
    keys, values = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 5, 2))
    rates = RNG.uniform(size=(2, 5))
    state = np.zeros((2, 3, 2))
    for t in range(5):
        k, v = keys[:, t], values[:, t]
        told = np.einsum("bde,bd->be", state, k)
        state += rates[:, t, None, None] * k[:, :, None] * (v - told)[:, None]
    found = attention.delta_rule(keys, keys, values, rates)[:, -1]
    np.testing.assert_allclose(found, np.einsum("bde,bd->be", state, keys[:, -1]), rtol=1e-12)
    shared = attention.delta_rule(keys[0], keys[0], values[0], rates)  # one sequence at two rates
    alone = [attention.delta_rule(keys[0], keys[0], values[0], rate) for rate in rates]
    np.testing.assert_allclose(shared, alone, rtol=1e-12)
    with pytest.raises(
        ValueError, match=r"^rates must be a number or \[..., 5\], got shape \(4,\)"
    ):
        attention.delta_rule(keys, keys, values, np.ones(4))


def test_a_state_costs_no_more_for_a_longer_past():
    assert attention.linear_attention_step(None, tf.ones([3]), tf.ones([3]), tf.ones([2]))[
        1
    ].sums.shape == [3, 2]
