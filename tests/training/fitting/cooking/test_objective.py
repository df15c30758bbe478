"""Residuals and their derivatives."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training.fitting.cooking.kitchen import X, built, law, posynomial
from training.fitting import cooking
from training.fitting.cooking.objective import Objective


@pytest.mark.slow
@pytest.mark.parametrize("rows", [60, 4], ids=["more-rows", "fewer-rows"])
@pytest.mark.parametrize("loss", ["squared", "relative", "log"])
def test_jacobian_and_gradient(rows, loss):
    network = built(posynomial())
    data = cooking.Data(X[:rows], law(X[:rows]), X, law(X))
    objective = Objective(network, data)
    x = objective.values()
    step = 1e-6 * np.eye(len(x))
    f = network(tf.constant(X[:rows])).numpy()[:, 0]
    y = law(X[:rows])
    wanted = {
        "squared": (f - y) / np.sqrt(np.mean(y**2)),
        "relative": (f - y) / y,
        "log": np.log(f / y),
    }[loss]
    r = objective.residuals(loss, x)
    np.testing.assert_allclose(r, wanted / np.sqrt(rows), rtol=1e-9)
    numeric = [objective.residuals(loss, x + e) - objective.residuals(loss, x - e) for e in step]
    jacobian = objective.jacobian(loss, x)
    assert jacobian.shape == (rows, 9 - 2)
    np.testing.assert_allclose(jacobian, np.array(numeric).T / 2e-6, atol=1e-7)
    if rows == 60 and loss == "squared":
        value, gradient = objective.loss_and_gradient(loss, x)
        assert value == pytest.approx(np.mean(wanted**2))
        np.testing.assert_allclose(gradient, 2 * jacobian.T @ r, rtol=1e-9)
