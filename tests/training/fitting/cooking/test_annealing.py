"""Exponents to fractions."""

import numpy as np
import pytest

from tests.training.fitting.cooking.kitchen import LAW, X, cook, law, posynomial
from training.fitting import cooking
from training.fitting.cooking import Adam, Anneal, LeastSquares, Start


def test_the_nearest_fraction():
    near = cooking.nearest_fraction(np.array([0.34, -0.52, 1.9, 0.1, -0.01]), (1, 2, 3))
    np.testing.assert_array_equal(near, [1 / 3, -0.5, 2, 0, 0])
    assert not np.signbit(near[-1])
    np.testing.assert_array_equal(cooking.nearest_fraction(np.array([0.34, 1.9]), (1,)), [0, 2])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["one_by_one", "penalty"])
def test_annealing_ends_on_fractions_that_stay(method):
    noisy = law(X) * (1 + 0.01 * np.random.default_rng(1).normal(size=len(X)))
    cooked = cook(
        posynomial,
        Start("log_sum_exp"),
        LeastSquares(),
        Anneal(method=method, denominators=(1, 2)),
        Adam(steps=50),
        data=cooking.split(X, noisy, 0.3),
    )
    free, annealed, later = cooked.rows[1:]
    a = cooked.network.exponents.numpy()
    np.testing.assert_array_equal(a[:, np.argsort(a[1])[::-1]], LAW[0].T)
    assert (free["held"], annealed["held"], later["held"]) == (0, 4, 4)
    assert annealed["train_error"] > free["train_error"]  # the free ones had the noise, too
    assert later["train_error"] != annealed["train_error"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["one_by_one", "penalty"])
@pytest.mark.parametrize("tolerance", [1.5, None])
def test_annealing_leaves_what_is_no_fraction(method, tolerance):
    y = law(X, np.array([[0.83, 2]]), np.array([2.0]))
    data = cooking.split(X, y, 0.3)
    phase = Anneal(method=method, denominators=(1, 2), tolerance=tolerance)
    cooked = cook(lambda: posynomial(1), Start(), phase, data=data)
    a = cooked.network.exponents.numpy()[:, 0]
    if tolerance is None:  # at any price
        np.testing.assert_array_equal(a, [1, 2])
        assert cooked.rows[-1]["held"] == 2 and cooked.validation_error > 0.01
    else:
        np.testing.assert_allclose(a, [0.83, 2], atol=1e-9)
        assert cooked.rows[-1]["held"] == (1 if method == "one_by_one" else 0)
        assert cooked.validation_error < 1e-8
