"""The page of exp^[a] shows the function itself."""

import numpy as np
import pytest

from training.playground import iterates


@pytest.mark.slow
@pytest.mark.parametrize(
    ("alpha", "x", "y"), [(0.0, 1.0, 1.0), (0.5, 1.0, 1.6463542), (1.0, 2.0, np.exp(2))]
)
def test_values_lead_the_rest_of_the_way_to_exp(alpha, x, y):
    table = dict(iterates.values(alpha, x).to_numpy().tolist())
    assert float(table["y = exp^[a](x)"]) == pytest.approx(y, rel=1e-7)
    assert table["exp^[1 - a](y)"] == table["exp(x)"]
    assert float(table["exp(x)"]) == pytest.approx(np.exp(x))


@pytest.mark.slow
def test_slopes_are_those_of_differences():
    def y(alpha, x):
        return float(dict(iterates.values(alpha, x).to_numpy().tolist())["y = exp^[a](x)"])

    table = dict(iterates.values(0.3, 1.2).to_numpy().tolist())
    by_x, by_a = (y(0.3, 1.201) - y(0.3, 1.199)) / 2e-3, (y(0.301, 1.2) - y(0.299, 1.2)) / 2e-3
    assert float(table["dy/dx"]) == pytest.approx(by_x, rel=1e-4)
    assert float(table["dy/da"]) == pytest.approx(by_a, rel=1e-4)


@pytest.mark.slow
def test_values_lead_back_from_logarithms():
    table = dict(iterates.values(-0.25, 3.0).to_numpy().tolist())
    assert table["exp^[-a](y)"] == table["x"] == "3"


def test_curves_are_the_functions_where_the_picture_is():
    table = iterates.curves(0.5)
    assert table["y"].between(-3, 8).all() and table["x"].between(-3, 8).all()
    of = {name: rows.set_index("x")["y"] for name, rows in table.groupby("function")}
    assert set(of) == {"log", "identity", "exp", "exp^[a]"}
    for name, function in (("log", np.log), ("exp", np.exp), ("identity", np.array)):
        np.testing.assert_allclose(of[name], function(of[name].index), atol=1e-12)
    half = of["exp^[a]"]
    assert (half[half.index > 0] < np.exp(half.index[half.index > 0])).all()
    assert half.index.min() == -3 and half.max() > 7.5


def test_what_is_no_number_is_refused():
    with pytest.raises(ValueError, match="x must be a number, got none"):
        iterates.values(0.5, None)
    with pytest.raises(ValueError, match="alpha must be"):
        iterates.values(1.5, 1.0)
