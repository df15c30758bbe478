"""Activations by name: formulas, numbers of any size, every way to run them; gates and / or."""

import copy
import functools
import math
import pickle
import re

import numpy as np
import pytest
import scipy.special
import scipy.stats
import sonnet as snt
import tensorflow as tf

from tests import helpers
from weirdonetworks import functional, layers
from weirdonetworks.functional import ACTIVATIONS, and_gate, or_gate

X = np.linspace(-6, 6, 104)
CDF = scipy.special.ndtr(X)
RELU = np.maximum(X, 0)
PAIRS, FOURS = X.reshape(-1, 2), X.reshape(-1, 4)


def _layer_norm(x, epsilon=1e-5):
    return (x - x.mean()) / np.sqrt(x.var() + epsilon)


FORMULAS = {
    "identity": X,
    "gelu": X * CDF,
    "relu": RELU,
    "silu": X / (1 + np.exp(-X)),
    "softplus": np.log1p(np.exp(X)),
    "tanh": np.tanh(X),
    "sigmoid": 1 / (1 + np.exp(-X)),
    "stochastic_gelu": X * CDF,
    "ramp_normal": X * CDF + scipy.stats.norm.pdf(X),
    "ramp_cauchy": X * scipy.stats.cauchy.cdf(X) - np.log1p(X**2) / (2 * np.pi),
    "ramp_uniform": np.where(X < -1, 0, np.where(X > 1, X, (1 + X) ** 2 / 4)),
    "ramp_laplace": RELU + np.exp(-np.abs(X)) / 2,
    "ramp_student_t2": (X + np.sqrt(X**2 + 2)) / 2,
    "gate_cauchy": X * scipy.stats.cauchy.cdf(X),
    "gate_uniform": X * scipy.stats.uniform(-1, 2).cdf(X),
    "gate_laplace": X * scipy.stats.laplace.cdf(X),
    "gate_student_t2": X * scipy.stats.t(2).cdf(X),
    "and_tanh": X * np.tanh(X),
    "and_relu": RELU**2,
    "and_softplus": X * np.log1p(np.exp(X)),
    "or_tanh": X + np.tanh(X),
    "or_relu": X + RELU,
    "or_gelu": X + X * CDF,
    "layer_norm": _layer_norm(X),
    "solu": X * scipy.special.softmax(X),
    "solu_layer_norm": _layer_norm(X * scipy.special.softmax(X)),
    "xexp_layer_norm": _layer_norm(X * np.exp(X)),
    "maxout": PAIRS.max(axis=1),
    "sort_groups": np.sort(PAIRS, axis=1).ravel(),
    "group_softmax": (4 * scipy.special.softmax(FOURS, axis=1)).ravel(),
}
TESTED_ELSEWHERE = {"gelu_tanh", "half_exp"}
each_activation = pytest.mark.parametrize("name", ACTIVATIONS)


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name):
    # So close only if the GELU's root of 2 is in double precision.
    np.testing.assert_allclose(functional.get_activation(name)(X), FORMULAS[name], atol=1e-14)


def test_gelu_tanh_is_as_near_to_gelu_as_it_says():
    error = np.abs(functional.gelu_tanh(X) - functional.gelu(X)).max()
    assert 1e-4 < error <= 5e-4


def test_all_names_are_tested():
    assert set(ACTIVATIONS) == {*FORMULAS, *TESTED_ELSEWHERE}


def test_the_digits_that_gelu_keeps():
    """Those of x, not of the value, on the left; all of them as a gate of the normal CDF."""
    for dtype, eps in (("float32", 6e-8), ("float64", 1.2e-16)):
        x = np.linspace(-12, 12, 2401).astype(dtype)
        exact = np.float64(x) * scipy.special.ndtr(np.float64(x))
        error = np.abs(functional.gelu(x).numpy() - exact)
        assert np.all(error <= 4 * eps * np.maximum(np.abs(x), 1))
    x = np.float32([-4.5, -5.5, -8])
    exact = np.float64(x) * scipy.special.ndtr(np.float64(x))
    errors = np.abs(functional.gelu(x) / exact - 1)
    assert errors[0] < 0.03 and np.all(errors[1:] == 1)
    gate = functional.cdf_gate("normal")(x)
    np.testing.assert_allclose(gate, exact, rtol=2e-5)


