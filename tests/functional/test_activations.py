"""Activations by name."""

import math

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from weirdonetworks import functional

X = np.linspace(-6, 6, 101)
CDF = np.array([0.5 * (1 + math.erf(x / math.sqrt(2))) for x in X])
FORMULAS = {
    "identity": X,
    "gelu": X * CDF,
    "relu": np.maximum(X, 0),
    "silu": X / (1 + np.exp(-X)),
    "softplus": np.log1p(np.exp(X)),
    "tanh": np.tanh(X),
    "sigmoid": 1 / (1 + np.exp(-X)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name):
    # So close only if the GELU's root of 2 is in double precision.
    np.testing.assert_allclose(functional.get_activation(name)(X), FORMULAS[name], atol=1e-14)


def test_gelu_tanh_is_as_near_to_gelu_as_it_says():
    error = np.abs(functional.gelu_tanh(X) - functional.gelu(X)).max()
    assert 1e-4 < error <= 5e-4


def test_all_names_are_tested():
    assert set(functional.ACTIVATIONS) == {*FORMULAS, "gelu_tanh"}


def test_a_callable_is_its_own_activation():
    module = snt.Linear(2)
    assert functional.get_activation(module) is module
    assert functional.get_activation(tf.math.sin) is tf.math.sin


@pytest.mark.parametrize("activation", ["swish", "", None, 3, ["gelu"]])
def test_what_is_neither_a_name_nor_a_callable(activation):
    with pytest.raises(ValueError, match=r"activation must be a callable or one of \['identity'"):
        functional.get_activation(activation)
