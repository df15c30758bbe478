"""GatedDense: three gates, their roles, and the spread at which they start."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.layers import GatedDense

GATES = ["exp", "softmax", "nested"]
each_gate = pytest.mark.parametrize("gate", GATES)


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _built(n: int = 5, output_size: int = 3, dtype=np.float64, **kwargs) -> GatedDense:
    layer = GatedDense(output_size, **kwargs)
    layer(np.zeros((1, n), dtype))
    helpers.randomise_zeros(layer)
    return layer


@pytest.mark.parametrize("with_bias", [True, False])
@each_gate
def test_formula(gate, with_bias):
    layer = _built(gate=gate, with_bias=with_bias)
    x = _normal(20, 5)

    def form(linear):
        return x @ linear.w.numpy() + (linear.b.numpy() if with_bias else 0)

    y, z = form(layer.v), form(layer.w)
    if gate == "softmax":
        expected = y * 3 * np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    else:
        expected = y * np.exp(z if gate == "exp" else z * np.exp(form(layer.u)))
    np.testing.assert_allclose(layer(x), expected, rtol=1e-10)
    matrices = 3 if gate == "nested" else 2
    assert len(layer.trainable_variables) == (2 if with_bias else 1) * matrices


@each_gate
def test_the_roles_cannot_be_exchanged(gate):
    layer = _built(gate=gate)
    x = _normal(20, 5)
    y = layer(x).numpy()
    for one, other in ((layer.v.w, layer.w.w), (layer.v.b, layer.w.b)):
        value = tf.identity(one)
        one.assign(other)
        other.assign(value)
    assert np.abs(layer(x) - y).max() > 0.1


def test_the_mean_of_the_softmax_gates_is_one():
    for size in (1, 3, 50):
        layer = _built(output_size=size, gate="softmax")
        layer.v.w.assign(tf.zeros_like(layer.v.w))
        layer.v.b.assign(tf.ones_like(layer.v.b))  # V x + v = 1
        np.testing.assert_allclose(tf.reduce_mean(layer(_normal(20, 5)), axis=1), 1, rtol=1e-12)
    exp = _built(output_size=50)
    exp.v.w.assign(tf.zeros_like(exp.v.w))
    exp.v.b.assign(tf.ones_like(exp.v.b))
    assert np.abs(tf.reduce_mean(exp(_normal(20, 5)), axis=1) - 1).max() > 0.1


def _outputs(size: int, **kwargs) -> np.ndarray:
    x = _normal(2000, 200).astype(np.float32)
    return np.concatenate([GatedDense(size, **kwargs)(x) for _ in range(max(1, 60 // size))])


@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("size", [10, 300])
@each_gate
def test_outputs_start_at_mean_0_and_the_promised_spread(gate, size, scale):
    y = _outputs(size, gate=gate, scale=scale)
    assert abs(y.mean()) < 0.03 * scale
    assert y.std() == pytest.approx(scale, rel=0.08)


@pytest.mark.slow
def test_few_units_of_the_softmax_start_as_said():
    assert _outputs(1, gate="softmax").std() == pytest.approx(1, rel=0.03)
    assert _outputs(2, gate="softmax").std() == pytest.approx(0.9, rel=0.03)


def test_without_the_factor_softmax_outputs_would_shrink():
    assert _outputs(300, gate="softmax").std() / 300 < 0.01


def test_the_nested_gate_starts_as_the_exponential_one():
    x = _normal(20, 5)
    nested, exp = GatedDense(3, "nested"), _built()
    nested(x)
    assert not nested.u.w.numpy().any() and not nested.u.b.numpy().any()
    for target, source in ((nested.v, exp.v), (nested.w, exp.w)):
        target.w.assign(source.w), target.b.assign(source.b)
    np.testing.assert_allclose(nested(x), exp(x), rtol=1e-12)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(nested(x)))
    assert np.all(tape.gradient(loss, nested.u.w) != 0)  # and it does not stay there
    # With U as large as V and W, the spread is that of the few largest outputs.
    x = _normal(20_000, 50)
    nested = GatedDense(1, "nested")
    before = np.max(np.abs(nested(x)))
    nested.u.w.assign(tf.constant(_normal(50, 1) / np.sqrt(50)))
    assert np.max(np.abs(nested(x))) > 100 * before


@pytest.mark.parametrize("gate", ["exp", "nested"])
def test_overflow_comes_where_it_is_said(gate):
    layer = _built(1, 1, np.float32, gate=gate)
    for form, slope in (("v", 1), ("w", 1), *([("u", 0)] if gate == "nested" else [])):
        getattr(layer, form).w.assign([[slope]])
        getattr(layer, form).b.assign([0])
    x = tf.constant([[75.0], [90.0]])
    assert np.isfinite(layer(x)).ravel().tolist() == [True, False]
    assert np.isfinite(helpers.gradients(layer, x)[0]).ravel().tolist() == [True, False]
    layer.w.w.assign([[-1]])  # a closed gate is 0
    assert np.all(np.isfinite(layer(x)))


def test_softmax_never_overflows():
    layer = _built(dtype=np.float32, gate="softmax")
    x = 1e4 * tf.constant(_normal(20, 5), tf.float32)
    assert np.all(np.isfinite(layer(x))) and np.all(np.isfinite(helpers.gradients(layer, x)[0]))
    assert not np.all(np.isfinite(_built(dtype=np.float32)(x)))


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@each_gate
def test_type_of_the_inputs(gate, dtype):
    layer = GatedDense(3, gate)
    assert layer(tf.ones([2, 4], dtype)).dtype == dtype
    assert {v.dtype for v in layer.variables} == {dtype}


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"output_size": 1.5}, r"^output_size must be an integer >= 1, got 1.5$"),
        (
            {"gate": "sigmoid"},
            r"^gate must be one of \['exp', 'softmax', 'nested'\], got 'sigmoid'$",
        ),
        ({"with_bias": 0}, r"^with_bias must be True or False, got 0$"),
        ({"scale": 0.001}, r"^scale must be a number in \[0.01, 10.0\], got 0.001$"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        GatedDense(**{"output_size": 3, **kwargs})