# Whose values are x^2 on the right, or which end at their own largest number.
GROWING = {"and_relu", "and_softplus", "half_exp"}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_largest_numbers(dtype):
    largest = float(tf.as_dtype(dtype).max)
    signs = np.array([[1, -1, 0.5, 1, -0.5, 0.25, 0, -1], 8 * [1], 8 * [-1], 4 * [-1, 1]])
    sizes = np.geomspace(1, 0.45 * largest, 40)
    x = tf.cast(sizes[:, None, None] * signs, dtype)  # each row is alone: all sizes at once
    for name in sorted(ACTIVATIONS.keys() - GROWING):
        for value in _with_gradient(ACTIVATIONS[name], x):
            finite = np.isfinite(tf.cast(value, tf.float64)).all(axis=(1, 2))
            assert np.all(finite) and value.dtype == dtype, (name, sizes[~finite])


LARGE = [-1e4, -300, -90, -30, -5, -1e-3, 0, 0, 1e-3, 1, 20, 89, 300, 1e4, 1e4, 7]
# Nothing but one unit, nothing but the same, nothing but the smallest and the largest.
ROWS = [LARGE, [0.0] * 16, [1e4] * 16, [-1e4] * 16, [1e2] * 16, [-1e4, 1e4] * 8]


def _with_gradient(function, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
        loss = tf.reduce_sum(tf.sin(y))
    return y, tape.gradient(loss, x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each_activation
def test_values_and_gradients_are_finite(name, dtype):
    x = tf.constant(ROWS, dtype)
    for value in _with_gradient(ACTIVATIONS[name], x):
        assert np.all(np.isfinite(value)) and value.dtype == dtype


@pytest.mark.slow
def test_eager_and_compiled_agree_for_any_batch():
    """All in one graph, as each compilation takes a while by itself."""

    def all_with_gradients(x):
        return {name: _with_gradient(function, x) for name, function in ACTIVATIONS.items()}

    x = tf.constant(np.random.default_rng(0).normal(size=(5, 3, 16)))
    compiled = tf.function(
        all_with_gradients,
        input_signature=[tf.TensorSpec([None, None, 16], x.dtype)],
        jit_compile=True,
    )
    for rows in (x, x[:2], x[:0]):
        expected, actual = all_with_gradients(rows), compiled(rows)
        for name in ACTIVATIONS:
            for a, b in zip(expected[name], actual[name], strict=True):
                assert a.shape == b.shape and a.shape[0] == len(rows), name
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=name)
    static = compiled.get_concrete_function().structured_outputs
    for name, function in ACTIVATIONS.items():
        assert static[name][0].shape[-1] == function(x).shape[-1], name


@each_activation
def test_copies_compute_the_same(name):
    function = ACTIVATIONS[name]
    x = tf.constant(np.random.default_rng(0).normal(size=(5, 16)))
    for other in (pickle.loads(pickle.dumps(function)), copy.deepcopy(function)):
        np.testing.assert_array_equal(other(x), function(x))


def test_a_callable_is_its_own_activation():
    module = snt.Linear(2)
    assert functional.get_activation(module) is module
    assert functional.get_activation(tf.math.sin) is tf.math.sin


@pytest.mark.parametrize("activation", ["swish", "", None, 3, ["gelu"]])
@pytest.mark.parametrize("function", [functional.get_activation, and_gate, or_gate])
def test_what_is_neither_a_name_nor_a_callable(function, activation):
    with pytest.raises(ValueError, match=r"^activation must be a callable or one of \['identity'"):
        function(activation)


@each_activation
def test_docstrings_name_formula_and_source(name):
    """A year, or the name of the function whose docstring has it."""
    doc = ACTIVATIONS[name].__doc__
    sources = [
        getattr(functional, other).__doc__
        for other in re.findall(r"`(\w+)`", doc)
        if hasattr(functional, other)
    ]
    assert any(
        re.search(r"(19|20)\d\d, \"", text) or re.search(r"(19|20)\d\d, as", text)
        for text in [doc, *sources]
    )


@pytest.mark.parametrize("function", [and_gate, or_gate])
def test_gates_are_of_one_unit_each(function):
    with pytest.raises(ValueError, match="^activation must be a function of x alone, got Stoch"):
        function(layers.StochasticGELU())
    for name, x in (("maxout", X), ("maxout", X[:2])):
        message = rf"^activation must keep the shape of its inputs, got \({len(x)},\) -> "
        with pytest.raises(ValueError, match=message):
            function(name)(x)
    for other, message in (
        (lambda x: None, "^f.x. must be a tensor of a floating type, got NoneType$"),
        (lambda x: tf.cast(x, tf.int32), "^f.x. must be of a floating type .* got int32$"),
        (lambda x: tf.cast(x, tf.float32), "^f.x. must be float64 as x, got float32$"),
    ):
        with pytest.raises(ValueError, match=message):
            function(other)(X)
    # The name is the mean.
    np.testing.assert_allclose(function("stochastic_gelu")(X), function("gelu")(X), atol=1e-14)


def test_gates_of_known_activations_are_known_ones():
    np.testing.assert_allclose(and_gate("sigmoid")(X), ACTIVATIONS["silu"](X), rtol=1e-14)
    np.testing.assert_allclose(and_gate(scipy.special.ndtr)(X), functional.gelu(X), atol=1e-15)
    np.testing.assert_array_equal(and_gate("relu")(X), RELU**2)
    for name in ("tanh", "relu", "softplus"):
        np.testing.assert_array_equal(and_gate(name)(X), ACTIVATIONS[f"and_{name}"](X))
    for name in ("tanh", "relu", "gelu"):
        np.testing.assert_array_equal(or_gate(name)(X), ACTIVATIONS[f"or_{name}"](X))


def test_gates_take_callables_and_gates():
    np.testing.assert_allclose(or_gate(and_gate(tf.sin))(X), X + X * np.sin(X))
    for gate in (and_gate("tanh"), or_gate(functional.gelu)):
        assert isinstance(gate, functools.partial)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(gate))(X), gate(X))


