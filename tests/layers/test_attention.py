"""IterateAttention: softmax at one end, products at the other, equivariant in between."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import exp_iterate, half_exp
from weirdonetworks.functional.iterates import half_exp_of_negative
from weirdonetworks.layers import IterateAttention
from weirdonetworks.layers.attention import WEIGHTS, weighted_mean

CASES = [
    pytest.param(
        {"weights": weights, "alpha": alpha, "trainable_alpha": trainable}, id=f"{weights}"
    )
    for weights, alpha, trainable in (
        ("normalized", 1.0, False),
        ("normalized", 0.3, False),
        ("normalized", 0.5, True),
        ("comodulated", 0.0, False),
        ("comodulated", 0.75, False),
        ("comodulated", 0.5, True),
    )
]


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _built(x: np.ndarray, output_size: int = 3, **kwargs) -> IterateAttention:
    layer = IterateAttention(output_size, **{"size": 6, "heads": 2, **kwargs})
    layer(x)
    helpers.randomise_zeros(layer)
    return layer


def _heads(layer: IterateAttention, x: np.ndarray) -> list[np.ndarray]:
    """q, k, v of each head, [batch, heads, tokens, size / heads], by numpy."""
    return [
        np.stack(np.split(x @ part, layer.heads, axis=-1), axis=1)
        for part in np.split(layer.w.numpy(), 3, axis=1)
    ]


def _merged(layer: IterateAttention, mixed: np.ndarray) -> np.ndarray:
    return np.concatenate(list(np.moveaxis(mixed, 1, 0)), axis=-1) @ layer.output.w + layer.output.b


def _weights(scores: np.ndarray, alpha) -> np.ndarray:
    """What values of the identity show."""
    return weighted_mean(scores, tf.eye(scores.shape[-1], dtype=scores.dtype), alpha).numpy()


@pytest.mark.slow
def test_normalized_at_one_is_softmax_attention():
    x = _normal(4, 5, 7)
    layer = _built(x, weights="normalized", alpha=1)
    q, k, v = _heads(layer, x)
    exponentials = np.exp(np.einsum("bhid,bhjd->bhij", q, k) / np.sqrt(3))
    p = exponentials / exponentials.sum(axis=-1, keepdims=True)
    expected = _merged(layer, np.einsum("bhij,bhjd->bhid", p, v))
    np.testing.assert_allclose(layer(x), expected, rtol=1e-10, atol=1e-12)
    other = IterateAttention(3, 6, 2, alpha=0.9)
    other(x)
    for variable, value in zip(other.variables, layer.variables, strict=True):
        variable.assign(value)
    assert np.abs(other(x) - expected).max() > 1e-3


def test_comodulated_at_zero_is_linear_attention():
    x = _normal(4, 5, 7)
    layer = _built(x, weights="comodulated", alpha=0)
    q, k, v = _heads(layer, x)
    # Without the matrix of scores: (k_j v_j) is summed first.
    states = np.einsum("bhjd,bhje->bhde", k, v) / 5
    expected = _merged(layer, np.einsum("bhid,bhde->bhie", q, states) / np.sqrt(3))
    np.testing.assert_allclose(layer(x), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 2e-6), (np.float64, 1e-13)])
def test_half_exp_of_negative_is_half_exp_there_and_nowhere_else(dtype, bound):
    x = tf.constant([-np.inf, -1e4, -90.0, *np.linspace(-20, 0, 101)], dtype)

    def values_and_slopes(function, x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            slope = tape.gradient(y, x)
        return y, slope, outer.gradient(slope, x)

    for compiled in (False, True):
        both = (
            tf.function(
                functools.partial(values_and_slopes, f), jit_compile=compiled, autograph=False
            )(x)
            for f in (half_exp_of_negative, half_exp)
        )
        for i, (found, expected) in enumerate(zip(*both, strict=True)):
            finite = slice(1 if i else 0, None)
            np.testing.assert_allclose(found[finite], expected[finite], atol=10**i * bound)
    above = tf.constant([2.0, 2.5], dtype)
    assert np.abs(half_exp_of_negative(above) - half_exp(above)).min() > 0.1


@pytest.mark.slow
def test_half_way_is_the_same_by_either_function():
    scores, values = _normal(2, 5, 5), _normal(2, 5, 3, seed=1)
    by_number, by_tensor, other = (
        weighted_mean(scores, values, alpha)
        for alpha in (0.5, tf.constant(0.5, tf.float64), tf.constant(0.501, tf.float64))
    )
    np.testing.assert_allclose(by_number, by_tensor, atol=1e-13)
    assert np.abs(other - by_number).max() > 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.75, 1])
def test_comodulated_formula(alpha):
    x = _normal(4, 5, 7)
    layer = _built(x, weights="comodulated", alpha=alpha)
    q, k, v = _heads(layer, x)
    scores = np.einsum("bhid,bhjd->bhij", q, k) / np.sqrt(3)
    f = [exp_iterate(tf.constant(each), alpha).numpy() for each in (scores, v)]
    expected = _merged(layer, np.einsum("bhij,bhjd->bhid", *f) / 5)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("alpha", [0.01, 0.25, 0.5, 0.75, 1])
def test_weights_are_positive_and_sum_to_one(alpha, dtype):
    for scale in (0.1, 1, 3):
        scores = (scale * _normal(50, 6, 6)).astype(dtype)
        p = _weights(scores, alpha)
        assert p.min() > 0
        np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-5)
        order = np.argsort(scores, axis=-1)  # larger scores have larger weights
        assert np.all(np.diff(np.take_along_axis(p, order, -1)) > -1e-6)


@pytest.mark.parametrize("alpha", [0.01, 0.25, 0.5, 1])
def test_huge_scores_do_not_overflow(alpha):
    p = _weights(np.array([[[1e30, -1e30, 1e30], [-1e30, 0, -3e38], [5, 5, 5]]], np.float32), alpha)
    np.testing.assert_allclose(p[0], [[0.5, 0, 0.5], [0, 1, 0], [1 / 3] * 3], atol=1e-6)


@pytest.mark.slow
def test_weights_lead_from_a_mean_to_softmax():
    scores = _normal(20, 6, 6)
    softmax = tf.nn.softmax(scores).numpy()
    distances = [np.abs(_weights(scores, a) - softmax).max() for a in (0.01, 0.25, 0.5, 0.75, 1)]
    assert distances == sorted(distances, reverse=True) and distances[-1] < 1e-12
    uniform = [np.abs(_weights(scores, a) - 1 / 6).max() for a in (1e-12, 0.01, 0.5, 1)]
    assert uniform == sorted(uniform)
    np.testing.assert_allclose(_weights(0.3 * scores, 1), tf.nn.softmax(0.3 * scores), rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("kwargs", CASES)
def test_permuted_tokens_permute_the_outputs(kwargs):
    x = _normal(4, 5, 7)
    layer = _built(x, **kwargs)
    order = [3, 0, 4, 1, 2]
    y = layer(x).numpy()
    np.testing.assert_allclose(layer(x[:, order]), y[:, order], rtol=1e-10, atol=1e-12)
    assert np.abs(y[:, order] - y).max() > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("weights", WEIGHTS)
def test_each_head_has_its_alpha(weights):
    x = _normal(4, 5, 7)
    layer = _built(x, weights=weights, alpha=0.25, trainable_alpha=True)
    assert layer.alpha.numpy().tolist() == [0.25, 0.25]
    layer.theta.assign([0.25, 1.0])
    layer.output.w.assign(np.eye(6, 3))  # those of the first head alone
    fixed = _built(x, weights=weights, alpha=0.25)
    for variable, value in ((fixed.w, layer.w), (fixed.output.w, layer.output.w)):
        variable.assign(value)
    fixed.output.b.assign(layer.output.b)
    np.testing.assert_allclose(layer(x), fixed(x), rtol=1e-10, atol=1e-12)
    layer.output.w.assign(np.eye(6)[:, 3:])
    fixed.output.w.assign(layer.output.w)
    assert np.abs(layer(x) - fixed(x)).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("weights, least", [("normalized", 0.01), ("comodulated", 0.0)])
def test_a_learned_alpha_stays_within_its_interval_with_a_gradient(weights, least):
    x = _normal(16, 5, 7)
    layer = _built(x, weights=weights, trainable_alpha=True)
    for theta, alpha in ((-3.0, least), (least, least), (0.6, 0.6), (1.0, 1.0), (9.0, 1.0)):
        layer.theta.assign([theta, 0.5])
        assert layer.alpha[0] == alpha
        with tf.GradientTape(persistent=True) as tape:
            total = tf.reduce_sum(tf.sin(layer(x)))
            negative = -total
        slopes = [tape.gradient(y, layer.theta)[0] for y in (total, negative)]
        assert np.all(np.isfinite(slopes)) and np.any(np.array(slopes) != 0)


@pytest.mark.slow
@pytest.mark.parametrize("end", [0.1, 1.0])
def test_alpha_is_learned_from_data(end):
    """The weights are those of the target, whose alpha is found from 0.5 on."""
    x = _normal(64, 5, 7)
    target = _built(x, heads=1, alpha=end)
    layer = _built(x, heads=1, trainable_alpha=True)
    for variable, value in zip(
        (layer.w, layer.output.w, layer.output.b),
        (target.w, target.output.w, target.output.b),
        strict=True,
    ):
        variable.assign(value)
    y = target(x)

    @tf.function(autograph=False)
    def descend():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(x) - y))
        layer.theta.assign_sub(0.02 * tf.sign(tape.gradient(loss, layer.theta)))

    for _ in range(60):
        descend()
    np.testing.assert_allclose(layer.alpha, end, atol=0.03)


def test_initial_spread():
    x = _normal(200, 28, 50).astype(np.float32)
    layer = IterateAttention(40, 64, 2)
    layer(x)
    q, k, v = _heads(layer, x)
    for each in (q, k, v, np.einsum("bhid,bhjd->bhij", q, k) / np.sqrt(32)):
        assert np.std(each) == pytest.approx(1, rel=0.1)
    assert np.std(layer.output.w) == pytest.approx(1 / 8, rel=0.1)
    assert not layer.output.b.numpy().any()


@pytest.mark.slow
@pytest.mark.parametrize("kwargs", CASES)
def test_other_numbers_of_tokens(kwargs):
    layer = _built(_normal(2, 5, 7), **kwargs)
    assert layer(_normal(3, 9, 7)).shape == [3, 9, 3]
    function = tf.function(layer, jit_compile=True, autograph=False)
    x = _normal(3, 4, 7)
    np.testing.assert_allclose(function(tf.constant(x)), layer(x), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"size": 0}, "^size must be an integer >= 1, got 0$"),
        ({"heads": 0}, "^heads must be an integer >= 1, got 0$"),
        ({"size": 6, "heads": 4}, "^size must be a multiple of heads=4, got 6$"),
        ({"weights": "softmax"}, r"^weights must be one of .*'comodulated'\], got 'softmax'$"),
        ({"alpha": 0}, r"^alpha must be a number in \[0.01, 1\], got 0$"),
        ({"alpha": 1.5}, r"^alpha must be a number in \[0.01, 1\], got 1.5$"),
        (
            {"weights": "comodulated", "alpha": -0.5},
            r"^alpha must be a number in \[0.0, 1\], got -0.5$",
        ),
        ({"trainable_alpha": 1}, "^trainable_alpha must be True or False, got 1$"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        IterateAttention(3, **kwargs)


@pytest.mark.parametrize("shape", [(2, 7), (2, 5, 0), (2, 0, 7), (2, 5, 7, 1)])
def test_bad_shapes(shape):
    message = r"^IterateAttention inputs must be \[batch, tokens, features\] .* got shape \(2, "
    with pytest.raises(ValueError, match=message):
        IterateAttention(3)(tf.zeros(shape))


def test_inputs_of_another_kind_at_a_later_call():
    layer = _built(_normal(2, 5, 7))
    with pytest.raises(ValueError, match="must have 7 features as at the first call, got 8$"):
        layer(_normal(2, 5, 8))
    with pytest.raises(ValueError, match="must be float64 as at the first call, got float32"):
        layer(_normal(2, 5, 7).astype(np.float32))
    with pytest.raises(ValueError, match="inputs must be of a floating type .* got int32$"):
        layer(tf.ones([2, 5, 7], tf.int32))
