"""NAU, NMU, NAC, NALU and NPU: what they select exactly, their gradients, how they start."""

import numpy as np
import pytest
import tensorflow as tf

from weirdonetworks.layers import NAC, NALU, NAU, NMU, NPU

LARGE = 60.0  # tanh and sigmoid of it are 1 in float64


def _inputs(signs: bool = True, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).uniform(0.5, 3, [20, 4])
    return x * np.random.default_rng(seed + 1).choice([-1, 1], x.shape) if signs else x


def _built(layer, **values):
    """The layer in float64, with these values for its variables."""
    layer(np.ones([1, 4]))
    for name, value in values.items():
        getattr(layer, name).assign(np.broadcast_to(value, getattr(layer, name).shape))
    return layer


SUM = np.array([[1.0], [-1], [0], [1]])  # x1 - x2 + x4
PICK = np.array([[1.0], [0], [1], [1]])
POWERS = np.array([[1.0], [-1], [0], [2]])  # x1 x4^2 / x2


def _halves(w: np.ndarray) -> dict[str, np.ndarray]:
    """W^ and M^ of which tanh(W^) sigmoid(M^) = w."""
    return {"w_hat": LARGE * w, "m_hat": LARGE * (2 * np.abs(w) - 1)}


def test_sums_and_differences_are_exact():
    x = _inputs()
    expected = x[:, 0] - x[:, 1] + x[:, 3]
    for layer in (_built(NAU(1), w=SUM), _built(NAC(1), **_halves(SUM))):
        np.testing.assert_allclose(layer(x)[:, 0], expected, rtol=1e-14)
    off = _built(NAU(1), w=SUM - 1e-5 * np.sign(SUM))
    assert np.abs(off(x)[:, 0] - expected).min() > 0
    assert np.abs(off(x)[:, 0] - expected).max() > 1e-6


def test_products_are_exact_for_all_signs_and_zeros():
    x = _inputs()
    x[0, 0] = x[1, 3] = 0
    y = _built(NMU(1), w=PICK)(x)[:, 0]
    np.testing.assert_allclose(y, x[:, 0] * x[:, 2] * x[:, 3], rtol=1e-14)
    assert y[0] == y[1] == 0
    # A NAC knows sizes alone.
    nac = _built(NAC(1, multiplicative=True), **_halves(PICK))(x)[:, 0]
    assert np.all(nac > 0) and np.any(y < 0)
    np.testing.assert_allclose(nac[2:], np.abs(y[2:]), rtol=1e-6)


def test_products_and_quotients_of_positive_numbers():
    x = _inputs(signs=False)
    quotient = np.array([[1.0], [-1], [0], [1]])
    expected = x[:, 0] * x[:, 3] / x[:, 1]
    nac = _built(NAC(1, multiplicative=True), **_halves(quotient))
    np.testing.assert_allclose(nac(x)[:, 0], expected, rtol=1e-6)
    nalu = _built(NALU(1), g=-LARGE, **_halves(quotient))
    np.testing.assert_allclose(nalu(x)[:, 0], expected, rtol=1e-6)
    # With the gate on its other side, the same weights make a sum.
    nalu = _built(NALU(1), g=LARGE, **_halves(quotient))
    np.testing.assert_allclose(nalu(x)[:, 0], x[:, 0] - x[:, 1] + x[:, 3], rtol=1e-14)


def test_powers_of_numbers_of_any_sign():
    x = _inputs()
    expected = x[:, 0] * x[:, 3] ** 2 / x[:, 1]
    assert (expected < 0).any() and (expected > 0).any()
    for kwargs in ({}, {"with_imaginary": False}, {"with_gate": False}):
        layer = _built(NPU(1, **kwargs), a=POWERS)
        if kwargs.get("with_gate", True):
            layer.g.assign([1, 1, 0, 1])
        np.testing.assert_allclose(layer(x)[:, 0], expected, rtol=1e-12)
    closed = _built(NPU(1), a=POWERS, g=[1, 1, 0, 0])
    np.testing.assert_allclose(closed(x)[:, 0], x[:, 0] / x[:, 1], rtol=1e-12)


def test_a_power_unit_is_the_real_part_of_complex_powers():
    rng, x = np.random.default_rng(5), _inputs()
    layer = _built(NPU(3), a=rng.normal(size=[4, 3]), b=rng.normal(size=[4, 3]), g=1)
    exponents = layer.a.numpy() + 1j * layer.b.numpy()
    powers = np.prod((x + 0j)[:, :, None] ** exponents, axis=1)
    np.testing.assert_allclose(layer(x), powers.real, rtol=1e-9)
    assert np.abs(powers.imag).max() > 0.1


def _numerical(function, variable, h=1e-6) -> np.ndarray:
    """Central differences of a number in each element of a variable."""
    value, found = variable.numpy(), np.zeros(variable.shape)
    for index in np.ndindex(*value.shape):
        ends = []
        for sign in (1, -1):
            moved = value.copy()
            moved[index] += sign * h
            variable.assign(moved)
            ends.append(float(function()))
        found[index] = (ends[0] - ends[1]) / (2 * h)
    variable.assign(value)
    return found


