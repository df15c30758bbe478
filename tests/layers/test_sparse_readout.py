"""SparseReadout: which inputs it reads, that it is the least squares on them, and still learns."""

import numpy as np
import pytest
import tensorflow as tf

from weirdonetworks.layers import SparseReadout

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 30)) * np.geomspace(0.01, 100, 30) + 7
TRUE = [3, 11, 12, 28]
W = RNG.normal(size=(4, 3))
Y = ((X - 7) / np.geomspace(0.01, 100, 30))[:, TRUE] @ W - 2


@pytest.mark.slow
def test_it_finds_what_the_targets_are_made_of():
    """Of any scale and mean; the inputs that it starts with do not do."""
    layer = SparseReadout(3, 4)
    assert np.abs(layer(X) - Y).max() > 1
    assert list(layer.chosen.numpy()) == [0, 7, 15, 22]
    layer.fit(X, Y)
    assert sorted(layer.chosen.numpy()) == TRUE
    np.testing.assert_allclose(layer(X), Y, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_are_the_least_squares(with_bias, dtype):
    noisy = (Y + RNG.normal(size=Y.shape)).astype(dtype)
    layer = SparseReadout(3, 6, with_bias)
    layer.fit(X.astype(dtype), noisy)
    read = X.astype(dtype)[:, layer.chosen.numpy()].astype(float)
    columns = np.column_stack([read, np.ones(200)]) if with_bias else read
    expected = np.linalg.lstsq(columns, noisy.astype(float), rcond=None)[0]
    tolerance = 1e-3 if dtype == "float32" else 1e-8
    np.testing.assert_allclose(layer(X.astype(dtype)), columns @ expected, atol=tolerance)
    assert layer.w.dtype == dtype and hasattr(layer, "b") == with_bias


@pytest.mark.slow
def test_other_inputs_are_not_read_and_its_weights_learn():
    layer = SparseReadout(3, 4)
    layer.fit(X, Y)
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(tf.square(layer(x) - 1))
    gradients = tape.gradient(loss, [x, *layer.trainable_variables])
    assert set(np.flatnonzero(gradients[0].numpy().any(axis=0))) == set(TRUE)
    assert [v.name for v in layer.trainable_variables] == [
        "sparse_readout/b:0",
        "sparse_readout/w:0",
    ]
    assert all(np.all(gradient.numpy() != 0) for gradient in gradients[1:])
    assert layer.num_fixed == 4


@pytest.mark.slow
def test_more_inputs_explain_more():
    noisy = Y + 3 * RNG.normal(size=Y.shape)
    errors = []
    for k in (1, 2, 4, 8, 30):
        layer = SparseReadout(3, k)
        layer.fit(X, noisy)
        errors.append(np.mean((layer(X) - noisy) ** 2))
    assert np.all(np.diff(errors) < 0)
    whole = np.column_stack([X, np.ones(200)])
    rest = noisy - whole @ np.linalg.lstsq(whole, noisy, rcond=None)[0]
    assert errors[-1] == pytest.approx(np.mean(rest**2))


@pytest.mark.slow
def test_a_constant_input_is_of_no_use():
    """0.1, of which the mean of 193 is another number in float64; all inputs are taken."""
    x, y = X[:193, :5].copy(), Y[:193]
    x[:, 2] = 0.1
    assert tf.reduce_mean(x, axis=0)[2] != 0.1
    layer = SparseReadout(3, 5)
    layer.fit(x, y)
    w = dict(zip(layer.chosen.numpy(), layer.w.numpy(), strict=True))
    assert np.all(w[2] == 0) and all(np.any(w[i] != 0) for i in (0, 1, 3, 4))
    x[:, 2] += 1e-6 * RNG.normal(size=193)  # which is more than rounding
    layer.fit(x, y)
    assert np.any(layer.w.numpy()[list(layer.chosen.numpy()).index(2)] != 0)


@pytest.mark.slow
def test_a_compiled_layer_sees_a_new_fit():
    layer = SparseReadout(3, 4)
    compiled = tf.function(layer, jit_compile=True, autograph=False)
    before = compiled(tf.constant(X))
    layer.fit(X, Y)
    np.testing.assert_allclose(compiled(tf.constant(X)), Y, atol=1e-8)
    assert np.abs(before - Y).max() > 1


def test_the_spread_of_the_start():
    y = SparseReadout(300, 50)(tf.random.stateless_normal([500, 200], [0, 0])).numpy()
    assert 0.95 < np.std(y) < 1.05 and abs(np.mean(y)) < 0.05


def test_bad_arguments_and_inputs():
    with pytest.raises(ValueError, match="^k must be an integer >= 1, got 0$"):
        SparseReadout(3, 0)
    with pytest.raises(ValueError, match="^k must be at most the number of inputs, 30, got 31$"):
        SparseReadout(3, 31)(X)
    layer = SparseReadout(3, 4)
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="^features must be finite, got "):
            layer.fit(np.where(X[3, 3] == X, value, X), Y)
        with pytest.raises(ValueError, match="^targets must be finite, got "):
            layer.fit(X, np.where(Y[3, 1] == Y, value, Y))
    for targets in (Y[:9], Y[:, :2], Y[:, 0]):
        with pytest.raises(ValueError, match=r"^targets must be \[200, 3\] for these features, "):
            layer.fit(X, targets)
    with pytest.raises(ValueError, match="^targets must be of the type of features, float64, "):
        layer.fit(X, tf.constant(Y, tf.float32))
    with pytest.raises(ValueError, match="^k must be at most the rows of features, 3, got 4$"):
        layer.fit(X[:3], Y[:3])
    with pytest.raises(ValueError, match=r"^SparseReadout inputs must be \[batch, features\], "):
        layer.fit(X[0], Y)
    layer(X)
    with pytest.raises(ValueError, match="^SparseReadout inputs must have 30 features as at the "):
        layer.fit(X[:, :20], Y)
