"""LinearAttention, GalerkinAttention, ToeplitzAttention: formulas, symmetries, RowAttention."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks import nets
from weirdonetworks.functional import attention
from weirdonetworks.layers import GalerkinAttention, LinearAttention, ToeplitzAttention
from weirdonetworks.layers.linear_attention import features

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 7, 5))


def _built(cls, **kwargs):
    tf.random.set_seed(3)
    layer = cls(4, **{"size": 6, "heads": 2, **kwargs})
    layer(X)
    helpers.randomise_zeros(layer)
    return layer


def _heads(layer, x):
    """q, k and v of each head, [batch, heads, tokens, size / heads]."""
    parts = (x @ layer.w.numpy()).reshape(*x.shape[:2], 3, 2, 3)
    return np.moveaxis(parts, (2, 3), (0, 2))


def _phi(x):
    return np.where(x > 0, x + 1, np.exp(x))


def _joined(layer, y):
    merged = np.moveaxis(y, 1, 2).reshape(*y.shape[:1], y.shape[2], -1)
    return merged @ layer.output.w.numpy() + layer.output.b.numpy()


@pytest.mark.parametrize("causal", [False, True])
def test_linear_attention_is_its_formula(causal):
    layer = _built(LinearAttention, causal=causal)
    q, k, v = _heads(layer, X)
    weights = _phi(q) @ np.swapaxes(_phi(k), 2, 3)
    weights = weights * np.tri(7) if causal else weights
    y = weights @ v / weights.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(layer(X), _joined(layer, y), rtol=1e-10)


def test_galerkin_attention_is_its_formula():
    layer = _built(GalerkinAttention)
    q, k, v = _heads(layer, X)

    def normalised(x):
        x = x - x.mean(axis=-1, keepdims=True)
        return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)

    y = q @ (np.swapaxes(normalised(k), 2, 3) @ normalised(v)) / 7
    np.testing.assert_allclose(layer(X), _joined(layer, y), rtol=1e-9)


def test_toeplitz_attention_is_its_formula():
    layer = _built(ToeplitzAttention)
    q, k, v = _heads(layer, X)
    differences = np.arange(7)[:, None] - np.arange(7) + 6
    f = np.exp(layer.theta.numpy())[:, differences]
    weights = f * (_phi(q) @ np.swapaxes(_phi(k), 2, 3))
    y = weights @ v / weights.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(layer(X), _joined(layer, y), rtol=1e-10)


@pytest.mark.slow
def test_many_tokens_go_through_transforms():
    x = tf.constant(RNG.normal(size=(1, 300, 5)))
    layer = ToeplitzAttention(4, 6, 2)
    layer(x)
    layer.theta.assign(RNG.normal(size=layer.theta.shape))
    ops = {op.type for op in helpers.graph_ops(layer, tf.TensorSpec([1, 300, 5], tf.float64))}
    assert any("FFT" in op for op in ops)
    assert not any("FFT" in op.type for op in helpers.graph_ops(
        _built(ToeplitzAttention), tf.TensorSpec([None, 7, 5], tf.float64)))  # fmt: skip
    q, k, v = (
        tf.transpose(part, [0, 2, 1, 3])
        for part in tf.unstack(tf.reshape(x @ layer.w, [1, 300, 3, 2, 3]), axis=2)
    )
    dense = attention.toeplitz_attention(
        _phi(q), _phi(k), v, tf.exp(layer.theta), form="dense"
    ).numpy()
    np.testing.assert_allclose(layer(x), _joined(layer, dense), rtol=1e-8)


@pytest.mark.slow
def test_at_its_start_a_mask_is_linear_attention():
    tf.random.set_seed(1)
    toeplitz = ToeplitzAttention(4, 6, 2)
    toeplitz(X)
    linear = _built(LinearAttention)
    linear.w.assign(toeplitz.w)
    linear.output.w.assign(toeplitz.output.w)
    linear.output.b.assign(toeplitz.output.b)
    np.testing.assert_allclose(toeplitz(X), linear(X), rtol=1e-10)


@pytest.mark.slow
def test_order():
    """A permutation of the tokens permutes the outputs of those that know none, and no others'."""
    order = RNG.permutation(7)
    for cls, kwargs, equivariant in (
        (LinearAttention, {}, True),
        (GalerkinAttention, {}, True),
        (LinearAttention, {"causal": True}, False),
        (ToeplitzAttention, {}, False),
    ):
        layer = _built(cls, **kwargs)
        off = np.abs(layer(X[:, order]).numpy() - layer(X).numpy()[:, order]).max()
        assert (off < 1e-10) == equivariant
    layer, later = _built(LinearAttention, causal=True), X.copy()
    later[:, 4:] += 1
    moved = np.abs(layer(later) - layer(X)).max(axis=(0, 2))
    assert (moved[:4] == 0).all() and (moved[4:] > 0.01).all()


