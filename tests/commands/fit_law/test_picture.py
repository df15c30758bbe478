"""The picture of a law: its bars are what the noise model claims."""

import numpy as np
import pandas as pd
import pytest

from weirdonetworks.commands.fit_law import picture
from weirdonetworks.regression import PosynomialRegressor


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["absolute", "relative", "measured"])
def test_bars_are_two_standard_deviations(noise):
    """About 95 of 100 fitted residuals are within; and they are those of the model, not of all."""
    g = np.random.default_rng(0)
    x = pd.DataFrame({"a": g.uniform(1, 5, 200), "b": g.uniform(1, 5, 200)})
    clean = 3 * x.a**1.5 / x.b
    error = 0.05 * clean if noise == "relative" else pd.Series(np.full(200, 0.1))
    if noise == "measured":
        error = error * np.exp(g.uniform(-1, 1, 200))
    y = (clean + error * g.normal(size=200)).rename("y")
    held = np.arange(200) < 40
    given = error[~held] if noise == "measured" else None
    settings = {} if noise == "measured" else {"noise": noise}
    regressor = PosynomialRegressor(num_terms=1, **settings).fit(x[~held], y[~held], y_error=given)
    figure = picture.draw(regressor, x, y, held)
    axes = figure.axes[len(figure.axes) // 2]  # the residuals by the law
    (bars,) = [c for c in axes.collections if hasattr(c, "get_segments")]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    assert ends.shape == (160, 2)
    scale = regressor.predict(x) if noise == "relative" else np.sqrt(np.mean(y**2))
    expected = 200 * (error / scale)[~held]
    np.testing.assert_allclose(ends[:, 1], expected, rtol=0.2)
    np.testing.assert_allclose(ends[:, 0], -ends[:, 1])
    residuals = (100 * (y - regressor.predict(x)) / scale)[~held]
    assert 0.9 < np.mean(np.abs(residuals) < ends[:, 1]) < 0.99
