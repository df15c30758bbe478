"""DynamicDense: its formula in both forms, where it is attention, and the spread it starts at."""

import math
import re

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from tests import helpers
from weirdonetworks.layers import DynamicDense, IterateAttention, PolynomialDense

RANKS = pytest.mark.parametrize("rank", [None, 2])


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _built(output_size: int = 3, shape=(5,), dtype=np.float64, **kwargs) -> DynamicDense:
    layer = DynamicDense(output_size, **kwargs)
    layer(np.zeros((1, *shape), dtype))
    helpers.randomise_zeros(layer)
    return layer


def _gelu(z: np.ndarray) -> np.ndarray:
    return z * scipy.special.ndtr(z)


def _weights(layer: DynamicDense, x: np.ndarray) -> np.ndarray:
    """W(x) for one input, by NumPy."""
    made = x.reshape(-1)
    for i, linear in enumerate(layer.generator.layers):
        made = (_gelu(made) if i else made) @ linear.w.numpy() + linear.b.numpy()
    if layer.rank is None:
        w = made.reshape(len(x), layer.output_size)
    else:
        w = layer.v.numpy() @ np.diag(made) @ layer.u.numpy()
    w = w + (layer.w.numpy() if layer.with_static else 0)
    return scipy.special.softmax(w, axis=0) if layer.normalize else w


@pytest.mark.parametrize("shape", [(5,), (5, 4)], ids=["features", "channels"])
@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"with_static": False, "with_bias": False},
        {"normalize": "softmax"},
        {"generator_sizes": ()},
        {"generator_sizes": (4, 6)},
    ],
    ids=str,
)
@RANKS
def test_formula(rank, kwargs, shape):
    layer = _built(shape=shape, rank=rank, **kwargs)
    x = _normal(7, *shape)
    expected = np.stack([_weights(layer, row).T @ row for row in x])
    if layer.with_bias:
        expected += layer.b.numpy().reshape([-1] + [1] * (len(shape) - 1))
    np.testing.assert_allclose(layer(x), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(layer.weights(x), [_weights(layer, r) for r in x], rtol=1e-10)


@RANKS
def test_weights_depend_on_the_input(rank):
    layer, x = _built(rank=rank), _normal(2, 5)
    spread = np.ptp(layer.weights(x), axis=0)
    assert spread.mean() > 0.02
    change = layer.weights(x) - layer.w.numpy()
    ranks = np.linalg.matrix_rank(change)
    assert set(ranks) == {3 if rank is None else rank}


def test_with_a_softmax_outputs_are_convex_combinations_of_the_inputs():
    layer = _built(normalize="softmax", with_bias=False)
    x = 100 * _normal(50, 5)
    y = layer(x).numpy()
    assert np.all(y <= x.max(axis=1, keepdims=True) + 1e-12)
    assert np.all(y >= x.min(axis=1, keepdims=True) - 1e-12)
    plain = _built(with_bias=False)(x).numpy()  # without it, they are not
    assert np.any(plain > x.max(axis=1, keepdims=True))


# Attention. Four tokens of three features; scores are [batch, from j, to i].
TOKENS = _normal(6, 4, 3, seed=1)


def _attention_layer(generator, **kwargs) -> DynamicDense:
    arguments = {"normalize": "softmax", "with_static": False, "with_bias": False, **kwargs}
    return DynamicDense(4, generator=generator, **arguments)


def _bilinear(x: tf.Tensor) -> tf.Tensor:
    """k_j . q_i / sqrt(2) with linear keys and queries."""
    q, k = (tf.linalg.matmul(x, _normal(3, 2, seed=seed)) for seed in (2, 3))
    return tf.matmul(k, q, transpose_b=True) / math.sqrt(2)


def test_with_bilinear_scores_it_is_softmax_self_attention():
    q, k = TOKENS @ _normal(3, 2, seed=2), TOKENS @ _normal(3, 2, seed=3)
    scores = np.einsum("bid,bjd->bij", q, k) / math.sqrt(2)
    expected = scipy.special.softmax(scores, axis=2) @ TOKENS
    np.testing.assert_allclose(_attention_layer(_bilinear)(TOKENS), expected, rtol=1e-12)


def test_it_is_the_attention_of_this_library():
    attention = IterateAttention(5, size=2, weights="normalized", alpha=1.0)
    expected = attention(TOKENS)
    q, k, v = np.split(attention.w.numpy(), 3, axis=1)

    def scores(x):
        return tf.matmul(x @ k, x @ q, transpose_b=True) / math.sqrt(2)

    mixed = _attention_layer(scores)(TOKENS).numpy()
    output = attention.output
    ours = mixed @ v @ output.w.numpy() + output.b.numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-12)
    # Keys in place of queries make another attention.
    swapped = _attention_layer(lambda x: tf.linalg.matrix_transpose(scores(x)))(TOKENS).numpy()
    assert np.abs(swapped @ v @ output.w.numpy() + output.b.numpy() - expected).max() > 1e-3


def test_quadratic_polynomials_as_generator_can_be_self_attention():
    """Tokens of one feature: among all scores of degree 2 are the bilinear ones m x_i x_j."""
    generator = PolynomialDense(16, degree=2, homogeneous=True)
    x = TOKENS[:, :, 0]
    generator(x)
    w = np.zeros(generator.w.shape)
    pairs = [(i, j) for i in range(4) for j in range(i, 4)]  # the order of the monomials
    for row, (i, j) in enumerate(pairs):
        w[row, 4 * i + j] = w[row, 4 * j + i] = 0.7
    generator.w.assign(w)
    expected = [scipy.special.softmax(0.7 * np.outer(r, r), axis=1) @ r for r in x]
    np.testing.assert_allclose(_attention_layer(generator)(x), expected, rtol=1e-12)