def test_features_far_below_zero_are_no_zeros():
    """Where elu(x) + 1 is 0 in float32; with the slope 1 at 0, where two formulas meet."""
    x = tf.constant([-60.0, -26.0, -1e-9, 0.0, 1e-9, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = features(x)
    np.testing.assert_allclose(y, np.where(x > 0, x + 1, np.exp(x)), rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(y, x), np.where(x > 0, 1, np.exp(x)), rtol=1e-6)
    q = tf.constant(np.random.default_rng(0).uniform(-27, -26, (5, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(q)
        y = attention.linear_attention(features(q), features(q), q)
        loss = tf.reduce_sum(y)
    assert np.abs(y).min() > 1 and np.isfinite(tape.gradient(loss, q)).all()


def test_a_mask_of_any_size():
    layer = _built(ToeplitzAttention)
    before = layer(X)
    layer.theta.assign_add(tf.fill(layer.theta.shape, tf.constant(1000.0, tf.float64)))
    np.testing.assert_allclose(layer(X), before, rtol=1e-9)


@pytest.mark.parametrize(
    ("cls", "kwargs", "message"),
    [
        (LinearAttention, {"heads": 4}, "^size must be a multiple of heads=4, got 6$"),
        (LinearAttention, {"causal": 1}, "^causal must be True or False, got 1$"),
        (GalerkinAttention, {"heads": 6}, "^size must be at least 2 heads, 12, .* got 6$"),
        (ToeplitzAttention, {"size": 0}, "^size must be an integer >= 1, got 0$"),
    ],
)
def test_bad_arguments(cls, kwargs, message):
    with pytest.raises(ValueError, match=message):
        _built(cls, **kwargs)


@pytest.mark.slow
def test_other_numbers_of_tokens():
    for cls in (LinearAttention, GalerkinAttention):
        assert _built(cls)(X[:, :4]).shape == [3, 4, 4]
    message = (
        r"^ToeplitzAttention inputs must be .* of \(7, 5\) as at the first call, got \(4, 5\)$"
    )
    with pytest.raises(ValueError, match=message):
        _built(ToeplitzAttention)(X[:, :4])


@pytest.mark.slow
def test_row_attention_takes_them_by_name():
    images = RNG.uniform(size=(2, 6, 6))
    outputs = []
    for name in ("iterate", "linear", "galerkin", "toeplitz"):
        tf.random.set_seed(1)
        net = nets.RowAttention(3, 4, 2, mlp_size=5, attention=name)
        outputs.append(net(images).numpy())
        kind = type(net.attentions[0]).__name__.lower()
        assert kind == f"{name}attention" and net.attentions[0].heads == 2
    assert len({tuple(y.ravel()) for y in outputs}) >= 3  # toeplitz starts as linear
    for kwargs, message in (
        ({"attention": "softmax"}, "^attention must be one of .*, got 'softmax'"),
        ({"attention": "linear", "alpha": 1.0}, "^alpha is an argument of attention='iterate'"),
        ({"attention": "linear", "alpha": np.array([0.5, 0.6])}, "^alpha is an argument of"),
        ({"attention": "galerkin", "weights": "comodulated"}, "^weights is an argument of"),
        ({"attention": "toeplitz", "trainable_alpha": True}, "^trainable_alpha is an argument of"),
    ):
        with pytest.raises(ValueError, match=message):
            nets.RowAttention(3, 4, **kwargs)
