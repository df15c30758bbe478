"""Starting points: log-linear least squares and convex fits."""

import numpy as np
import pytest

from tests.training.fitting.cooking.kitchen import LAW, RNG, X, cook, law
from training.fitting import cooking
from training.fitting.cooking import Start
from weirdonetworks.layers import PosynomialDense, SignomialDense


def test_one_monomial_is_found_by_log_linear_least_squares():
    fit = cooking.fit_log_linear(np.log(X), np.log(law(X, LAW[0][:1], LAW[1][:1])))
    np.testing.assert_allclose(fit.a[:, 0], LAW[0][0], atol=1e-12)
    np.testing.assert_allclose(fit.b, np.log(0.7), atol=1e-12)


def test_max_affine_and_log_sum_exp():
    log_x = RNG.normal(size=(300, 2))
    a, b = np.array([[1.0, -2.0, 0.5], [0.0, 1.0, -1.0]]), np.array([0.0, 1.0, -0.5])
    planes = log_x @ a + b
    errors = {}
    for name, y, fit in (
        ("max", planes.max(axis=1), cooking.fit_max_affine),
        ("sum", np.log(np.exp(planes).sum(axis=1)), cooking.fit_log_sum_exp),
        ("max of sum", np.log(np.exp(planes).sum(axis=1)), cooking.fit_max_affine),
    ):
        found = [fit(log_x, y, 3, seed) for seed in range(5)]
        if name == "sum":
            residuals = [np.log(np.exp(f(log_x)).sum(axis=1)) - y for f in found]
        else:
            residuals = [f(log_x).max(axis=1) - y for f in found]
        errors[name] = min(np.abs(r).max() for r in residuals)
    assert errors["max"] < 1e-10 and errors["sum"] < 1e-10
    assert errors["max of sum"] > 1e-2
    fewer = cooking.fit_max_affine(log_x, planes.max(axis=1), 2)(log_x).max(axis=1)
    assert np.abs(fewer - planes.max(axis=1)).max() > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("cls", [PosynomialDense, SignomialDense])
@pytest.mark.parametrize("sign", [1, -1])
def test_starts_set_the_network(cls, sign):
    if sign < 0 and cls is PosynomialDense:
        with pytest.raises(ValueError, match=r"^targets must be > 0 for a start"):
            cook(lambda: cls(1, 2), Start(), data=cooking.split(X, -law(X)))
        return
    data = cooking.split(X, sign * law(X), 0.3)
    for method, bound in (("log_linear", 0.4), ("max_affine", 0.3), ("log_sum_exp", 1e-10)):
        cooked = cook(lambda: cls(1, 2), Start(method, spread=0.1), data=data)
        assert cooked.train_error < bound, method
    one = cook(lambda: cls(1, 1), Start("log_linear"), data=data)
    fit = cooking.fit_log_linear(np.log(data.train_inputs), np.log(np.abs(data.train_targets)))
    np.testing.assert_allclose(one.network.exponents, fit.a, atol=1e-12)
