"""ConvexCombination and its functional form: the range, the mean, softmax attention."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks._once import Linear
from weirdonetworks.functional.convex_combinations import convex_combination
from weirdonetworks.functional.squashes import SQUASHES
from weirdonetworks.layers import ConvexCombination, IterateAttention

SQUASH = [None, *SQUASHES]
each_squash = pytest.mark.parametrize("squash", SQUASH)


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _built(n: int = 5, output_size: int = 3, dtype="float64", **kwargs) -> ConvexCombination:
    layer = ConvexCombination(output_size, **kwargs)
    layer(np.zeros((1, n), dtype))
    return layer


def _softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores)
    return weights / weights.sum(axis=-1, keepdims=True)


def test_formula():
    layer, x = _built(), _normal(20, 5)
    np.testing.assert_allclose(layer(x), x @ _softmax(layer.scores.numpy()).T, rtol=1e-12)
    assert [v.shape for v in layer.trainable_variables] == [(3, 5)]


@pytest.mark.parametrize("scale", [0.5, 4.0])
def test_formula_with_a_squash(scale):
    layer, x = _built(squash="tanh", scale=scale), _normal(20, 5)
    mean = np.tanh(x / scale) @ _softmax(layer.scores.numpy()).T
    np.testing.assert_allclose(layer(x), scale * np.arctanh(mean), rtol=1e-10)


def test_a_large_scale_gives_the_plain_mean():
    x = _normal(20, 5)
    errors = []
    for scale in (10.0, 100.0):
        layer, plain = _built(squash="tanh", scale=scale), _built()
        plain.scores.assign(layer.scores)
        errors.append(np.abs(layer(x) - plain(x)).max())
    assert errors[0] > 1e-4 and errors[1] < errors[0] / 50


def test_a_squash_moves_less_with_a_far_input():
    x = np.array([[0.0, 0, 0, 0, 100]])
    plain = _built()
    for squash in SQUASHES:
        layer = _built(squash=squash)
        layer.scores.assign(plain.scores)
        assert np.all(layer(x) < 0.5 * plain(x))


EXTREME = {
    "plain": lambda shape: _normal(*shape),
    "large": lambda shape: 100 * _normal(*shape),
    "one wins": lambda shape: 1e30 * _normal(*shape),
    "equal": np.zeros,
}


@pytest.mark.slow
@each_squash
@pytest.mark.parametrize("scores", EXTREME)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outputs_stay_in_the_range_of_the_inputs(squash, scores, dtype):
    """To the bit, also where the squash of large numbers has been rounded to 1."""
    layer = _built(7, 4, dtype, squash=squash)
    layer.scores.assign(EXTREME[scores]((4, 7)))
    sizes = [1e-30, 1.0, 50.0, 1e10, 1e30]
    offsets = [0, 3, -3, 1e5, -1e5]  # all positive, all negative, nearly equal
    for x in (size * (_normal(50, 7) + o) for size in sizes for o in offsets):
        x = tf.constant(x, dtype)
        y = layer(x).numpy()
        assert np.all(y >= np.min(x, axis=1, keepdims=True))
        assert np.all(y <= np.max(x, axis=1, keepdims=True))
        assert all(np.all(np.isfinite(g)) for g in helpers.gradients(layer, x))


def test_a_linear_layer_leaves_the_range():
    x, layer = _normal(50, 7), Linear(4)
    y = layer(x).numpy()
    outside = (y < x.min(axis=1, keepdims=True)) | (y > x.max(axis=1, keepdims=True))
    assert outside.mean() > 0.05


@pytest.mark.slow
@each_squash
def test_equal_inputs_come_out_as_they_are(squash):
    for value in (0.1, -0.7, 0.3, -7.3e-5, 1e-20, 1e20):
        x = tf.fill([3, 7], tf.constant(value, tf.float32))
        layer = _built(7, 4, "float32", squash=squash)
        np.testing.assert_array_equal(layer(x), x[:, :4])
        # Also where rounding was put right, the gradient is that of the mean: its weights.
        if abs(value) < 1:
            (slope,) = helpers.gradients(lambda x, layer=layer: layer(x)[:, 0], x)
            expected = np.tile(_softmax(layer.scores.numpy())[0], (3, 1))
            np.testing.assert_allclose(slope, expected, rtol=1e-5)


@each_squash
def test_gradients_are_those_of_the_formula(squash):
    layer, x, h = _built(squash=squash), tf.constant(_normal(4, 5)), 1e-6
    direction = _normal(4, 5, seed=1)
    (slope,) = helpers.gradients(layer, x)
    difference = tf.reduce_sum(layer(x + h * direction) - layer(x - h * direction)) / (2 * h)
    assert float(tf.reduce_sum(slope * direction)) == pytest.approx(float(difference), rel=1e-7)


def _attention(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    weights = _softmax(np.einsum("bid,bjd->bij", q, k) / np.sqrt(q.shape[2]))
    return np.einsum("bij,bjd->bid", weights, v)


def test_softmax_attention_is_a_case():
    q, k, v = (_normal(2, 6, 4, seed=seed) for seed in range(3))
    scores = tf.matmul(q, k, transpose_b=True) / np.sqrt(4)
    np.testing.assert_allclose(convex_combination(v, scores), _attention(q, k, v), rtol=1e-12)
    shuffled = tf.reverse(scores, axis=[2])
    assert np.abs(convex_combination(v, shuffled) - _attention(q, k, v)).max() > 0.1


@pytest.mark.slow
def test_the_librarys_attention_is_a_case():
    """IterateAttention with alpha = 1, its linear maps taken from it."""
    attention, x = IterateAttention(4, size=4, alpha=1.0), tf.constant(_normal(2, 6, 5))
    expected = attention(x)
    q, k, v = tf.split(tf.matmul(x, attention.w), 3, axis=2)
    mixed = convex_combination(v, tf.matmul(q, k, transpose_b=True) / 2)
    np.testing.assert_allclose(
        attention.output(tf.reshape(mixed, [-1, 4])),
        expected[0:].numpy().reshape(-1, 4),
        rtol=1e-6,
        atol=1e-9,
    )
    half = IterateAttention(4, size=4, alpha=0.5)
    half(x)
    for target, source in zip(half.variables, attention.variables, strict=True):
        target.assign(source)
    assert np.abs(half(x) - expected).max() > 1e-3  # another alpha is none


def test_the_layer_is_attention_with_constant_scores():
    layer, x = _built(), tf.constant(_normal(20, 5))
    values = x[:, :, None]
    np.testing.assert_allclose(
        convex_combination(values, layer.scores)[:, :, 0], layer(x), rtol=1e-12
    )


@pytest.mark.slow
def test_the_spread_at_the_start():
    n = 400
    x = _normal(200, n).astype(np.float32)
    y = np.concatenate([ConvexCombination(10)(x) for _ in range(20)])
    assert y.var() == pytest.approx(np.e / n, rel=0.1)
    assert y.std(axis=1).mean() > 0.5 * y.std()  # outputs differ from each other


@pytest.mark.slow
@each_squash
@pytest.mark.parametrize("jit", [None, True])
def test_a_nan_is_not_hidden(squash, jit):
    x = _normal(3, 5)
    x[1, 2] = np.nan
    y = tf.function(_built(squash=squash), jit_compile=jit, autograph=False)(x)
    np.testing.assert_array_equal(np.isnan(y).all(axis=1), [False, True, False])
    np.testing.assert_array_equal(np.isnan(y).any(axis=1), [False, True, False])


@pytest.mark.slow
@each_squash
@pytest.mark.parametrize("values", [[np.nan, 1], [np.nan, np.nan], [np.nan, 1, 2]])
def test_a_nan_is_not_hidden_by_xla(squash, values):
    """Which may take a NaN that is cut to a range for one of its ends."""

    @tf.function(jit_compile=True, autograph=False)
    def combine(values):
        return convex_combination(values[:, None], tf.zeros([1, values.shape[0]]), squash)

    assert np.all(np.isnan(combine(tf.constant(values, tf.float32))))


@pytest.mark.slow
@pytest.mark.parametrize("squash", [None, "algebraic"])
@pytest.mark.parametrize("jit", [False, True])
def test_compiled_with_an_unknown_batch(squash, jit):
    layer = _built(squash=squash)
    spec = tf.TensorSpec([None, 5], tf.float64)
    compiled = tf.function(layer, input_signature=[spec], jit_compile=jit, autograph=False)
    for batch in (1, 7):
        x = _normal(batch, 5)
        np.testing.assert_allclose(compiled(x), layer(x), rtol=1e-12)


@pytest.mark.slow
@each_squash
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_largest_numbers(squash, dtype):
    """Where means round to more than the largest number, or values / scale exceed it."""
    largest = float(tf.as_dtype(dtype).max)
    x = tf.constant(np.full([5, 7], largest), dtype)
    mixed = tf.constant(largest * np.random.default_rng(0).uniform(-1, 1, [5, 7]), dtype)
    rounded = False
    for seed in range(20):
        scores = tf.constant(_normal(40, 7, seed=seed), dtype)
        rounded |= np.any(np.isinf(tf.matmul(x, tf.nn.softmax(scores), transpose_b=True)))
        for values in (x, -x, mixed):
            y = convex_combination(tf.transpose(values), scores, squash)
            assert np.all(np.isfinite(y))
            assert np.all((y >= tf.reduce_min(values, 1)) & (y <= tf.reduce_max(values, 1)))
    assert rounded
    small = convex_combination(mixed[:, :, None], tf.zeros([1, 7], dtype), squash, 1e-3)
    assert np.all(np.isfinite(small))


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"output_size": 0}, r"^output_size must be an integer >= 1, got 0$"),
        ({"squash": "relu"}, r"^squash must be one of \['tanh', .*\], got 'relu'$"),
        ({"squash": 3}, r"^squash must be one of .* got 3$"),
        ({"scale": 0}, r"^scale must be a finite number > 0, got 0$"),
        ({"scale": float("inf")}, r"^scale must be a finite number > 0, got inf$"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ConvexCombination(**{"output_size": 3, **kwargs})


@pytest.mark.parametrize(
    "values, scores, kwargs, message",
    [
        (tf.ones([5, 2], tf.int32), tf.ones([3, 5]), {}, "^values must be of a floating type"),
        (tf.ones([5, 2]), tf.ones([3, 5], tf.int32), {}, "^scores must be of a floating type"),
        (tf.ones([5]), tf.ones([3, 5]), {}, r"^values must be \[..., n, d\], got shape \(5,\)$"),
        (tf.ones([5, 2]), tf.ones([5]), {}, r"^scores must be \[..., m, n\], got shape \(5,\)$"),
        (
            tf.ones([5, 2]),
            tf.ones([3, 4]),
            {},
            r"^scores must be \[..., m, n\] with the n of values \(5, 2\), got shape \(3, 4\)$",
        ),
        (
            tf.ones([5, 2]),
            tf.ones([3, 5], tf.float64),
            {},
            "^scores must be float32 as the values, got float64$",
        ),
        (tf.ones([5, 2]), tf.ones([3, 5]), {"squash": "relu"}, "^squash must be one of .*'relu'$"),
        (tf.ones([5, 2]), tf.ones([3, 5]), {"scale": -1}, "^scale must be a finite number > 0"),
        (tf.zeros([0, 2]), tf.zeros([3, 0]), {}, r"^values must be at least one .* \(0, 2\)$"),
        (
            tf.ones([2, 5, 1]),
            tf.ones([3, 4, 5]),
            {},
            r"^scores must have leading axes that broadcast with those of values \(2, 5, 1\), "
            r"got shape \(3, 4, 5\)$",
        ),
        (
            tf.ones([5, 2]),
            tf.ones([3, 5]),
            {"squash": "tanh", "scale": 1e39},
            r"^scale must be in \[1.18e-38, 3.4e\+38\] for float32, got 1e\+39$",
        ),
        (
            tf.ones([5, 2], tf.float16),
            tf.ones([3, 5], tf.float16),
            {"squash": "tanh", "scale": 1e-5},
            r"^scale must be in \[6.11e-05, 6.55e\+04\] for float16, got 1e-05$",
        ),
        (
            tf.ones([5, 2]),
            tf.ones([3, 5]),
            {"squash": np.array(["tanh", "tanh"])},
            "^squash must be one of .* got array",
        ),
    ],
)
def test_bad_input_of_the_function(values, scores, kwargs, message):
    with pytest.raises(ValueError, match=message):
        convex_combination(values, scores, **kwargs)