@pytest.mark.parametrize(
    "layer",
    [NAU(3), NMU(3), NAC(3), NAC(3, multiplicative=True), NALU(3), NPU(3), NPU(3, False, False)],
    ids=repr,
)
def test_gradients_of_all_factors_are_differences(layer):
    """None is 0: an accumulator without one of its factors is a linear layer."""
    x, rng = _inputs(), np.random.default_rng(2)
    layer(x)
    if hasattr(layer, "b"):
        layer.b.assign(0.3 * rng.normal(size=layer.b.shape))

    def loss():
        return tf.reduce_sum(tf.sin(layer(x)))

    with tf.GradientTape() as tape:
        value = loss()
    for variable, slope in zip(
        layer.trainable_variables,
        tape.gradient(value, layer.trainable_variables),
        strict=True,
    ):
        expected = _numerical(loss, variable)
        np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
        assert (np.abs(slope) > 1e-6).all(), variable.name


def test_both_factors_bound_the_weights_of_an_accumulator():
    nac, rng = _built(NAC(3)), np.random.default_rng(3)
    w, m = 30 * rng.normal(size=[2, 4, 3])
    nac.w_hat.assign(w)
    nac.m_hat.assign(m)
    x = _inputs()
    np.testing.assert_allclose(nac(x), x @ (np.tanh(w) / (1 + np.exp(-m))), rtol=1e-12)
    assert np.abs(nac.weights).max() <= 1


@pytest.mark.parametrize("layer, low", [(NAU(3), -1), (NMU(3), 0)], ids=["NAU", "NMU"])
def test_weights_stay_in_their_interval(layer, low):
    _built(layer, w=np.linspace(-2, 2, 12).reshape(4, 3))
    cut = np.clip(np.linspace(-2, 2, 12), low, 1).reshape(4, 3)
    x = _inputs()
    before = layer(x).numpy()
    np.testing.assert_array_equal(layer.weights, cut)
    with tf.GradientTape() as tape:
        y = layer(x)
    outside = (layer.w.numpy() < low) | (layer.w.numpy() > 1)
    slope = tape.gradient(y, layer.w).numpy()
    assert (slope[outside] == 0).all() and (slope[~outside] != 0).all()
    layer.clip()  # from where a step can lead back
    np.testing.assert_array_equal(layer.w, cut)
    np.testing.assert_array_equal(layer(x), before)
    with tf.GradientTape() as tape:
        y = layer(x)
    assert (tape.gradient(y, layer.w).numpy() != 0).all()


@pytest.mark.slow
def test_regularization_draws_to_whole_numbers():
    for layer, values in ((NAU(1), [-1, 0, 0.25, -0.6]), (NMU(1), [1, 0, 0.25, 0.6])):
        _built(layer, w=np.reshape(values, [4, 1]))
        assert float(layer.regularization()) == pytest.approx((0.25 + 0.4) / 4)
        for _ in range(50):
            with tf.GradientTape() as tape:
                value = layer.regularization()
            layer.w.assign_sub(0.05 * tape.gradient(value, layer.w))
        sign = np.sign(values[3])
        np.testing.assert_allclose(layer.w[:, 0], [values[0], 0, 0, sign], atol=0.02)
    npu = _built(NPU(1), a=POWERS, b=[[0], [0], [-0.5], [0]])
    assert float(npu.regularization()) == pytest.approx(4 + 0.5 + 2)


def test_variances_at_the_start():
    """Glorot's, from which the accumulator's own formula and the rule of few inputs are tested."""
    tf.random.set_seed(0)
    x, largest = np.ones([1, 300]), {}
    for layer in (NAU(500), NAC(500), NALU(500), NPU(500)):
        layer(x)
        w = layer.a if isinstance(layer, NPU) else layer.weights
        assert np.var(w) == pytest.approx(2 / 800, rel=0.03)
    for size in (2, 400):
        for layer in (NAU(size), NMU(size)):
            layer(np.ones([1, size]))
            largest[type(layer), size] = np.abs(layer.w).max()
    assert largest[NAU, 2] <= 0.5 and largest[NAU, 400] == pytest.approx((6 / 800) ** 0.5, rel=0.01)
    assert np.min(layer.w) == pytest.approx(0.25, abs=0.01) and largest[NMU, 400] <= 0.75


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: NAU(0), "^output_size must be an integer >= 1, got 0$"),
        (lambda: NMU(2.5), "^output_size must be an integer >= 1, got 2.5$"),
        (lambda: NAC(3, 1), "^multiplicative must be True or False, got 1$"),
        (lambda: NALU("3"), "^output_size must be an integer >= 1, got '3'$"),
        (lambda: NPU(3, "no"), "^with_imaginary must be True or False, got 'no'$"),
        (lambda: NPU(3, with_gate=None), "^with_gate must be True or False, got None$"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