def test_or_keeps_slopes_at_one_and_and_does_not():
    x = tf.constant(X)
    for name in ("or_tanh", "or_relu"):
        (slope,) = helpers.gradients(ACTIVATIONS[name], x)
        assert np.min(slope) >= 1 and np.max(slope) > 1.9
    (slope,) = helpers.gradients(ACTIVATIONS["and_tanh"], x)
    assert np.min(slope) < -1  # even: falls on the left
    np.testing.assert_allclose(ACTIVATIONS["and_tanh"](-x), ACTIVATIONS["and_tanh"](x))


def test_the_slopes_of_or_relu():
    (slope,) = helpers.gradients(ACTIVATIONS["or_relu"], tf.constant(X))
    np.testing.assert_array_equal(slope, np.where(X > 0, 2, 1))
    assert math.isclose(float(and_gate("tanh")(tf.constant(30.0))), 30)


@pytest.mark.parametrize("name", functional.ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["int32", "string"])
def test_what_is_not_floating_is_refused(name, dtype):
    x = tf.zeros([2, 4], dtype)
    with pytest.raises(ValueError, match=rf"^x must be of a floating type .* got {dtype}$"):
        functional.get_activation(name)(x)


@pytest.mark.parametrize("name", ["layer_norm", "solu", "solu_layer_norm", "xexp_layer_norm"])
def test_what_sees_all_units_needs_an_axis_of_them(name):
    with pytest.raises(ValueError, match=r"^x must have a last axis of units, got shape \(\)$"):
        functional.get_activation(name)(tf.constant(1.0))
