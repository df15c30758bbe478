"""Phases that optimise: they lower the error, of a copy, and leave what is frozen."""

import dataclasses

import numpy as np
import pytest

from tests.training.fitting.cooking.kitchen import (
    DATA,
    LAW,
    built,
    cook,
    error,
    posynomial,
    train_error,
    values,
)
from training.fitting.cooking import LBFGS, Adam, LeastSquares

OPTIMISERS = {
    "adam": Adam(steps=250, learning_rate=0.03),
    "adam-batches": Adam(steps=250, learning_rate=0.03, batch_size=10),
    "lm": LeastSquares(),
    "trf": LeastSquares(method="trf"),
    "lbfgs": LBFGS(max_iterations=100),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMISERS)
def test_each_optimiser_lowers_the_error_of_a_copy(name):
    network = built(posynomial())
    start, before = train_error(network), values(network)
    cooked = cook(network, OPTIMISERS[name])
    assert train_error(cooked.network) < 0.2 * start
    assert cooked.train_error == pytest.approx(train_error(cooked.network), rel=1e-6, abs=1e-14)
    validation = error(cooked.network, DATA.validation_inputs, DATA.validation_targets)
    assert cooked.validation_error == pytest.approx(validation, rel=1e-6, abs=1e-14)
    for key, value in values(cooked.network).items():
        assert not np.any(value == before[key])  # and so is what stays when frozen no accident
        np.testing.assert_array_equal(values(network)[key], before[key])


@pytest.mark.slow
def test_levenberg_marquardt_recovers_two_terms():
    cooked = cook(posynomial, LeastSquares(), restarts=5, target=1e-12)
    order = np.argsort(cooked.network.exponents[1])[::-1]
    found = cooked.network.exponents.numpy().T[order], cooked.network.coefficients.numpy()[order, 0]
    np.testing.assert_allclose(found[0], LAW[0], atol=1e-10)
    np.testing.assert_allclose(found[1], LAW[1], rtol=1e-10)
    assert cooked.train_error < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adam-batches", "lm", "lbfgs"])
def test_what_is_frozen_stays_to_the_bit(name):
    network = built(posynomial())
    cooked = cook(network, dataclasses.replace(OPTIMISERS[name], frozen=("*/a",)))
    before, after = values(network), values(cooked.network)
    np.testing.assert_array_equal(after["posynomial_dense/a:0"], before["posynomial_dense/a:0"])
    assert np.all(after["posynomial_dense/theta:0"] != before["posynomial_dense/theta:0"])
    assert train_error(cooked.network) < train_error(network)
