"""Random features: means, variances as in closed form, and the attention that they make."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp, softmax

from weirdonetworks.functional import attention

DRAWS = 500


def _kernels(features, q, k, m):
    """phi(q) . phi(k) for each of many projections, [draws]."""
    x = tf.constant(np.stack([q, k]))
    found = []
    for seed in range(DRAWS):
        w = attention.random_projection(m, len(q), seed=seed, dtype=tf.float64)
        one, other = features(x, w).numpy()
        found.append(one @ other)
    return np.array(found)


@pytest.mark.slow
def test_means_and_variances():
    """Each within four standard errors, of many draws of a few features."""
    rng = np.random.default_rng(1)
    for size in (0.25, 0.4):
        q, k = rng.normal(size=(2, 3)) * size
        kernel = np.exp(q @ k)
        sum_, difference = np.sum((q + k) ** 2), np.sum((q - k) ** 2)
        norms = np.exp((q @ q + k @ k) / 2)
        m = 8
        for features, variance in (
            (attention.positive_features, kernel**2 * (np.exp(sum_) - 1) / m),
            (attention.trigonometric_features, norms**2 * (1 - np.exp(-difference)) ** 2 / (2 * m)),
        ):
            found = _kernels(features, q, k, m)
            error = np.sqrt(variance / len(found))
            assert abs(found.mean() - kernel) < 4 * error
            squares = (found - kernel) ** 2
            assert abs(squares.mean() - variance) < 4 * squares.std() / np.sqrt(len(found))
            assert abs(squares.mean() - 2 * variance) > 4 * squares.std() / np.sqrt(len(found))


def test_orthogonal_directions():
    w = attention.random_projection(10, 4, True, 3, tf.float64).numpy()
    gram = w @ w.T
    for block in (slice(0, 4), slice(4, 8), slice(8, 10)):
        inner = gram[block, block]
        np.testing.assert_allclose(inner, np.diag(np.diag(inner)), atol=1e-12)
    plain = attention.random_projection(10, 4, False, 3, tf.float64).numpy()
    assert np.abs(plain[0] @ plain[1]) > 1e-3
    # Each of them is normal still: so are their numbers, in both.
    lengths = np.sum(attention.random_projection(4000, 4, True, 0, tf.float64).numpy() ** 2, axis=1)
    assert abs(lengths.mean() - 4) < 4 * np.sqrt(8 / 4000)
    assert abs(lengths.var() - 8) < 1


@pytest.mark.slow
def test_orthogonal_directions_have_less_variance():
    """Of means over each four directions: of cosines far less, of exponentials a little."""
    z = np.full(4, 0.5)
    w = [
        attention.random_projection(80_000, 4, orthogonal, 0, tf.float64).numpy() @ z
        for orthogonal in (False, True)
    ]
    for function, mean, share in ((np.cos, np.exp(-0.5), 0.6), (np.exp, np.exp(0.5), 1.0)):
        plain, orthogonal = (function(each).reshape(-1, 4).mean(axis=1) for each in w)
        for found in (plain, orthogonal):
            assert abs(found.mean() - mean) < 4 * found.std() / np.sqrt(len(found))
        assert orthogonal.var() < share * plain.var()


def _errors(kind, m, size, seeds=20, tokens=40):
    """Root mean squares of what is off, over seeds."""
    rng = np.random.default_rng(2)
    q, k = rng.normal(size=(2, tokens, 4)) * size
    v = rng.normal(size=(tokens, 3))
    exact = attention.softmax_attention(q, k, v)
    found = [
        attention.random_feature_attention(q, k, v, m, kind, seed=seed) for seed in range(seeds)
    ]
    return np.sqrt(np.mean((np.array(found) - exact) ** 2))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["positive", "orthogonal", "leverage"])
def test_the_error_falls_as_one_over_the_root(kind):
    """Sixteen times the features, a quarter of the error: where |q + k| is small, and not else."""
    assert 2.5 < _errors(kind, 8, 0.4) / _errors(kind, 128, 0.4) < 6
    assert _errors("positive", 8, 1.0) / _errors("positive", 128, 1.0) < 2


@pytest.mark.slow
def test_features_chosen_by_leverage_do_better():
    """As many features, in tokens that are not near one another; they have looked at the keys."""
    assert _errors("leverage", 128, 1.0, 40) < 0.9 * _errors("positive", 128, 1.0, 40)


@pytest.mark.slow
def test_trigonometric_kernels_and_causal_ones():
    rng = np.random.default_rng(3)
    q, k = rng.normal(size=(2, 2, 6, 3)) * 0.5
    v = rng.normal(size=(2, 6, 2))
    for kind in ("trigonometric", "positive", "orthogonal"):
        for causal in (False, True):
            exact = attention.kernel_attention(q, k, v, causal=causal, normalize=False)
            many = attention.random_feature_attention(q, k, v, 20_000, kind, causal, False, seed=1)
            np.testing.assert_allclose(many, exact, atol=0.05 * np.abs(exact).max())
            few = attention.random_feature_attention(q, k, v, 4, kind, causal, False, seed=1)
            assert np.abs(few - exact).max() > 0.05 * np.abs(exact).max()


def test_large_scores_neither_overflow_nor_vanish():
    x = tf.constant(np.random.default_rng(4).normal(size=(8, 4)), tf.float32)
    for kind in ("positive", "leverage"):
        for size in (20.0, 100.0):
            y = attention.random_feature_attention(size * x, size * x, x, 16, kind)
            assert np.isfinite(y).all() and np.abs(y).min() > 0


def _causal(q, k, v, w):
    """The causal quotient of positive features of w, in NumPy, by logarithms."""
    q_log, k_log = (
        x / 2**0.5 @ w.T - np.sum(x**2, axis=-1, keepdims=True) / 4 for x in (q, k)
    )  # d = 4: both by d^(1/4)
    logs = logsumexp(q_log[:, None] + k_log, axis=-1)
    return softmax(np.where(np.tri(len(q), dtype=bool), logs, -np.inf), axis=1) @ v


def _attend(q, k, v, kind="positive", causal=True):
    return attention.random_feature_attention(q, k, v, 16, kind, causal, seed=1)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_later_keys_change_nothing(compiled):
    """Not a bit of what is earlier, in a chunk and beyond; without an order, all of it."""
    n, at = 100, 70  # chunks are of 64
    q, k, v = np.random.default_rng(6).normal(size=(3, n, 4)).astype(np.float32)
    function = tf.function(_attend, jit_compile=True) if compiled else _attend
    found = function(q, k, v).numpy()[:at]
    assert np.abs(found).min() > 0
    for factor in (1e-3, 1e3, 1e30, np.nan):
        later = np.where(np.arange(n)[:, None] < at, k, np.float32(factor) * k)
        np.testing.assert_array_equal(found, function(q, later, v)[:at])
        apart = _attend(q, later, v, causal=False) - _attend(q, k, v, causal=False)
        assert not np.abs(apart[:at]).max() < 0.01


@pytest.mark.parametrize("kind", ["positive", "orthogonal"])
def test_causal_features_are_their_formula(kind):
    q, k, v = np.random.default_rng(6).normal(size=(3, 150, 4))
    w = attention.random_projection(16, 4, kind == "orthogonal", 1, tf.float64).numpy()
    np.testing.assert_allclose(_attend(q, k, v, kind), _causal(q, k, v, w), rtol=1e-9)


def test_causal_features_of_large_scores():
    """Keys whose features grow by e^1000 from the first to the last: the first are seen, too."""
    q, k, v = np.random.default_rng(7).normal(size=(3, 150, 4))
    k *= np.geomspace(30, 0.1, 150)[:, None]
    w = attention.random_projection(16, 4, seed=1, dtype=tf.float64).numpy()
    np.testing.assert_allclose(_attend(q, k, v), _causal(q, k, v, w), rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_leverage_leaves_the_mean():
    """Within four standard errors, of a kernel between two tokens over many seeds."""
    rng = np.random.default_rng(5)
    q, k = 0.5 * rng.normal(size=(2, 3, 4))
    found = np.array([
        attention.random_feature_attention(q, k, np.eye(3), 4, "leverage", False, False, seed)
        for seed in range(1500)
    ])  # fmt: skip
    exact = np.exp(q @ k.T / 2)
    assert (np.abs(found.mean(0) - exact) < 4 * found.std(0) / np.sqrt(len(found))).all()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_features": 0}, "^num_features must be an integer >= 1, got 0$"),
        ({"kind": "fourier"}, "^kind must be one of .*, got 'fourier'"),
        ({"kind": "trigonometric"}, "^normalize must be False for kind='trigonometric', .* True$"),
        ({"kind": "leverage", "causal": True}, "^causal must be False for kind='leverage', "),
        ({"num_features": 10**12}, "^num_features must leave directions that fit in memory, got"),
        ({"seed": -1}, "^seed must be an integer .*, got -1$"),
    ],
)
def test_bad_arguments(kwargs, message):
    x = np.ones((3, 2))
    with pytest.raises(ValueError, match=message):
        attention.random_feature_attention(x, x, x, **kwargs)
    with pytest.raises(
        ValueError, match=r"^projection must be \[features, 2\], got shape \(4, 3\)"
    ):
        attention.positive_features(x, np.ones((4, 3)))
    with pytest.raises(ValueError, match="^dtype must be float32 or float64, got"):
        attention.random_projection(3, 2, dtype=tf.int32)
