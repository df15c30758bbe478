"""Any finite table: a law, or a refusal in our words; no exception or warning of a library."""

import traceback
import warnings

import numpy as np
import pytest

from weirdonetworks.regression import PosynomialRegressor, SignomialRegressor


def _table(seed):
    """Columns from 1e-150 to 1e150, some nearly collinear or constant, and y of any kind."""
    g = np.random.default_rng(seed)
    rows, columns = int(g.choice([2, 3, 5, 8, 12, 20, 40])), int(g.integers(1, 4))
    width = g.choice([0.01, 1, 4, 30, 150])
    log = g.uniform(-1, 1, columns) * (150 - width if g.random() < 0.3 else 1)
    x = 10 ** np.clip(log + g.uniform(-width, width, (rows, columns)), -150, 150)
    kind = g.integers(5)
    if kind == 0 and columns > 1:
        x[:, 1] = x[:, 0] * (1 + 10 ** g.uniform(-14, -1) * g.normal(size=rows))
    if kind == 1:
        x[:, 0] = 10 ** log[0] * (1 + 10 ** g.uniform(-15, -1) * g.random(rows))
    x = np.clip(np.abs(x), 1e-150, 1e150)
    with np.errstate(all="ignore"):
        y = [
            np.exp(np.clip(np.log(x) @ g.uniform(-3, 3, columns), -340, 340)),
            g.normal(size=rows) * 10 ** g.uniform(-150, 150),
            np.exp(-7 * x[:, 0]),
            x[:, 0] + x[:, -1] ** 2,
            10 ** g.uniform(-150, 150, rows) * g.choice([1, -1], rows, p=[0.9, 0.1]),
        ][g.integers(5)]
    return x, np.clip(np.nan_to_num(y), -1e150, 1e150), g


@pytest.mark.slow
def test_any_table_is_fitted_or_refused():
    refused = 0
    # Of the last two, a fit leaves a model without terms, and one with a constant below all floats.
    for seed in (*range(20), 10545, 11725):
        x, y, g = _table(seed)
        regressor = PosynomialRegressor if seed % 3 else SignomialRegressor
        settings = {
            "noise": str(g.choice(["auto", "auto", "absolute", "relative"])),
            "loss": str(g.choice(["squared_error", "robust"])),
            "max_terms": 3,
        }
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert regressor(**settings).fit(x, y).predict(x).shape == y.shape
        except ValueError as error:
            refused += 1
            assert "coefficients" not in str(error)  # no argument of theirs
            place = traceback.extract_tb(error.__traceback__)[-1].filename
            assert "weirdonetworks" in place, (seed, settings, error)
    assert 2 < refused < 16