def test_with_linear_scores_it_is_attention_of_learned_queries():
    queries = _normal(3, 4, seed=4)
    layer = _attention_layer(lambda x: tf.linalg.matmul(x, queries))  # [batch, token, query]
    weights = scipy.special.softmax(TOKENS @ queries, axis=1)
    expected = np.einsum("bjo,bjc->boc", weights, TOKENS)
    np.testing.assert_allclose(layer(TOKENS), expected, rtol=1e-12)


def test_without_the_softmax_it_is_linear_attention():
    layer = _attention_layer(_bilinear, normalize=None)
    scores = _bilinear(TOKENS).numpy()
    np.testing.assert_allclose(
        layer(TOKENS), np.einsum("bji,bjc->bic", scores, TOKENS), rtol=1e-12, atol=1e-14
    )
    doubled = layer(2 * TOKENS)  # of degree 3
    np.testing.assert_allclose(doubled, 8 * layer(TOKENS), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["self-attention", "mlp", "linear"])
def test_self_attention_commutes_with_permutations_and_other_layers_do_not(name):
    layer = {
        "self-attention": _attention_layer(_bilinear),
        "mlp": _attention_layer(None),
        "linear": _attention_layer(None, generator_sizes=()),
    }[name]
    order = [2, 0, 3, 1]
    difference = np.abs(layer(TOKENS[:, order]) - layer(TOKENS).numpy()[:, order]).max()
    assert difference < 1e-12 if name == "self-attention" else difference > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(60,), (20, 3)], ids=["features", "channels"])
@pytest.mark.parametrize("with_static", [True, False])
@pytest.mark.parametrize("rank", [None, 8])
@pytest.mark.parametrize("generator_sizes", [(32,), (), (16, 16)], ids=str)
def test_outputs_start_at_unit_variance(rank, with_static, shape, generator_sizes):
    x = _normal(200, *shape).astype(np.float32)
    tf.random.set_seed(0)
    settings = {"rank": rank, "with_static": with_static, "generator_sizes": generator_sizes}
    y = np.concatenate([DynamicDense(40, **settings)(x) for _ in range(30)])
    assert abs(y.mean()) < 0.1
    # What is more than 1 comes of the length of x, which all factors of a product share.
    assert y.std() == pytest.approx(1, abs=0.12)


@pytest.mark.slow
def test_the_halves_of_the_variance():
    x = _normal(200, 60).astype(np.float32)
    tf.random.set_seed(0)
    both, static = [], []
    for _ in range(30):
        layer = DynamicDense(40, rank=8)
        both.append(np.var(layer(x)))
        layer.u.assign(tf.zeros_like(layer.u))
        static.append(np.var(layer(x)))
    assert np.mean(static) / np.mean(both) == pytest.approx(0.5, abs=0.06)


@pytest.mark.slow
def test_scores_start_at_unit_variance():
    x = _normal(200, 60).astype(np.float32)
    tf.random.set_seed(0)
    scores = []
    for _ in range(10):
        w = DynamicDense(40, normalize="softmax").weights(x)
        scores.append(np.log(w) - np.log(w).mean(axis=1, keepdims=True))
    assert np.std(scores) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("made", "shape"),
    [
        ((6, 7), "(6, 7)"),
        ((6,), "(6,)"),
        ((6, 3, 4), "(6, 3, 4)"),
        ((), "()"),
        ((5, 15), "(5, 15)"),
    ],
)
@RANKS
def test_a_generator_that_makes_another_number(rank, made, shape):
    layer = DynamicDense(3, rank=rank, generator=lambda x: tf.zeros(made, x.dtype))
    count = 15 if rank is None else 2
    message = f"generator must make {count} numbers for each row of (6, 5), got shape {shape}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        layer(_normal(6, 5))


@pytest.mark.parametrize(
    ("made", "kind"), [(tf.ones([6, 15]), "float32"), ("a", "str"), (None, "NoneType")]
)
def test_a_generator_that_makes_something_else(made, kind):
    message = f"^generator must make a tensor of float64, got {kind}$"
    with pytest.raises(ValueError, match=message):
        DynamicDense(3, generator=lambda x: made)(_normal(6, 5))


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 5), (2, 6, 4)])
def test_sizes_stay_the_same(shape):
    layer = _built(shape=(5, 4))
    message = f"must have shape (5, 4) after the batch as at the first call, got {shape[1:]}"
    with pytest.raises(ValueError, match=f"^DynamicDense inputs {re.escape(message)}$"):
        layer(_normal(*shape))
    assert layer(_normal(2, 5, 4)).shape == [2, 3, 4]


@pytest.mark.parametrize("shape", [(5,), (2, 5, 0), (2, 5, 4, 3)])
def test_inputs_of_other_kinds(shape):
    message = "inputs must be [batch, features] or [batch, features, channels] with static"
    with pytest.raises(
        ValueError, match=f"{re.escape(message)} .* got shape {re.escape(str(shape))}"
    ):
        DynamicDense(3)(_normal(*shape))


def test_the_weights_alone_build_the_layer():
    layer = DynamicDense(3, rank=2)
    x = _normal(4, 5)
    w = layer.weights(x)
    assert w.shape == [4, 5, 3]
    np.testing.assert_allclose(layer(x), np.einsum("bi,bio->bo", x, w), rtol=1e-12)
